"""The supervisor of jobs, with real child processes and a real server."""

import threading
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import pytest

from app.events import BEGIN, page
from core.connection import connect
from core.errors import Unavailable
from core.jobs import MAX_ATTEMPTS, Claim, JobStore, Note, Signal
from core.schemas import Job, JobKind, JobState
from core.settings import Settings
from tests.waiting import wait_for
from worker.runner import Runner


class Recording:
    """A kind of job that remembers what was published and discarded."""

    module = "tests.worker.behaviour"

    def __init__(self) -> None:
        self.published: list[dict[str, Any]] = []
        self.discarded = 0

    def publish(self, job: Job, claim: Claim, result: dict[str, Any]) -> dict[str, Any]:
        self.published.append(result)
        return {"published": result}

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


@pytest.fixture
def bench(settings: Settings) -> Iterator[Bench]:
    with connect(settings.redis_url) as client:
        yield Bench(JobStore(client, settings.prefix, settings.folders), settings)


def test_job_runs_in_a_child_and_its_result_is_published(bench: Bench) -> None:
    job_id = bench.submit("work")
    bench.drain()
    job = bench.jobs.get(job_id)
    assert (job.state, job.output) == (JobState.SUCCEEDED, {"published": {"answer": 42}})
    assert (job.progress.step, job.attempt, job.worker) == (3, 1, "worker-1")
    types = [e.type for e in page(bench.jobs.client, bench.jobs.keys, job_id, BEGIN, 100)]
    assert types == ["state", "state", "progress", "state", "done"]
    assert "a library prints" in (bench.jobs.home.job(job_id) / "log.txt").read_text()


def test_expected_error_fails_the_job_with_its_code(bench: Bench) -> None:
    job_id = bench.submit("refuse")
    bench.drain()
    job = bench.jobs.get(job_id)
    assert job.state == JobState.FAILED and job.error is not None
    assert job.error["code"] == "diverged" and bench.kind.discarded == 1


def test_our_own_mistake_stays_in_the_log(bench: Bench) -> None:
    job_id = bench.submit("mistake")
    bench.drain()
    job = bench.jobs.get(job_id)
    assert job.error is not None and job.error["code"] == "internal"
    assert "secret detail" not in job.model_dump_json()
    assert "secret detail" in (bench.jobs.home.job(job_id) / "log.txt").read_text()


def test_killed_child_is_tried_again_and_others_go_on(bench: Bench) -> None:
    poison, healthy = bench.submit("crash"), bench.submit("work")
    bench.drain()
    failed = bench.jobs.get(poison)
    assert (failed.state, failed.attempt) == (JobState.FAILED, MAX_ATTEMPTS)
    assert failed.error is not None and failed.error["code"] == "too_many_crashes"
    assert "signal 9" in (failed.history[2].reason or "")
    assert bench.jobs.get(healthy).state == JobState.SUCCEEDED


def test_cancelled_job_is_told_and_keeps_what_it_has(bench: Bench) -> None:
    job_id = bench.submit("until told")
    bench.drain_until(job_id, lambda: bench.jobs.cancel(job_id))
    job = bench.jobs.get(job_id)
    assert (job.state, job.output) == (JobState.CANCELLED, {"published": {"cancelled": True}})


def test_stopping_worker_gives_the_job_back_without_counting_an_attempt(bench: Bench) -> None:
    job_id = bench.submit("until told")
    bench.drain_until(job_id, bench.stopping.set)
    job = bench.jobs.get(job_id)
    assert (job.state, job.attempt, job.queue_position) == (JobState.RECOVERING, 0, 0)


def test_child_that_does_not_leave_in_time_is_no_crash_when_the_worker_stops(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("worker.runner.STOP_SECONDS", 0.1)
    job_id = bench.submit("deaf")
    bench.drain_until(job_id, bench.stopping.set)
    job = bench.jobs.get(job_id)
    assert (job.state, job.attempt) == (JobState.RECOVERING, 0)


def test_what_a_child_says_while_redis_is_away_is_recorded_later(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    beat, failures = bench.jobs.beat, iter([Unavailable("away"), Unavailable("away")])

    def sometimes(claim: Claim, notes: Iterable[Note] = ()) -> Signal:
        failure = next(failures, None)
        if failure is not None:
            raise failure
        return beat(claim, notes)

    monkeypatch.setattr(bench.jobs, "beat", sometimes)
    job_id = bench.submit("work")
    bench.drain()
    assert bench.jobs.get(job_id).progress.step == 3


def test_job_taken_over_by_another_worker_is_dropped(bench: Bench) -> None:
    job_id = bench.submit("until told")

    def take_over() -> None:
        bench.jobs.client.zadd(bench.jobs.keys.leases, {job_id: 1})
        bench.jobs.reap()
        assert bench.jobs.claim_next("train", "worker-2") is not None

    bench.drain_until(job_id, take_over)
    job = bench.jobs.get(job_id)
    assert (job.state, job.worker, bench.kind.published) == (JobState.RUNNING, "worker-2", [])


def test_unreadable_request_fails_the_job_and_the_worker_survives(bench: Bench) -> None:
    job_id = bench.submit("work")
    (bench.jobs.home.job(job_id) / "job.json").write_text("{")
    bench.drain()
    job = bench.jobs.get(job_id)
    assert job.error is not None and job.error["code"] == "bad_spec"
