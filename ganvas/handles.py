"""One job in the hands of a client: follow it, and do with it what its state allows.

What a state does not allow raises GanvasAPIError (409), which names what it does allow.
"""

from collections.abc import AsyncIterator, Callable, Iterator
from typing import TYPE_CHECKING

from core.alarms import JobAlarm
from core.schemas import Job, JobCheckpoint, JobEvent, Model
from ganvas.calls import Action, MetricsFormat

if TYPE_CHECKING:
    from ganvas.async_client import AsyncClient
    from ganvas.client import Client


class JobHandle:
    """One job, as last seen in `job`."""

    def __init__(self, client: "Client", job: Job) -> None:
        self._client = client
        self.job = job

    @property
    def id(self) -> str:
        return self.job.id

    def refresh(self) -> Job:
        """Ask the service for the present state."""
        self.job = self._client.jobs.get(self.id)
        return self.job

    def wait(
        self, timeout: float | None = None, on_progress: Callable[[Job], None] | None = None
    ) -> Job:
        """The job in its final state, whichever that is. Raises TimeoutError."""
        flow = self._client._calls.wait(self.job, timeout, on_progress)
        self.job = self._client._run(flow)
        return self.job

    def events(self, after: str | None = None) -> Iterator[JobEvent]:
        """What happens, until the job's end; broken connections go on where they broke."""
        return self._client._events(f"/v1/jobs/{self.id}/events", after, ends=True)

    def cancel(self) -> Job:
        """Ask for its end; what was trained so far becomes a model."""
        return self._act("cancel")

    def pause(self) -> Job:
        """Let it rest; a running training saves its state first."""
        return self._act("pause")

    def resume(self) -> Job:
        """Let a paused job go on where it stopped."""
        return self._act("resume")

    def checkpoint(self) -> Job:
        """Let a running training save its state now; an event `checkpoint` follows."""
        return self._act("checkpoint")

    def sample(self) -> Job:
        """Let a running training draw a sample grid now; an event `sample` follows."""
        return self._act("sample")

    def retry(self) -> "JobHandle":
        """A new job that does the work of this failed or cancelled one, from its last checkpoint.

        Asked twice it is the same one.
        """
        return JobHandle(self._client, self._client._run(self._client._calls.act(self.id, "retry")))

    def prioritise(self, priority: int) -> Job:
        """-10 to 10: a higher one goes first while it waits."""
        self.job = self._client._run(self._client._calls.prioritise(self.id, priority))
        return self.job

    def checkpoints(self) -> list[JobCheckpoint]:
        """The saved states, newest first."""
        return self._client._run(self._client._calls.checkpoints(self.id))

    def publish(self, step: int, name: str | None = None, alias: str | None = None) -> Model:
        """Make the checkpoint at `step` a version of a model, by default of the training's; `alias`
        is to mean it. Asked twice it is the same version."""
        return self._client._run(self._client._calls.publish(self.id, step, name, alias))

    def alarms(self) -> list[JobAlarm]:
        """What went wrong in the training and what was done about it, oldest first."""
        return self._client._run(self._client._calls.alarms(self.id))

    def metrics(self, format: MetricsFormat = "csv") -> bytes:
        """All losses and measurements as a file: a row for every step, a column for each."""
        return self._client._run(self._client._calls.metrics(self.id, format))

    def log(self) -> str:
        """What the job's process wrote."""
        return self._client._run(self._client._calls.log(self.id))

    def _act(self, action: Action) -> Job:
        self.job = self._client._run(self._client._calls.act(self.id, action))
        return self.job


class AsyncJobHandle:
    """One job, as last seen in `job`; see `JobHandle`."""

    def __init__(self, client: "AsyncClient", job: Job) -> None:
        self._client = client
        self.job = job

    @property
    def id(self) -> str:
        return self.job.id

    async def refresh(self) -> Job:
        """Ask the service for the present state."""
        self.job = await self._client.jobs.get(self.id)
        return self.job

    async def wait(
        self, timeout: float | None = None, on_progress: Callable[[Job], None] | None = None
    ) -> Job:
        """The job in its final state, whichever that is. Raises TimeoutError."""
        flow = self._client._calls.wait(self.job, timeout, on_progress)
        self.job = await self._client._run(flow)
        return self.job

    def events(self, after: str | None = None) -> AsyncIterator[JobEvent]:
        """What happens, until the job's end; broken connections go on where they broke."""
        return self._client._events(f"/v1/jobs/{self.id}/events", after, ends=True)

    async def cancel(self) -> Job:
        """Ask for its end; what was trained so far becomes a model."""
        return await self._act("cancel")

    async def pause(self) -> Job:
        """Let it rest; a running training saves its state first."""
        return await self._act("pause")

    async def resume(self) -> Job:
        """Let a paused job go on where it stopped."""
        return await self._act("resume")

    async def checkpoint(self) -> Job:
        """Let a running training save its state now; an event `checkpoint` follows."""
        return await self._act("checkpoint")

    async def sample(self) -> Job:
        """Let a running training draw a sample grid now; an event `sample` follows."""
        return await self._act("sample")

    async def retry(self) -> "AsyncJobHandle":
        """See `JobHandle.retry`."""
        job = await self._client._run(self._client._calls.act(self.id, "retry"))
        return AsyncJobHandle(self._client, job)

    async def prioritise(self, priority: int) -> Job:
        """-10 to 10: a higher one goes first while it waits."""
        self.job = await self._client._run(self._client._calls.prioritise(self.id, priority))
        return self.job

    async def checkpoints(self) -> list[JobCheckpoint]:
        """The saved states, newest first."""
        return await self._client._run(self._client._calls.checkpoints(self.id))

    async def publish(self, step: int, name: str | None = None, alias: str | None = None) -> Model:
        """See `JobHandle.publish`."""
        return await self._client._run(self._client._calls.publish(self.id, step, name, alias))

    async def alarms(self) -> list[JobAlarm]:
        """What went wrong in the training and what was done about it, oldest first."""
        return await self._client._run(self._client._calls.alarms(self.id))

    async def metrics(self, format: MetricsFormat = "csv") -> bytes:
        """All losses and measurements as a file: a row for every step, a column for each."""
        return await self._client._run(self._client._calls.metrics(self.id, format))

    async def log(self) -> str:
        """What the job's process wrote."""
        return await self._client._run(self._client._calls.log(self.id))

    async def _act(self, action: Action) -> Job:
        self.job = await self._client._run(self._client._calls.act(self.id, action))
        return self.job
