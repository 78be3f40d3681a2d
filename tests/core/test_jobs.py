"""The job state machine, against a real server."""

from typing import Any

import pytest
import redis

from app.events import BEGIN, page
from core.connection import require_supported
from core.errors import IdempotencyMismatch, NotFound, QueueFull, StaleFence, Unavailable
from core.files import read_json
from core.jobs import MAX_ATTEMPTS, JobStore
from core.records import Note
from core.schemas import Job, JobKind, JobState
from tests.core.steps import claimed, expire, later_job, new_job


def test_the_server_is_supported(jobs: JobStore) -> None:
    require_supported(jobs.client)


def test_accepted_job_is_on_disk_and_queued(jobs: JobStore) -> None:
    job = new_job(jobs)
    assert read_json(jobs.home.job(job.id) / "job.json")["input"] == {"dataset": "d"}
    assert (job.state, job.queue_position, job.seed, job.attempt) == (JobState.QUEUED, 0, 7, 0)
    assert [entry.state for entry in job.history] == [JobState.QUEUED]


def test_unknown_job_is_not_found(jobs: JobStore) -> None:
    with pytest.raises(NotFound):
        jobs.get("job-unknown")


def test_jobs_are_claimed_in_the_order_they_came(jobs: JobStore) -> None:
    first, second = new_job(jobs), later_job(jobs)
    assert [claimed(jobs).id, claimed(jobs).id] == [first.id, second.id]
    assert jobs.claim_next("train", "worker-1") is None


def test_only_one_of_two_workers_gets_the_job(jobs: JobStore) -> None:
    new_job(jobs)
    assert claimed(jobs).fence == 1
    assert jobs.claim_next("train", "worker-2") is None


def test_finished_job_keeps_its_output_and_history(jobs: JobStore) -> None:
    new_job(jobs)
    claim = claimed(jobs)
    jobs.finish(claim, JobState.SUCCEEDED, output={"model": "m", "version": 1})
    jobs.finish(claim, JobState.SUCCEEDED, output={"model": "m", "version": 1})  # said again
    job = jobs.get(claim.id)
    assert job.output == {"model": "m", "version": 1}
    assert [entry.state for entry in job.history] == ["queued", "running", "succeeded"]
    assert job.finished_at is not None and job.queue_position is None


def test_terminal_states_never_change(jobs: JobStore) -> None:
    new_job(jobs)
    claim = claimed(jobs)
    jobs.finish(claim, JobState.SUCCEEDED)
    with pytest.raises(StaleFence):
        jobs.finish(claim, JobState.FAILED)
    assert jobs.ask(claim.id, "cancel") == (JobState.SUCCEEDED, JobState.SUCCEEDED, False)
    assert jobs.beat(claim).signal == "lost"


def test_job_of_a_silent_worker_runs_again_and_its_zombie_is_refused(jobs: JobStore) -> None:
    new_job(jobs)
    zombie = claimed(jobs)
    expire(jobs, zombie)
    assert jobs.get(zombie.id).state == JobState.RECOVERING
    second = claimed(jobs)
    assert (second.id, second.fence, second.attempt) == (zombie.id, 2, 2)
    assert jobs.beat(zombie).signal == "lost"
    with pytest.raises(StaleFence):
        jobs.finish(zombie, JobState.SUCCEEDED)
    assert jobs.release(zombie, "late", crashed=True) == "lost"
    assert jobs.get(second.id).state == JobState.RUNNING


def test_a_beat_keeps_the_lease(jobs: JobStore) -> None:
    new_job(jobs)
    claim = claimed(jobs, lease=0.001)
    assert jobs.beat(claim).signal == "ok"
    assert jobs.reap() == 0


def test_poison_job_fails_after_the_last_attempt(jobs: JobStore) -> None:
    job = new_job(jobs)
    states = [jobs.release(claimed(jobs), "crash", crashed=True) for _ in range(MAX_ATTEMPTS)]
    assert states == ["recovering"] * (MAX_ATTEMPTS - 1) + ["failed"]
    error = jobs.get(job.id).error
    assert error is not None and error["code"] == "too_many_crashes"
    assert jobs.claim_next("train", "worker-1") is None


