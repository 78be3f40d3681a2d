"""The job store: records, queue order, leases and fences in Redis; the request on disk.

Transitions are Lua scripts (core/lua), so each is atomic and timed by the server's clock.
The states and who may change them: docs/architecture.md.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal, cast

import redis
from redis.exceptions import RedisError

from core.errors import (
    IdempotencyMismatch,
    NotFound,
    QueueFull,
    StaleFence,
    TooManyCrashes,
    Unavailable,
)
from core.files import sync_folder, write_json
from core.home import Home
from core.ids import new_id
from core.keys import Keys
from core.queue import JOB_QUEUES
from core.schemas import Job, JobKind, JobState
from core.scripts import job_scripts

LEASE_SECONDS = 30.0
MAX_ATTEMPTS = 3
Signal = Literal["ok", "cancel", "pause", "lost"]
_TIMES = ("created_at", "queued_at", "started_at", "finished_at", "heartbeat_at")
_JSON = ("input", "resolved", "progress", "metrics", "output", "error", "metadata", "history")
_CRASHED = json.dumps(
    TooManyCrashes(
        f"The process that did the work ended unexpectedly {MAX_ATTEMPTS} times. "
        "GET /v1/jobs/{id}/log shows its last words."
    ).record()
)


@dataclass(frozen=True, kw_only=True)
class Claim:
    """The right to work on a job until the lease ends or a higher fence is given out."""

    id: str
    fence: int
    attempt: int


@dataclass(frozen=True, kw_only=True)
class Note:
    """Something worth recording with a beat: an event, and a field of the job it sets."""

    type: str = ""
    data: Any = None
    field: str = ""
    value: Any = None

    def arguments(self) -> tuple[str, str, str, str]:
        return (self.type, json.dumps(self.data), self.field, _stored(self.value))


class JobStore:
    """All that happens to jobs. Raises `Unavailable` when Redis does not answer."""

    def __init__(self, client: redis.Redis, prefix: str, home: Home) -> None:
        self.client = client
        self.keys = Keys(prefix)
        self.home = home
        self._scripts = job_scripts(client)

    def create(
        self,
        kind: JobKind,
        input: dict[str, Any],
        *,
        seed: int = 0,
        metadata: dict[str, str] | None = None,
        idempotency: tuple[str, str] | None = None,
        max_queued: int = 1000,
    ) -> tuple[Job, bool]:
        """A new queued job, on disk before it is in Redis; False when the key was used before.

        idempotency: (key, digest of the body). Raises IdempotencyMismatch, QueueFull.
        """
        job_id = new_id("job")
        folder = self.home.job(job_id)
        folder.mkdir(mode=0o700)
        spec = {"id": job_id, "kind": kind, "input": input, "seed": seed, "metadata": metadata}
        write_json(folder / "job.json", spec)
        sync_folder(self.home.jobs)
        key, digest = idempotency or ("-", "")
        keys = [*self._keys(job_id, kind), self.keys.jobs, self.keys.idempotency(key)]
        texts = (json.dumps(input), json.dumps(metadata or {}))
        answer, known = self._run(
            "create", keys, [job_id, kind.value, *texts, seed, digest, max_queued]
        )
        if answer != "created":
            (folder / "job.json").unlink()
            folder.rmdir()
        if answer == "mismatch":
            raise IdempotencyMismatch("Use a new Idempotency-Key for a new request.")
        if answer == "full":
            raise QueueFull(f"{max_queued} jobs are waiting already.", retry_after=60)
        return self.get(known), answer == "created"

    def get(self, job_id: str) -> Job:
        """The truth about one job. Raises NotFound: an unknown id is never "pending"."""
        found = self.get_many([job_id])
        if not found:
            raise NotFound(f"There is no job {job_id}.")
        return found[0]

    def get_many(self, job_ids: Iterable[str]) -> list[Job]:
        """Several jobs in one round trip; those that there are not are left out."""
        ids = list(job_ids)
        pipe = self.client.pipeline(transaction=False)
        for job_id in ids:
            pipe.hgetall(self.keys.job(job_id))
            for queue in JOB_QUEUES:
                pipe.zrank(self.keys.queue(queue), job_id)
        answers = _guarded(pipe.execute)
        width = 1 + len(JOB_QUEUES)
        rows = [answers[start : start + width] for start in range(0, len(answers), width)]
        return [_job(fields, ranks) for fields, *ranks in rows if fields]

    def ids(self, after: str | None, limit: int) -> list[str]:
        """Ids of jobs, newest first, after the given one."""
        upper = f"({after}" if after else "+"
        found = _guarded(
            lambda: self.client.zrevrangebylex(self.keys.jobs, upper, "-", start=0, num=limit)
        )
        return cast(list[str], found)

    def claim_next(self, queue: str, owner: str, lease: float = LEASE_SECONDS) -> Claim | None:
        """Take the first job that waits in `queue`, or None."""
        keys = [self.keys.queue(queue), self.keys.leases]
        found = self._run("claim", keys, [self.keys.job_prefix, owner, _ms(lease)])
        return found and Claim(id=found[0], fence=int(found[1]), attempt=int(found[2]))

    def beat(
        self, claim: Claim, notes: Iterable[Note] = (), lease: float = LEASE_SECONDS
    ) -> Signal:
        """Extend the lease, record `notes`, and learn what somebody asks of the job."""
        arguments = [text for note in notes for text in note.arguments()]
        head = [claim.id, claim.fence, _ms(lease)]
        return self._run("beat", self._keys(claim.id), [*head, *arguments])

    def finish(
        self,
        claim: Claim,
        state: JobState,
        *,
        reason: str = "",
        output: dict[str, Any] | None = None,
        error: dict[str, Any] | None = None,
    ) -> None:
        """End the job. Raises StaleFence when a newer attempt owns it."""
        arguments = [claim.id, claim.fence, state.value, reason, _stored(output), _stored(error)]
        if self._run("finish", self._keys(claim.id), arguments) == "lost":
            raise StaleFence(claim.id)

    def release(self, claim: Claim, reason: str, *, crashed: bool) -> str:
        """Give the job back to the queue; after the last crash it fails. Answers the new state."""
        kind = self.get(claim.id).kind
        arguments = [claim.id, claim.fence, reason, int(crashed), MAX_ATTEMPTS, _CRASHED]
        return self._run("release", self._keys(claim.id, kind), arguments)

    def cancel(self, job_id: str) -> tuple[JobState, JobState]:
        """Ask for the end of a job; idempotent. Answers its state before and after."""
        kind = self.get(job_id).kind
        before, after = self._run("cancel", self._keys(job_id, kind), [job_id])
        return JobState(before), JobState(after)

    def reap(self) -> int:
        """Free the jobs of workers that stopped beating; answers how many."""
        pairs = [text for kind in JobKind for text in (kind.value, kind.queue)]
        prefixes = [self.keys.job_prefix, self.keys.queue_prefix]
        return self._run("reap", [self.keys.leases], [*prefixes, MAX_ATTEMPTS, _CRASHED, *pairs])

    def waiting(self, queue: str) -> int:
        """How many jobs wait in `queue`."""
        return cast(int, _guarded(lambda: self.client.zcard(self.keys.queue(queue))))

    def _keys(self, job_id: str, kind: JobKind = JobKind.TRAIN) -> list[str]:
        keys = self.keys
        return [keys.job(job_id), keys.events(job_id), keys.queue(kind.queue), keys.leases]

    def _run(self, script: str, keys: list[str], arguments: list[Any]) -> Any:
        return _guarded(lambda: self._scripts[script](keys=keys, args=arguments))


def _guarded(command: Any) -> Any:
    try:
        return command()
    except RedisError as error:
        raise Unavailable(
            f"Redis did not do its part ({type(error).__name__}). Try again in a moment.",
            retry_after=2,
        ) from error


def _ms(seconds: float) -> int:
    return int(seconds * 1000)


def _stored(value: Any) -> str:
    return "" if value is None else value if isinstance(value, str) else json.dumps(value)


def _time(milliseconds: str | float) -> datetime:
    return datetime.fromtimestamp(float(milliseconds) / 1000, UTC)


def _job(fields: dict[str, str], ranks: list[int | None]) -> Job:
    values: dict[str, Any] = {key: value for key, value in fields.items() if value != ""}
    values |= {key: _time(values[key]) for key in _TIMES if key in values}
    values |= {key: json.loads(values[key]) for key in _JSON if key in values}
    values["history"] = [entry | {"at": _time(entry["at"])} for entry in values["history"]]
    position = next((rank for rank in ranks if rank is not None), None)
    return Job(**values, queue_position=position)
