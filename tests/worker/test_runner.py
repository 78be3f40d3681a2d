"""The supervisor of jobs, with real child processes and a real server."""

import threading
from collections.abc import Iterable
from typing import Any

import pytest

from app.events import BEGIN, page
from core.errors import Unavailable
from core.jobs import MAX_ATTEMPTS
from core.records import Beat, Claim, Note
from core.schemas import JobState
from tests.waiting import wait_for
from tests.worker.supervision import Bench


def test_job_runs_in_a_child_and_its_result_is_published(bench: Bench) -> None:
    job_id = bench.submit("work")
    bench.drain()
    job = bench.jobs.get(job_id)
    assert (job.state, job.output) == (JobState.SUCCEEDED, {"published": {"answer": 42}})
    assert (job.progress.step, job.attempt, job.worker) == (3, 1, "worker-1")
    types = [e.type for e in page(bench.jobs.client, bench.jobs.keys.events(job_id), BEGIN, 100)]
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
    bench.drain_until(job_id, lambda: bench.jobs.ask(job_id, "cancel"))
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

    def sometimes(claim: Claim, notes: Iterable[Note] = (), *, first: int | None = None) -> Beat:
        failure = next(failures, None)
        if failure is not None:
            raise failure
        return beat(claim, notes, first=first)

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


def test_memory_that_runs_out_is_tried_once_with_a_smaller_batch(bench: Bench) -> None:
    job_id = bench.submit("hungry")
    bench.drain()
    job = bench.jobs.get(job_id)
    assert (job.state, job.attempt) == (JobState.SUCCEEDED, 2)
    assert "half the batch" in (job.history[2].reason or "")


@pytest.mark.parametrize(("behaviour", "attempts"), [("insatiable", 2), ("refused", 1)])
def test_memory_that_is_not_enough_fails_the_job_and_a_refusal_does_so_at_once(
    bench: Bench, behaviour: str, attempts: int
) -> None:
    job_id = bench.submit(behaviour)
    bench.drain()
    job = bench.jobs.get(job_id)
    assert job.error is not None
    assert (job.error["code"], job.attempt) == ("out_of_memory", attempts)


def test_failed_allocation_of_torch_is_lack_of_memory(bench: Bench) -> None:
    job_id = bench.submit("endless")
    bench.drain()
    job = bench.jobs.get(job_id)
    assert job.error is not None and job.error["code"] == "out_of_memory"


def test_child_that_the_system_ended_for_memory_is_no_crash(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    counter = bench.jobs.home.root / "memory.events"
    counter.write_text("oom_kill 0\n")
    monkeypatch.setattr("worker.child.CGROUP_EVENTS", counter)
    job_id = bench.submit("ended by the system")
    bench.drain()
    job = bench.jobs.get(job_id)
    assert job.error is not None
    assert (job.error["code"], job.attempt) == ("out_of_memory", 2)
    assert "The system ended the work" in job.error["detail"]
    assert "half the batch" in (job.history[2].reason or "")


def test_child_without_a_sign_is_ended_and_fails_after_the_last_attempt(bench: Bench) -> None:
    bench.runner.stall_seconds = 0.2
    job_id = bench.submit("stuck")
    bench.drain()
    job = bench.jobs.get(job_id)
    assert job.error is not None
    assert (job.error["code"], job.attempt) == ("stalled", MAX_ATTEMPTS)


def test_paused_job_rests_and_goes_on_when_resumed(bench: Bench) -> None:
    job_id = bench.submit("rests")
    bench.drain_until(job_id, lambda: bench.jobs.ask(job_id, "pause"))
    paused = bench.jobs.get(job_id)
    assert (paused.state, paused.attempt) == (JobState.PAUSED, 0)
    bench.jobs.ask(job_id, "resume")
    bench.drain_until(job_id, lambda: bench.jobs.ask(job_id, "pause"))
    assert bench.jobs.get(job_id).history[-1].state == JobState.PAUSED


def test_what_is_asked_for_is_done_each_time(bench: Bench) -> None:
    job_id = bench.submit("rests")

    def events(word: str) -> int:
        found = page(bench.jobs.client, bench.jobs.keys.events(job_id), BEGIN, 100)
        return sum(event.type == word for event in found)

    def ask_twice() -> None:
        for count in (1, 2):
            for word in ("checkpoint", "sample"):
                bench.jobs.ask(job_id, word)
                wait_for(lambda: events(word) == count, f"{word} {count}")  # noqa: B023
        bench.jobs.ask(job_id, "pause")

    bench.drain_until(job_id, ask_twice)


def test_training_rests_before_its_lease_ends_when_redis_is_away(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.jobs.lease = 1.0
    job_id, beat, away = bench.submit("rests"), bench.jobs.beat, threading.Event()

    def unreachable(claim: Claim, notes: Iterable[Note] = (), **more: Any) -> Beat:
        if away.is_set():
            raise Unavailable("away")
        return beat(claim, notes, **more)

    monkeypatch.setattr(bench.jobs, "beat", unreachable)
    release = bench.jobs.release
    returned: list[str] = []

    def released(claim: Claim, reason: str, **more: Any) -> str:
        bench.stopping.set()  # one attempt is enough to see
        returned.append(release(claim, reason, **more))
        return returned[-1]

    monkeypatch.setattr(bench.jobs, "release", released)
    bench.drain_until(job_id, away.set)
    assert returned == ["recovering"]
    assert bench.jobs.get(job_id).attempt == 0
