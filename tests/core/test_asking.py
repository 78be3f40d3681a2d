"""Cancel, pause, resume and priorities, in every state a job can be in."""

from collections.abc import Callable

import pytest

from core.errors import NotFound
from core.jobs import MAX_ATTEMPTS, JobStore
from core.records import Word
from core.schemas import JobKind, JobState
from tests.core.steps import begun, claimed, commit, expire, later_job, new_job, rebuild


def queued(jobs: JobStore) -> str:
    return new_job(jobs).id


def running(jobs: JobStore) -> str:
    new_job(jobs)
    return begun(jobs).id


def recovering(jobs: JobStore) -> str:
    new_job(jobs)
    claim = begun(jobs)
    jobs.release(claim, "worker stopped", crashed=False)
    return claim.id


def pausing(jobs: JobStore) -> str:
    job_id = running(jobs)
    jobs.ask(job_id, "pause")
    return job_id


def paused(jobs: JobStore) -> str:
    job_id = queued(jobs)
    jobs.ask(job_id, "pause")
    return job_id


def cancelling(jobs: JobStore) -> str:
    job_id = running(jobs)
    jobs.ask(job_id, "cancel")
    return job_id


def ended(jobs: JobStore) -> str:
    new_job(jobs)
    claim = begun(jobs)
    jobs.finish(claim, JobState.SUCCEEDED)
    return claim.id


def cancelled(jobs: JobStore) -> str:
    job_id = queued(jobs)
    jobs.ask(job_id, "cancel")
    return job_id


TABLE = [
    (queued, "cancel", "cancelled", True),
    (queued, "pause", "paused", True),
    (queued, "resume", "queued", True),
    (running, "cancel", "cancelling", True),
    (running, "pause", "pausing", True),
    (running, "resume", "running", True),
    (recovering, "cancel", "cancelled", True),
    (recovering, "pause", "paused", True),
    (recovering, "resume", "recovering", True),
    (pausing, "cancel", "cancelling", True),
    (pausing, "pause", "pausing", True),
    (pausing, "resume", "running", True),
    (paused, "cancel", "cancelled", True),
    (paused, "pause", "paused", True),
    (paused, "resume", "queued", True),
    (cancelling, "cancel", "cancelling", True),
    (cancelling, "pause", "cancelling", False),
    (cancelling, "resume", "cancelling", False),
    (ended, "cancel", "succeeded", False),
    (ended, "pause", "succeeded", False),
    (ended, "resume", "succeeded", False),
    (cancelled, "cancel", "cancelled", True),
    (cancelled, "pause", "cancelled", False),
    (cancelled, "resume", "cancelled", False),
]


@pytest.mark.parametrize(("begin", "word", "after", "allowed"), TABLE)
def test_what_may_be_asked_in_which_state(
    jobs: JobStore, begin: Callable[[JobStore], str], word: Word, after: str, allowed: bool
) -> None:
    job_id = begin(jobs)
    before = jobs.get(job_id).state
    assert jobs.ask(job_id, word) == (before, after, allowed)
    assert jobs.get(job_id).state == after
    assert jobs.counts().get("illegal_transition", 0) == (not allowed)
    again = jobs.get(job_id).version
    assert jobs.ask(job_id, word)[:2] == (after, after)
    assert jobs.get(job_id).version == again


@pytest.mark.parametrize("begin", [queued, paused, recovering, ended, cancelled, cancelling])
def test_checkpoints_and_samples_are_asked_of_running_jobs_only(
    jobs: JobStore, begin: Callable[[JobStore], str]
) -> None:
    job_id = begin(jobs)
    assert not jobs.ask(job_id, "checkpoint")[2] and not jobs.ask(job_id, "sample")[2]


@pytest.mark.parametrize("word", ["cancel", "pause", "resume", "checkpoint", "sample"])
def test_nothing_can_be_asked_of_an_unknown_job(jobs: JobStore, word: Word) -> None:
    with pytest.raises(NotFound):
        jobs.ask("job-unknown", word)
    with pytest.raises(NotFound):
        jobs.prioritise("job-unknown", 1)


@pytest.mark.parametrize("refused", ["pause", "resume"])
def test_a_refused_word_does_not_replace_the_accepted_one(jobs: JobStore, refused: Word) -> None:
    job_id = cancelling(jobs)
    assert not jobs.ask(job_id, refused)[2]
    rebuild(jobs)
    assert jobs.get(job_id).state == JobState.CANCELLED


