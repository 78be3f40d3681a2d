"""Supervises jobs: claims one, runs it in a child process, keeps the lease, records what happens.

Knows the kinds of jobs only by their table entry: the module of the child, and what becomes of its
result.
"""

import logging
import threading
import time
from dataclasses import dataclass, field
from typing import Any, Protocol

from core.errors import BadSpec, GanvasError, Unavailable
from core.home import Home
from core.jobs import LEASE_SECONDS, Claim, JobStore, Note, Signal
from core.schemas import Job, JobKind, JobState
from worker.channel import DONE, FAILED, RELEASED
from worker.child import Child

BEAT_SECONDS = 1.0
GRACE_SECONDS = 20.0  # for a child that was told to cancel
STOP_SECONDS = 6.0  # for one whose worker is stopping: whoever stops us may not wait longer
SAFE_SHARE = 0.7  # of the lease that may pass without a beat before the child is stopped
FIELDS = frozenset({"", "progress", "metrics", "resolved", "phase"})
MOST_NOTES = 1000  # while Redis is away
TERMINAL = frozenset(state.value for state in JobState if state.terminal)
log = logging.getLogger(__name__)


class Kind(Protocol):
    """What is special about one kind of job."""

    module: str

    def publish(self, job: Job, claim: Claim, result: dict[str, Any]) -> dict[str, Any]:
        """Make the child's result public; answers the job's output. Idempotent."""
        ...

    def discard(self, job: Job, claim: Claim) -> None:
        """Remove what a job that failed leaves behind."""
        ...


@dataclass
class Watch:
    """What one supervised run has shown so far."""

    asked: Signal = "ok"  # the last thing that somebody asked of the job
    told: set[str] = field(default_factory=set)
    notes: list[Note] = field(default_factory=list)  # not recorded yet
    deadline: float = float("inf")  # monotonic: the child is killed after it
    beaten: float = field(default_factory=time.monotonic)
    result: dict[str, Any] | None = None
    error: dict[str, Any] | None = None


class Runner:
    """Works through one queue at a time; safe to use from several threads."""

    def __init__(
        self,
        jobs: JobStore,
        home: Home,
        kinds: dict[JobKind, Kind],
        owner: str,
        stopping: threading.Event,
    ) -> None:
        self.jobs = jobs
        self.home = home
        self.kinds = kinds
        self.owner = owner
        self.stopping = stopping

    def drain(self, queue: str) -> None:
        """Run jobs until none is waiting or the worker is asked to stop."""
        while not self.stopping.is_set():
            claim = self.jobs.claim_next(queue, self.owner)
            if claim is None:
                return
            self.run(claim)

    def run(self, claim: Claim) -> None:
        """One attempt at one job, whatever its end."""
        try:
            job = self.jobs.get(claim.id)
        except ValueError as error:  # a record that this version cannot read
            self._fail(claim, BadSpec(f"The record of the job cannot be read: {error}").record())
            return
        folder = self.home.job(job.id)
        folder.mkdir(mode=0o700, exist_ok=True)
        kind = self.kinds[job.kind]
        child = Child(
            kind.module, [str(self.home.root), job.id, str(claim.fence)], folder / "log.txt"
        )
        watch = Watch()
        try:
            self._supervise(child, claim, watch)
        finally:
            if child.running:
                child.kill()
            code = child.close()
        self._take(child.collect(0), watch)
        if watch.notes and watch.asked != "lost":
            self._beat(claim, watch)
        self._conclude(job, claim, watch, code)

    def _supervise(self, child: Child, claim: Claim, watch: Watch) -> None:
        """Until the child ends: record what it says, beat, pass on what is asked."""
        while child.running:
            self._take(child.collect(BEAT_SECONDS), watch)
            self._beat(claim, watch)
            self._pass_on(child, watch)
            if time.monotonic() > watch.deadline:
                log.warning("job %s did not leave in time and is ended", claim.id)
                child.kill()

    def _take(self, records: list[dict[str, Any]], watch: Watch) -> None:
        """Keep results and errors; everything else becomes a note for the next beat."""
        for record in records:
            if record["type"] == "result":
                watch.result = record["data"]
            elif record["type"] == "error":
                watch.error = record["data"]
            elif record["field"] in FIELDS:
                watch.notes.append(Note(**record))
        del watch.notes[:-MOST_NOTES]

    def _beat(self, claim: Claim, watch: Watch) -> None:
        """Extend the lease and record the notes; they are kept until Redis has taken them."""
        if watch.asked == "lost":
            return
        try:
            watch.asked = self.jobs.beat(claim, watch.notes)
        except Unavailable:
            if time.monotonic() - watch.beaten > SAFE_SHARE * LEASE_SECONDS:
                watch.asked = "lost"
        else:
            watch.beaten = time.monotonic()
            watch.notes.clear()

    def _pass_on(self, child: Child, watch: Watch) -> None:
        """Tell the child once what is asked; from then on its time is limited."""
        word = "stop" if self.stopping.is_set() else watch.asked
        if word == "ok" or word in watch.told:
            return
        watch.told.add(word)
        grace = STOP_SECONDS if word == "stop" else GRACE_SECONDS
        watch.deadline = min(watch.deadline, time.monotonic() + grace)
        if word == "lost":
            child.kill()
        elif word == "stop":
            child.hang_up()
        else:
            child.say(word)

    def _conclude(self, job: Job, claim: Claim, watch: Watch, code: int) -> None:
        """Turn the way the child ended into the job's next state."""
        if watch.asked == "lost":
            log.warning("job %s was lost to a newer attempt or an unreachable server", job.id)
        elif code == DONE and watch.result is not None:
            self._publish(job, claim, watch)
        elif watch.asked == "cancel":
            self._end(job, claim, JobState.CANCELLED, {})
        elif code == FAILED and watch.error is not None:
            self._end(job, claim, JobState.FAILED, {"error": watch.error})
        elif code == RELEASED or "stop" in watch.told:
            self._release(job, claim, "worker stopped", crashed=False)
        else:
            reason = f"child killed by signal {-code}" if code < 0 else f"child exit code {code}"
            log.warning("job %s: %s", job.id, reason)
            self._release(job, claim, reason, crashed=True)

    def _release(self, job: Job, claim: Claim, reason: str, *, crashed: bool) -> None:
        """Give the job back; when that was its end, nothing of it stays."""
        if self.jobs.release(claim, reason, crashed=crashed) in TERMINAL:
            self.kinds[job.kind].discard(job, claim)

    def _publish(self, job: Job, claim: Claim, watch: Watch) -> None:
        assert watch.result is not None
        if self.jobs.beat(claim) == "lost":
            return
        try:
            output = self.kinds[job.kind].publish(job, claim, watch.result)
        except GanvasError as error:
            self._end(job, claim, JobState.FAILED, {"error": error.record()})
            return
        state = JobState.CANCELLED if watch.result.get("cancelled") else JobState.SUCCEEDED
        self.jobs.finish(claim, state, output=output)

    def _end(self, job: Job, claim: Claim, state: JobState, fields: dict[str, Any]) -> None:
        self.kinds[job.kind].discard(job, claim)
        self.jobs.finish(claim, state, **fields)

    def _fail(self, claim: Claim, error: dict[str, Any]) -> None:
        self.jobs.finish(claim, JobState.FAILED, error=error)
