"""The job store: records, queue order, leases and fences in Redis; requests and ends on disk.

Transitions are Lua scripts (core/lua), so each is atomic and timed by the server's clock.
The states and who may change them: docs/architecture.md.
"""

import contextlib
import json
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import redis

from core.attempts import record_shrink
from core.crashpoints import crash_point
from core.errors import GanvasError, NotFound, QueueFull, StaleFence, TooManyCrashes
from core.files import read_json, remove_tree, sync_folder, write_json, write_once
from core.home import Home
from core.idempotency import KeyRing
from core.ids import new_id
from core.keys import Keys
from core.ledger import Ledger, guarded, queue_full
from core.queue import JOB_QUEUES
from core.records import Beat, Claim, Note, Word, in_ms, named, read_record, stored
from core.remains import INTENT, REQUEST
from core.schemas import Job, JobKind, JobState

LEASE_SECONDS = 30.0
MAX_ATTEMPTS = 3  # crashes without a new checkpoint between them
CRASHED = TooManyCrashes(
    f"The process that did the work ended unexpectedly {MAX_ATTEMPTS} times in a row. "
    "GET /v1/jobs/{id}/log shows its last words."
)


class JobStore:
    """All that happens to jobs. Raises `Unavailable` when Redis does not answer."""

    def __init__(
        self, client: redis.Redis, prefix: str, home: Home, lease: float = LEASE_SECONDS
    ) -> None:
        """lease: seconds without a beat after which a job is given to somebody else."""
        self.client = client
        self.keys = Keys(prefix)
        self.home = home
        self.lease = lease
        self.ledger = Ledger(client, self.keys, home)
        self.ring = KeyRing(home)

    def create(
        self,
        kind: JobKind,
        input: dict[str, Any],
        *,
        seed: int = 0,
        metadata: dict[str, str] | None = None,
        priority: int = 0,
        idempotency: tuple[str, str] | None = None,
        max_queued: int = 1000,
        furnish: Callable[[Path], None] | None = None,
    ) -> tuple[Job, bool]:
        """A new queued job, on disk before it is in Redis; False when the key was used before.

        idempotency: (key, digest of the body). furnish: puts more files into the new job's
        folder before it is accepted. Raises IdempotencyMismatch, QueueFull.
        """
        own = new_id("job")
        spec = {"kind": kind, "input": input, "seed": seed, "metadata": metadata}
        spec |= {"priority": priority, "created_at": datetime.now(UTC).timestamp()}
        try:
            job_id = self._store(own, spec, idempotency, furnish)
        except BaseException:
            remove_tree(self.home.job(own))
            if idempotency is not None:
                self.ring.drop(idempotency[0], own)
            raise
        if job_id != own:
            remove_tree(self.home.job(own))
        try:
            self.ledger.accept(job_id, max_queued, fresh=job_id == own)
        except QueueFull:
            if idempotency is not None:
                self.ring.drop(idempotency[0], job_id)
            remove_tree(self.home.job(job_id))
            raise
        crash_point("create.queued")
        return self.get(job_id), job_id == own

    def get(self, job_id: str) -> Job:
        """The truth about one job. Raises NotFound: an unknown id is never "pending"."""
        found = self.get_many([job_id])
        if not found and self.ledger.restore(job_id):
            found = self.get_many([job_id])
        if not found:
            raise NotFound(f"There is no job {job_id}.")
        return found[0]

    def get_many(self, job_ids: Iterable[str], only: Sequence[str] = ()) -> list[Job]:
        """Several jobs in one round trip; those that there are not are left out.

        only: these fields of the records, as core/records.py names them; the others stay empty.
        """
        ids = list(job_ids)
        pipe = self.client.pipeline(transaction=False)
        for job_id in ids:
            key = self.keys.job(job_id)
            pipe.hmget(key, only) if only else pipe.hgetall(key)
            for queue in JOB_QUEUES:
                pipe.zrank(self.keys.queue(queue), job_id)
        answers = guarded(pipe.execute)
        width = 1 + len(JOB_QUEUES)
        rows = [answers[start : start + width] for start in range(0, len(answers), width)]
        found = [(named(row[0], only), row[1:]) for row in rows]
        return [read_record(fields, ranks) for fields, ranks in found if fields]

    def ids(self, after: str | None, limit: int) -> list[str]:
        """Ids of jobs, newest first, after the given one."""
        self.ledger.complete()
        upper = f"({after}" if after else "+"
        found = guarded(
            lambda: self.client.zrevrangebylex(self.keys.jobs, upper, "-", start=0, num=limit)
        )
        return cast(list[str], found)

    def claim_next(self, queue: str, owner: str, lease: float | None = None) -> Claim | None:
        """Take the first job that waits in `queue`, or None."""
        found = self.ledger.run("claim", "", queue, owner, in_ms(lease or self.lease))
        if not found:
            return None
        crash_point("claim.taken")
        fence, attempt, shrink, version = map(int, found[1:])
        return Claim(id=found[0], fence=fence, attempt=attempt, shrink=shrink, version=version)

    def beat(self, claim: Claim, notes: Iterable[Note] = (), *, first: int | None = None) -> Beat:
        """Extend the lease, record `notes`, and learn what somebody asks of the job.

        first: number of the first note; a numbered one that was recorded before is passed over.
        """
        arguments = [text for note in notes for text in note.arguments()]
        head = (claim.fence, in_ms(self.lease), "" if first is None else first)
        signal, *asked = self.ledger.run("beat", claim.id, *head, *arguments)
        return Beat(signal=signal, asked=frozenset(asked))

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
        arguments = (claim.fence, state.value, reason, stored(output), stored(error))
        if self.ledger.run("finish", claim.id, *arguments) == "lost":
            raise StaleFence(claim.id)
        crash_point("finish.done")
        self.ledger.archive(claim.id)

    def release(
        self,
        claim: Claim,
        reason: str,
        *,
        crashed: bool,
        shrink: bool = False,
        error: GanvasError = CRASHED,
    ) -> str:
        """Give the job back to the queue; it fails with `error` if this was its last crash.

        shrink: the next attempt halves its batch. Answers the new state, or "lost".
        """
        how = "shrink" if shrink else "crash" if crashed else "planned"
        last = json.dumps(error.record())
        state = self.ledger.run("release", claim.id, claim.fence, how, reason, MAX_ATTEMPTS, last)
        if shrink and state != "lost":  # a loss of Redis may not forget it
            with contextlib.suppress(OSError):  # on a full disk jobs can still be given back
                record_shrink(self.home, claim.id, claim.shrink + 1)
        crash_point("release.done")
        return state

    def ask(self, job_id: str, word: Word) -> tuple[JobState, JobState, bool]:
        """Ask something of a job; idempotent. Its state before and after, and whether it may be.

        Raises NotFound.
        """
        before, after, allowed = self._known("ask", job_id, word)
        if allowed and word in ("cancel", "pause", "resume"):  # a loss of Redis may not forget it
            with contextlib.suppress(OSError):  # on a full disk jobs can still be cancelled
                write_json(self.home.job(job_id) / INTENT, {"word": word})
        if before != after == JobState.CANCELLED:
            self.ledger.archive(job_id)
        return JobState(before), JobState(after), bool(allowed)

    def prioritise(self, job_id: str, priority: int) -> bool:
        """Move a job in its queue; False when it has ended. Raises NotFound."""
        moved = bool(self._known("prioritise", job_id, priority)[1])
        path = self.home.job(job_id) / REQUEST
        if moved:  # so that a loss of Redis does not forget it
            with contextlib.suppress(OSError, ValueError):
                write_json(path, read_json(path) | {"priority": priority})
        return moved

    def reap(self) -> int:
        """Free the jobs of workers that stopped beating; answers how many."""
        return self.ledger.run("reap", "", MAX_ATTEMPTS, json.dumps(CRASHED.record()))

    def waiting(self, queue: str) -> int:
        """How many jobs wait in `queue`."""
        return cast(int, guarded(lambda: self.client.zcard(self.keys.queue(queue))))

    def require_room(self, queue: str, most: int) -> None:
        """Raise QueueFull when `most` jobs wait in `queue`, Unavailable when nobody can say."""
        if self.waiting(queue) >= most:
            raise queue_full(most)

    def counts(self) -> dict[str, int]:
        """How often something noteworthy happened: stale_fence, leases_expired, restored, ..."""
        found: Any = guarded(lambda: self.client.hgetall(self.keys.counts))
        return {name: int(number) for name, number in found.items()}

    def _known(self, script: str, job_id: str, *arguments: Any) -> Any:
        """A transition whose answer begins with the state; of a job that Redis has lost after it
        was brought back. Raises NotFound."""
        answer = self.ledger.run(script, job_id, *arguments)
        if answer[0]:
            return answer
        self.get(job_id)
        return self.ledger.run(script, job_id, *arguments)

    def _store(
        self,
        own: str,
        spec: dict[str, Any],
        idempotency: tuple[str, str] | None,
        furnish: Callable[[Path], None] | None,
    ) -> str:
        """Put the request on disk; answers the id of the job that its key means."""
        crash_point("create.begin")
        folder = self.home.job(own)
        folder.mkdir(mode=0o700)
        if furnish is not None:
            furnish(folder)
        sync_folder(self.home.jobs)
        job_id = own if idempotency is None else self.ring.take(*idempotency, own)
        crash_point("create.keyed")
        try:  # who took the key before may have died here: then this is its request
            write_once(self.home.job(job_id) / REQUEST, {"id": job_id} | spec)
        except FileNotFoundError as error:
            raise NotFound("The job of this Idempotency-Key is gone; use a new key.") from error
        crash_point("create.stored")
        return job_id