def test_waiting_job_with_a_checkpoint_is_made_a_model_before_it_is_cancelled(
    jobs: JobStore,
) -> None:
    new_job(jobs)
    claim = begun(jobs)
    commit(jobs, claim, 10)
    jobs.release(claim, "worker stopped", crashed=False)
    assert jobs.ask(claim.id, "cancel") == (JobState.RECOVERING, JobState.CANCELLING, True)
    assert (jobs.waiting("train"), jobs.waiting("prepare")) == (0, 1)
    salvage = claimed(jobs, queue="prepare")
    assert (salvage.id, salvage.fence) == (claim.id, claim.fence + 1)
    assert jobs.get(claim.id).state == JobState.CANCELLING
    assert jobs.beat(salvage).signal == "cancel"
    jobs.finish(salvage, JobState.CANCELLED, output={"model": "m", "version": 1})
    assert jobs.get(claim.id).output == {"model": "m", "version": 1}


def test_a_salvage_that_crashes_is_tried_again_but_not_for_ever(jobs: JobStore) -> None:
    job_id = paused(jobs)
    jobs.ask(job_id, "resume")
    claim = begun(jobs)
    commit(jobs, claim, 10)
    jobs.ask(job_id, "cancel")
    states = [jobs.release(claim, "crash", crashed=True)]
    while jobs.waiting("prepare"):
        states.append(jobs.release(claimed(jobs, queue="prepare"), "crash", crashed=True))
    assert states == ["cancelling"] * (MAX_ATTEMPTS - 1) + ["cancelled"]


def test_salvage_goes_before_what_waits_but_after_the_urgent(jobs: JobStore) -> None:
    ordinary = later_job(jobs, JobKind.INGEST)
    new_job(jobs)
    claim = begun(jobs)
    commit(jobs, claim, 1)
    jobs.ask(claim.id, "cancel")
    expire(jobs, claim)
    urgent = later_job(jobs, JobKind.INGEST, priority=1)
    order = [claimed(jobs, queue="prepare").id for _ in range(3)]
    assert order == [urgent.id, claim.id, ordinary.id]


def test_a_pausing_job_is_paused_when_its_worker_gives_it_back_or_dies(jobs: JobStore) -> None:
    job_id = pausing(jobs)
    claim = jobs.get(job_id)
    assert claim.state == JobState.PAUSING
    jobs.client.zadd(jobs.keys.leases, {job_id: 1})
    assert jobs.reap() == 1
    assert jobs.get(job_id).state == JobState.PAUSED
    assert jobs.claim_next("train", "worker-2") is None


def test_a_worker_hears_that_its_job_is_to_pause_and_that_it_is_not(jobs: JobStore) -> None:
    new_job(jobs)
    claim = claimed(jobs)
    heard = [jobs.beat(claim).signal]
    for word in ("pause", "resume", "pause", "cancel"):
        jobs.ask(claim.id, word)
        heard.append(jobs.beat(claim).signal)
    assert heard == ["ok", "pause", "ok", "pause", "cancel"]
    jobs.finish(claim, JobState.CANCELLED)
    assert jobs.get(claim.id).state == JobState.CANCELLED


def test_resumed_job_keeps_its_place_before_later_ones(jobs: JobStore) -> None:
    first, second = later_job(jobs), later_job(jobs)
    jobs.ask(first.id, "pause")
    assert jobs.get(second.id).queue_position == 0
    jobs.ask(first.id, "resume")
    assert [claimed(jobs).id, claimed(jobs).id] == [first.id, second.id]


def test_higher_priority_goes_first_and_equals_in_the_order_they_came(jobs: JobStore) -> None:
    made = [later_job(jobs, priority=priority).id for priority in (0, -10, 10, 0, 10)]
    order = [claimed(jobs).id for _ in made]
    assert order == [made[place] for place in (2, 4, 0, 3, 1)]


def test_a_job_moves_with_its_priority_wherever_it_is(jobs: JobStore) -> None:
    first, second = later_job(jobs), later_job(jobs)
    assert jobs.prioritise(second.id, 1)
    assert [jobs.get(job.id).queue_position for job in (first, second)] == [1, 0]
    jobs.ask(first.id, "pause")
    assert jobs.prioritise(first.id, 2)
    assert jobs.get(first.id).queue_position is None
    jobs.ask(first.id, "resume")
    assert jobs.get(first.id).queue_position == 0
    jobs.ask(first.id, "cancel")
    assert not jobs.prioritise(first.id, 3)
    assert jobs.get(first.id).priority == 2


def test_job_that_redis_has_lost_is_brought_back_by_the_question(jobs: JobStore) -> None:
    asked, moved = queued(jobs), queued(jobs)
    jobs.client.delete(jobs.keys.job(asked), jobs.keys.job(moved))
    assert jobs.ask(asked, "pause") == (JobState.QUEUED, JobState.PAUSED, True)
    assert jobs.prioritise(moved, 3)
    assert jobs.get(moved).priority == 3
