"""Supervises jobs: claims one, runs it in a child process, keeps the lease, records what happens.

Knows the kinds of jobs only by their table entry: the module of the child, and what becomes of its
result.
"""

import logging
import threading
import time

from core.attempts import Attempt, record_attempt
from core.crashpoints import crash_point
from core.errors import BadSpec, OutOfMemory, StaleFence, Unavailable
from core.home import Home
from core.jobs import JobStore
from core.records import Claim
from core.schemas import Job, JobKind, JobState
from worker.channel import FAILED
from worker.child import Child, oom_kills
from worker.outcomes import Kind, Outcomes
from worker.watch import Watch

BEAT_SECONDS = 0.5
GRACE_SECONDS = 20.0  # for a child that was told to cancel or to pause
STOP_SECONDS = 6.0  # for one whose worker is stopping: whoever stops us may not wait longer
START_SECONDS = 120.0  # that a child may take at least to load its libraries, without a sign
SAFE_SHARE = 0.7  # of the lease that may pass without a beat before the child has to leave
log = logging.getLogger(__name__)


class Runner:
    """Works through one queue at a time; safe to use from several threads."""

    def __init__(
        self,
        jobs: JobStore,
        home: Home,
        kinds: dict[JobKind, Kind],
        owner: str,
        stopping: threading.Event,
        *,
        stall_seconds: float = 300.0,
        disk_patience: float = 1800.0,
    ) -> None:
        self.jobs = jobs
        self.home = home
        self.kinds = kinds
        self.owner = owner
        self.stopping = stopping
        self.stall_seconds = stall_seconds
        self.ends = Outcomes(
            jobs=jobs,
            kinds=kinds,
            stopping=stopping,
            stall_seconds=stall_seconds,
            disk_patience=disk_patience,
        )

    def drain(self, queue: str) -> None:
        """Run jobs until none is waiting or the worker is asked to stop."""
        while not self.stopping.is_set():
            try:
                claim = self.jobs.claim_next(queue, self.owner)
            except Unavailable as error:
                log.warning("no job can be claimed: %s", error)
                return
            if claim is None:
                return
            self.run(claim)

    def run(self, claim: Claim) -> None:
        """One attempt at one job, whatever its end."""
        try:
            self._attempt(claim)
        except StaleFence:
            log.warning("job %s belongs to a newer attempt", claim.id)
        except Unavailable as error:  # its lease will end
            log.warning("job %s is left: %s", claim.id, error)

    def _attempt(self, claim: Claim) -> None:
        try:
            job = self.ends.insist(lambda: self.jobs.get(claim.id))
        except ValueError as error:  # a record that this version cannot read
            self.ends.fail(claim, BadSpec(f"The record of the job cannot be read: {error}"))
            return
        begun = Attempt(
            fence=claim.fence, attempt=claim.attempt, shrink=claim.shrink, version=claim.version
        )
        self.home.job(job.id).mkdir(mode=0o700, exist_ok=True)
        if not self.ends.with_room(claim, lambda: record_attempt(self.home, job.id, begun)):
            return
        crash_point("claim.recorded")
        if job.state is JobState.CANCELLING:
            self.ends.salvage(job, claim)
        else:
            self._run_child(job, claim)

    def _run_child(self, job: Job, claim: Claim) -> None:
        folder, watch, killed_before = self.home.job(job.id), Watch(), oom_kills()
        arguments = [str(self.home.root), job.id, str(claim.fence)]
        child = Child(self.kinds[job.kind].module, arguments, folder / "log.txt")
        crash_point("child.started")
        try:
            self._supervise(child, claim, watch)
        finally:
            if child.running:
                child.kill()
            code = child.close()
        crash_point("child.ended")
        watch.take(child.collect(0))
        if watch.notes and watch.asked != "lost":  # its last words, also if Redis is away now
            self.ends.insist(lambda: self._record(claim, watch))
        if code < 0 and not watch.told and oom_kills() > killed_before:
            watch.error = OutOfMemory("The system ended the work because memory ran out.").record()
            code = FAILED
        self.ends.conclude(job, claim, watch, code)

    def _supervise(self, child: Child, claim: Claim, watch: Watch) -> None:
        """Until the child ends: record what it says, beat, pass on what is asked."""
        while child.running:
            watch.take(child.collect(BEAT_SECONDS))
            self._pass_on(child, watch, self._beat(claim, watch))
            if time.monotonic() > watch.deadline:
                log.warning("job %s did not leave in time and is ended", claim.id)
                child.kill()

    def _beat(self, claim: Claim, watch: Watch) -> frozenset[str]:
        """Extend the lease and record the notes, which are kept until Redis has taken them."""
        if watch.asked == "lost":
            return frozenset()
        try:
            return self._record(claim, watch)
        except Unavailable:
            return frozenset()

    def _record(self, claim: Claim, watch: Watch) -> frozenset[str]:
        answer = self.jobs.beat(claim, watch.notes, first=watch.first)
        watch.asked, watch.beaten = answer.signal, time.monotonic()
        watch.forget(len(watch.notes))
        return answer.asked

    def _word(self, watch: Watch) -> str:
        """What the child has to be told, the most urgent first."""
        now = time.monotonic()
        if watch.asked == "lost":
            return "lost"
        if self.stopping.is_set():
            return "stop"
        if now - watch.beaten > SAFE_SHARE * self.jobs.lease:
            return "away"
        patience = self.stall_seconds if watch.ready else max(self.stall_seconds, START_SECONDS)
        return "stalled" if now - watch.heard > patience else watch.asked

    def _pass_on(self, child: Child, watch: Watch, asked: frozenset[str]) -> None:
        """Tell the child once what is asked; when it has to leave, its time is limited."""
        for word in asked - watch.told if watch.ready else ():
            watch.told.add(word)
            child.say(word)
        word = self._word(watch)
        if word == "ok" or word in watch.told:
            return
        watch.told.add(word)
        hurry = word in ("stop", "away")
        grace = min(STOP_SECONDS, 0.2 * self.jobs.lease) if hurry else GRACE_SECONDS
        watch.deadline = min(watch.deadline, time.monotonic() + grace)
        if word in ("lost", "stalled") or not watch.ready:
            child.kill()
        elif word == "cancel":
            child.say(word)
        else:
            child.hang_up()
