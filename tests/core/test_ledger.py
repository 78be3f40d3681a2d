"""Redis forgets everything; the disk brings it back."""

import logging
from typing import Any

import pytest

from core import jobs as jobs_module
from core.errors import NotFound
from core.jobs import JobStore
from core.records import Note
from core.remains import REQUEST
from core.schemas import JobKind, JobState
from tests.core.steps import begun, claimed, commit, later_job, lose, new_job, rebuild

DAMAGE = [
    b"",
    b"{",
    b"[]",
    b"7",
    b"\xff\xfe",
    b'{"kind": "train", "inp',
    b'{"kind": "train"}',
    b'{"kind": "dance", "input": {}, "seed": 0, "metadata": null}',
    b'{"kind": "train", "input": {}, "seed": "x", "metadata": null}',
    b'{"kind": "train", "input": {}, "seed": 0, "metadata": null, "created_at": 1e999}',
]


def test_queued_jobs_come_back_with_their_whole_request(jobs: JobStore) -> None:
    made, _ = jobs.create(
        JobKind.TRAIN, {"dataset": "é"}, seed=9, metadata={"a": "b"}, priority=3, max_queued=5
    )
    rebuild(jobs)
    job = jobs.get(made.id)
    assert (job.state, job.reason, job.queue_position) == ("queued", "rebuilt from disk", 0)
    same = {"kind", "input", "seed", "metadata", "priority", "attempt"}
    assert job.model_dump(include=same) == made.model_dump(include=same)
    assert jobs.counts() == {"restored": 1}


def test_order_and_priority_survive(jobs: JobStore) -> None:
    made = [later_job(jobs, priority=priority).id for priority in (0, -1, 5, 0)]
    rebuild(jobs)
    late = later_job(jobs)
    order = [claimed(jobs).id for _ in range(5)]
    assert order == [made[2], made[0], made[3], late.id, made[1]]


def test_running_job_recovers_under_a_higher_fence(jobs: JobStore) -> None:
    new_job(jobs)
    zombie = begun(jobs)
    before = jobs.get(zombie.id).version
    rebuild(jobs)
    job = jobs.get(zombie.id)
    assert (job.state, job.attempt) == ("recovering", 1) and job.version > before
    assert jobs.beat(zombie).signal == "lost"
    second = begun(jobs)
    assert second.fence > zombie.fence and second.attempt == 2
    assert jobs.beat(zombie).signal == "lost" and jobs.beat(second).signal == "ok"


def test_fences_and_versions_grow_over_every_loss(jobs: JobStore) -> None:
    new_job(jobs)
    seen = []
    for _ in range(4):
        claim = begun(jobs)
        jobs.beat(claim, [Note(field="phase", value="training")] * 3)
        seen.append((claim.fence, jobs.get(claim.id).version))
        rebuild(jobs)
    fences, versions = zip(*seen, strict=True)
    assert sorted(set(fences)) == list(fences) and sorted(set(versions)) == list(versions)


def test_attempts_and_the_halved_batch_are_kept(jobs: JobStore) -> None:
    new_job(jobs)
    jobs.release(begun(jobs), "out of memory", crashed=True, shrink=True)
    begun(jobs)
    rebuild(jobs)
    claim = claimed(jobs)
    assert (claim.attempt, claim.shrink) == (3, 1)


def test_a_batch_that_is_to_be_halved_is_kept_before_the_next_attempt_begins(
    jobs: JobStore,
) -> None:
    new_job(jobs)
    for times in (1, 2):
        jobs.release(begun(jobs), "out of memory", crashed=True, shrink=True)
        rebuild(jobs)
        claim = claimed(jobs)
        assert claim.shrink == times
        jobs.release(claim, "worker stopped", crashed=False)


@pytest.mark.parametrize("content", DAMAGE)
def test_a_damaged_note_of_the_smaller_batch_hides_nothing(jobs: JobStore, content: bytes) -> None:
    job = new_job(jobs)
    begun(jobs)
    (jobs.home.job(job.id) / "shrink.json").write_bytes(content)
    rebuild(jobs)
    assert (claimed(jobs).shrink, jobs.get(job.id).state) == (0, "running")


def test_a_late_word_of_a_replaced_attempt_makes_nothing_smaller(jobs: JobStore) -> None:
    new_job(jobs)
    zombie = begun(jobs)
    rebuild(jobs)
    begun(jobs)
    assert jobs.release(zombie, "out of memory", crashed=True, shrink=True) == "lost"
    rebuild(jobs)
    assert claimed(jobs).shrink == 0


