"""What a test of the supervisor needs: a runner, a kind of job that remembers, and a thread."""

import threading
from collections.abc import Callable
from typing import Any

from core.jobs import JobStore
from core.records import Claim
from core.schemas import Job, JobKind
from core.settings import Settings
from tests.waiting import wait_for
from worker.runner import Runner


class Recording:
    """A kind of job that remembers what was published and discarded."""

    module = "tests.worker.behaviour"
    shrinks = True

    def __init__(self) -> None:
        self.published: list[dict[str, Any]] = []
        self.discarded = 0

    def publish(self, job: Job, claim: Claim, result: dict[str, Any]) -> dict[str, Any]:
        self.published.append(result)
        return {"published": result}

    def salvage(self, job: Job, claim: Claim) -> dict[str, Any]:
        return {}

    def discard(self, job: Job, claim: Claim) -> None:
        self.discarded += 1


class Bench:
    """A runner and what it needs."""

    def __init__(self, jobs: JobStore, settings: Settings) -> None:
        self.jobs = jobs
        self.kind = Recording()
        self.stopping = threading.Event()
        home = settings.folders
        self.runner = Runner(jobs, home, {JobKind.TRAIN: self.kind}, "worker-1", self.stopping)

    def submit(self, behaviour: str) -> str:
        return self.jobs.create(JobKind.TRAIN, {"behaviour": behaviour})[0].id

    def drain(self) -> None:
        self.runner.drain("train")

    def drain_until(self, job_id: str, act: Callable[[], object]) -> None:
        """Work in a thread; once the job shows progress, `act`."""
        thread = threading.Thread(target=self.drain)
        thread.start()
        wait_for(lambda: self.jobs.get(job_id).progress.step == 1, "the job to make progress")
        act()
        thread.join(30)
        assert not thread.is_alive()