def test_silent_poison_job_fails_too(jobs: JobStore) -> None:
    job = new_job(jobs)
    for _ in range(MAX_ATTEMPTS):
        expire(jobs, claimed(jobs))
    assert jobs.get(job.id).state == JobState.FAILED


def test_job_given_back_by_a_stopping_worker_keeps_its_attempts_and_its_place(
    jobs: JobStore,
) -> None:
    first, _ = new_job(jobs), later_job(jobs)
    for _ in range(MAX_ATTEMPTS + 1):
        claim = claimed(jobs)
        assert (claim.id, claim.attempt) == (first.id, 1)
        assert jobs.release(claim, "worker stopped", crashed=False) == "recovering"
    assert jobs.get(first.id).queue_position == 0


def test_queued_job_is_cancelled_at_once(jobs: JobStore) -> None:
    job = new_job(jobs)
    assert jobs.ask(job.id, "cancel") == (JobState.QUEUED, JobState.CANCELLED, True)
    assert jobs.ask(job.id, "cancel") == (JobState.CANCELLED, JobState.CANCELLED, True)
    assert jobs.claim_next("train", "worker-1") is None


def test_running_job_is_told_to_cancel_and_cancelled_even_when_its_worker_dies(
    jobs: JobStore,
) -> None:
    new_job(jobs)
    claim = claimed(jobs)
    assert jobs.ask(claim.id, "cancel") == (JobState.RUNNING, JobState.CANCELLING, True)
    assert jobs.beat(claim).signal == "cancel"
    expire(jobs, claim)
    assert jobs.get(claim.id).state == JobState.CANCELLED


def test_same_idempotency_key_means_the_same_job(jobs: JobStore) -> None:
    def create(digest: str) -> tuple[Job, bool]:
        return jobs.create(JobKind.TRAIN, {}, idempotency=("key", digest))

    (first, fresh), (again, repeated) = create("a"), create("a")
    assert (first.id, fresh, repeated) == (again.id, True, False)
    assert len(list(jobs.home.jobs.iterdir())) == 1
    with pytest.raises(IdempotencyMismatch):
        create("b")


def test_full_queue_refuses_and_leaves_nothing(jobs: JobStore) -> None:
    jobs.create(JobKind.TRAIN, {}, max_queued=1)
    with pytest.raises(QueueFull):
        jobs.create(JobKind.TRAIN, {}, max_queued=1)
    assert len(list(jobs.home.jobs.iterdir())) == 1


def test_ids_are_listed_newest_first_and_paged(jobs: JobStore) -> None:
    made = [later_job(jobs).id for _ in range(5)]
    first = jobs.ids(None, 2)
    rest = jobs.ids(first[-1], 10)
    assert first + rest == made[::-1]


def test_notes_become_events_and_fields(jobs: JobStore) -> None:
    new_job(jobs)
    claim = claimed(jobs)
    before = jobs.get(claim.id).version
    progress = {"value": 0.5, "step": 10}
    jobs.beat(claim, [Note(type="progress", data=progress, field="progress", value=progress)])
    job = jobs.get(claim.id)
    assert job.progress.step == 10 and job.version == before + 1
    key = jobs.keys.events(claim.id)
    events = page(jobs.client, key, BEGIN, 100)
    assert [event.type for event in events] == ["state", "state", "progress"]
    assert events[-1].data == progress
    assert page(jobs.client, key, events[1].id, 100) == events[2:]


def test_server_that_is_too_old_or_may_evict_is_refused_with_the_remedy(jobs: JobStore) -> None:
    jobs.client.config_set("maxmemory-policy", "allkeys-lru")
    try:
        with pytest.raises(Unavailable, match="CONFIG SET maxmemory-policy noeviction"):
            require_supported(jobs.client)
    finally:
        jobs.client.config_set("maxmemory-policy", "noeviction")

    class Old(redis.Redis):
        def info(self, section: str | None = None, *args: str, **kwargs: object) -> Any:
            return {"redis_version": "6.2.14"}

    with pytest.raises(Unavailable, match=r"7\.0 is the oldest"):
        require_supported(Old())