@pytest.mark.parametrize("worked_on", [False, True])
def test_paused_jobs_stay_paused(jobs: JobStore, worked_on: bool) -> None:
    job = new_job(jobs)
    if worked_on:
        begun(jobs)
    jobs.ask(job.id, "pause")
    rebuild(jobs)
    assert jobs.get(job.id).state == JobState.PAUSED
    assert jobs.claim_next("train", "worker-1") is None
    jobs.ask(job.id, "resume")
    rebuild(jobs)
    assert claimed(jobs).id == job.id


def test_a_cancelled_training_without_a_checkpoint_ends(jobs: JobStore) -> None:
    new_job(jobs)
    claim = begun(jobs)
    jobs.ask(claim.id, "cancel")
    rebuild(jobs)
    assert jobs.get(claim.id).state == JobState.CANCELLED
    jobs.ledger.archive_all()
    rebuild(jobs)
    assert jobs.get(claim.id).state == JobState.CANCELLED


def test_a_cancelled_training_with_a_checkpoint_is_made_a_model(jobs: JobStore) -> None:
    new_job(jobs)
    claim = begun(jobs)
    commit(jobs, claim, 5)
    jobs.ask(claim.id, "cancel")
    rebuild(jobs)
    assert jobs.get(claim.id).state == JobState.CANCELLING
    salvage = begun(jobs, queue="prepare")
    assert salvage.id == claim.id and jobs.beat(salvage).signal == "cancel"


def test_ended_jobs_come_back_with_their_whole_record(jobs: JobStore) -> None:
    new_job(jobs)
    claim = begun(jobs)
    jobs.beat(claim, [Note(field="metrics", value={"fid": 3.5})])
    jobs.finish(claim, JobState.SUCCEEDED, reason="done", output={"model": "m", "version": 1})
    before = jobs.get(claim.id)
    rebuild(jobs)
    assert jobs.get(claim.id) == before
    assert jobs.waiting("train") == 0
    entries: Any = jobs.client.xrange(jobs.keys.events(claim.id))
    assert [fields["type"] for _, fields in entries] == ["done"]
    jobs.finish(claim, JobState.SUCCEEDED, reason="done")  # said again by a slow worker
    assert jobs.get(claim.id) == before


def test_one_job_is_brought_back_when_it_is_asked_for(jobs: JobStore) -> None:
    job, other = new_job(jobs), new_job(jobs)
    lose(jobs)
    assert jobs.get(job.id).state == JobState.QUEUED
    jobs.ledger.complete()
    assert jobs.ids(None, 10) == sorted([job.id, other.id], reverse=True)
    assert jobs.counts() == {"restored": 2}


def test_a_new_job_is_accepted_only_after_all_others_are_back(jobs: JobStore) -> None:
    first = later_job(jobs)
    lose(jobs)
    second = later_job(jobs)
    assert [claimed(jobs).id, claimed(jobs).id] == [first.id, second.id]
    assert jobs.get(second.id).history[0].reason is None


@pytest.mark.parametrize("content", DAMAGE)
def test_a_damaged_request_is_set_aside_and_does_not_stop_the_others(
    jobs: JobStore, content: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    first, broken, last = (later_job(jobs) for _ in range(3))
    (jobs.home.job(broken.id) / REQUEST).write_bytes(content)
    with caplog.at_level(logging.ERROR):
        rebuild(jobs)
    assert jobs.ids(None, 10) == [last.id, first.id]
    assert broken.id in caplog.text
    aside = jobs.home.jobs / f".damaged-{broken.id}"
    assert (aside / REQUEST).read_bytes() == content
    with pytest.raises(NotFound):
        jobs.get(broken.id)
    rebuild(jobs)
    assert len(jobs.ids(None, 10)) == 2


def test_a_damaged_request_that_redis_still_knows_is_left_alone(jobs: JobStore) -> None:
    job = new_job(jobs)
    (jobs.home.job(job.id) / REQUEST).write_text("{")
    assert not jobs.ledger.restore(job.id)
    assert jobs.home.job(job.id).exists() and claimed(jobs).id == job.id


@pytest.mark.parametrize("moment", ["create.keyed", "create.stored"])
def test_a_repeated_request_becomes_no_second_job_while_records_are_rebuilt(
    jobs: JobStore, moment: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    job, _ = jobs.create(JobKind.TRAIN, {}, idempotency=("key", "body"))
    lose(jobs)

    def rebuilt_meanwhile(name: str) -> None:
        if name == moment:
            jobs.ledger.complete()

    monkeypatch.setattr(jobs_module, "crash_point", rebuilt_meanwhile)
    again, fresh = jobs.create(JobKind.TRAIN, {}, idempotency=("key", "body"))
    assert (again.id, fresh) == (job.id, False)
    assert jobs.ids(None, 10) == [job.id] and jobs.waiting("train") == 1
