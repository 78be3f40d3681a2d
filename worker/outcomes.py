"""What becomes of a job when its child has ended: published, salvaged, given back or failed.

Waits patiently for Redis and for room on the disk: a result that exists is not thrown away.
"""

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from core.errors import (
    DiskFull,
    GanvasError,
    Internal,
    OutOfMemory,
    StaleFence,
    Stalled,
    Unavailable,
)
from core.files import OUT_OF_ROOM
from core.jobs import CRASHED, JobStore
from core.records import Claim, Note
from core.schemas import Job, JobKind, JobState
from worker.channel import DONE, FAILED, RELEASED
from worker.watch import Watch

RETRY_SECONDS = 0.5  # between two tries to reach Redis, or to write to a full disk
TERMINAL = frozenset(state.value for state in JobState if state.terminal)
T = TypeVar("T")
log = logging.getLogger(__name__)


class Kind(Protocol):
    """What is special about one kind of job."""

    module: str
    shrinks: bool  # whether a second attempt can do with less memory

    def publish(self, job: Job, claim: Claim, result: dict[str, Any]) -> dict[str, Any]:
        """Make the child's result public; answers the job's output. Idempotent."""
        ...

    def salvage(self, job: Job, claim: Claim) -> dict[str, Any]:
        """The same for what a cancelled job has committed; {} when that is nothing."""
        ...

    def discard(self, job: Job, claim: Claim) -> None:
        """Remove what a job that failed leaves behind."""
        ...


@dataclass(frozen=True, kw_only=True)
class Outcomes:
    """The ways in which an attempt ends. All raise StaleFence when a newer attempt owns the job."""

    jobs: JobStore
    kinds: dict[JobKind, Kind]
    stopping: threading.Event
    stall_seconds: float
    disk_patience: float

    def conclude(self, job: Job, claim: Claim, watch: Watch, code: int) -> None:
        """Turn the way the child ended into the job's next state."""
        if watch.asked == "lost":
            raise StaleFence(job.id)
        if code == DONE and watch.result is not None:
            result = watch.result
            state = JobState.CANCELLED if result.get("cancelled") else JobState.SUCCEEDED
            publish = self.kinds[job.kind].publish
            self._publish(job, claim, state, lambda: publish(job, claim, result))
        elif watch.asked == "cancel":
            self.salvage(job, claim)
        elif code == FAILED and watch.error is not None:
            self._failed(job, claim, watch.error, watch)
        elif code == RELEASED or watch.left_on_request:
            why = "worker stopped" if self.stopping.is_set() else "given back"
            self._release(job, claim, why, crashed=False)
        elif "stalled" in watch.told:
            text = f"There was no sign of life for {self.stall_seconds:g} seconds, several times."
            self._release(job, claim, "stalled", error=Stalled(text))
        else:
            reason = f"child killed by signal {-code}" if code < 0 else f"child exit code {code}"
            log.warning("job %s: %s", job.id, reason)
            self._release(job, claim, reason)

    def _failed(self, job: Job, claim: Claim, error: dict[str, Any], watch: Watch) -> None:
        """The end, unless memory ran out under way and a smaller batch may help."""
        smaller = self.kinds[job.kind].shrinks and claim.shrink == 0 and watch.ready
        if error.get("code") == OutOfMemory.code and smaller:
            self._release(job, claim, "out of memory: again with half the batch", shrink=True)
        else:
            self.kinds[job.kind].discard(job, claim)
            self.insist(lambda: self.jobs.finish(claim, JobState.FAILED, error=error))

    def _release(
        self,
        job: Job,
        claim: Claim,
        reason: str,
        *,
        crashed: bool = True,
        shrink: bool = False,
        error: GanvasError = CRASHED,
    ) -> None:
        """Give the job back; when that was its end, nothing of it stays."""
        how: dict[str, Any] = {"crashed": crashed, "shrink": shrink, "error": error}
        state = self.insist(lambda: self.jobs.release(claim, reason, **how))
        if state in TERMINAL:
            self.kinds[job.kind].discard(job, claim)
            self.jobs.ledger.archive(job.id)

    def salvage(self, job: Job, claim: Claim) -> None:
        """A cancelled job keeps what it committed."""
        kind = self.kinds[job.kind]
        self._publish(job, claim, JobState.CANCELLED, lambda: kind.salvage(job, claim))

    def _publish(
        self, job: Job, claim: Claim, state: JobState, make: Callable[[], dict[str, Any]]
    ) -> None:
        """Make the result public, with a last look at the fence, and end the job."""
        if self.insist(lambda: self.jobs.beat(claim)).signal == "lost":
            raise StaleFence(job.id)
        made: list[dict[str, Any]] = []
        try:
            if not self.with_room(claim, lambda: made.append(make())):
                return
        except GanvasError as error:
            self.fail(claim, error)
            return
        except OSError as error:
            log.exception("the result of %s cannot be published", job.id)
            self.fail(claim, Internal(f"The result could not be stored: {error.strerror}."))
            return
        if not made[0]:
            self.kinds[job.kind].discard(job, claim)
        self.insist(lambda: self.jobs.finish(claim, state, output=made[0] or None))

    def fail(self, claim: Claim, error: GanvasError) -> None:
        record = error.record()
        self.insist(lambda: self.jobs.finish(claim, JobState.FAILED, error=record))

    def insist(self, action: Callable[[], T]) -> T:
        """`action()`, again and again while Redis is away, until the worker stops."""
        while True:
            try:
                return action()
            except Unavailable:
                if self.stopping.wait(RETRY_SECONDS):
                    raise

    def with_room(self, claim: Claim, write: Callable[[], Any]) -> bool:
        """`write()`, again and again while the disk is full; False when the job is not ours then.

        Fails the job with `disk_full` when patience ends.
        """
        waiting = Note(type="phase", field="phase", value="waiting for disk space")
        end = time.monotonic() + self.disk_patience
        while True:
            try:
                write()
                return True
            except OSError as error:
                if error.errno not in OUT_OF_ROOM:
                    raise
            if self.insist(lambda: self.jobs.beat(claim, [waiting])).signal == "lost":
                raise StaleFence(claim.id)
            if time.monotonic() > end:
                self.fail(claim, DiskFull("Make room in GANVAS_HOME and POST .../retry."))
                return False
            if self.stopping.wait(RETRY_SECONDS):
                self.jobs.release(claim, "worker stopped", crashed=False)
                return False
