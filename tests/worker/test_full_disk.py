"""D2: the supervisor's own files, and results, meet a full disk: it waits, asks, and goes on."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from core.connection import connect
from core.jobs import JobStore
from core.records import Claim
from core.remains import END
from core.schemas import Job, JobKind, JobState
from core.settings import Settings
from tests.small_disk import fill, small_disk
from tests.waiting import wait_for
from tests.worker.supervision import Bench, Recording
from worker.runner import Runner

WAITING = "waiting for disk space"


class Bulky(Recording):
    """Its results need room."""

    def __init__(self, home: Path) -> None:
        super().__init__()
        self.home = home

    def publish(self, job: Job, claim: Claim, result: dict[str, Any]) -> dict[str, Any]:
        (self.home / "result").write_bytes(b"x" * 10_000)
        return super().publish(job, claim, result)


class Cramped(Bench):
    """A bench whose home has little room, which `filler` takes."""

    def __init__(self, jobs: JobStore, settings: Settings) -> None:
        super().__init__(jobs, settings)
        self.kind = Bulky(settings.home)
        self.runner.kinds[JobKind.TRAIN] = self.kind
        self.filler = settings.home / "filler"

    @contextmanager
    def waited(self, job_id: str) -> Iterator[None]:
        """Begins when the supervisor waits for room, and makes some at the end of the block."""
        try:
            wait_for(lambda: self.jobs.get(job_id).phase == WAITING, "the supervisor to wait")
            yield
        finally:
            self.filler.unlink()

    @contextmanager
    def draining(self) -> Iterator[None]:
        """Work in a thread, which comes to its end after the block."""
        thread = threading.Thread(target=self.drain)
        thread.start()
        yield
        thread.join(30)
        assert not thread.is_alive()


@pytest.fixture
def cramped(settings: Settings, tmp_path: Path) -> Iterator[Cramped]:
    with small_disk(tmp_path / "disk", "1m") as disk, connect(settings.redis_url) as client:
        own = settings.model_copy(update={"home": disk / "home"})
        own.folders.create()
        yield Cramped(JobStore(client, own.prefix, own.folders), own)


def test_attempt_begins_when_there_is_room_to_write_it_down(cramped: Cramped) -> None:
    job_id = cramped.submit("work")
    fill(cramped.filler)
    with cramped.draining(), cramped.waited(job_id):
        job = cramped.jobs.get(job_id)
        assert (job.state, cramped.kind.published) == (JobState.RUNNING, [])
    job = cramped.jobs.get(job_id)
    assert (job.state, job.attempt) == (JobState.SUCCEEDED, 1)


def test_result_is_published_when_there_is_room_for_it(cramped: Cramped) -> None:
    job_id = cramped.submit("until told")

    def cancel() -> None:
        fill(cramped.filler)
        cramped.jobs.ask(job_id, "cancel")
        with cramped.waited(job_id):
            assert cramped.kind.published == []

    cramped.drain_until(job_id, cancel)
    job = cramped.jobs.get(job_id)
    assert (job.state, job.output) == (JobState.CANCELLED, {"published": {"cancelled": True}})


def test_patience_ends_with_disk_full_and_the_end_is_written_down_later(cramped: Cramped) -> None:
    runner = Runner(
        cramped.jobs,
        cramped.jobs.home,
        cramped.runner.kinds,
        "w",
        cramped.stopping,
        disk_patience=0,
    )
    job_id = cramped.submit("work")
    fill(cramped.filler)
    runner.drain("train")
    job = cramped.jobs.get(job_id)
    assert job.error is not None and job.error["code"] == "disk_full"
    end = cramped.jobs.home.job(job_id) / END
    assert not end.exists()
    cramped.filler.unlink()
    cramped.jobs.ledger.archive_all()
    assert end.exists()


def test_stopping_worker_does_not_wait_for_room(cramped: Cramped) -> None:
    job_id = cramped.submit("work")
    fill(cramped.filler)
    with cramped.draining(), cramped.waited(job_id):
        cramped.stopping.set()
        wait_for(lambda: cramped.jobs.get(job_id).state is not JobState.RUNNING, "the release")
    job = cramped.jobs.get(job_id)
    assert (job.state, job.attempt, cramped.kind.published) == (JobState.RECOVERING, 0, [])
