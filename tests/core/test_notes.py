"""What workers note with their beats: recorded once, kept in bounds."""

import json
from typing import Any

from core.jobs import MAX_ATTEMPTS, JobStore
from core.records import Note
from core.schemas import JobState
from tests.core.steps import claimed, commit, expire, new_job

PROGRESS = Note(type="progress", data={"step": 1}, field="progress", value={"step": 1})


def types(jobs: JobStore, job_id: str) -> list[str]:
    entries: Any = jobs.client.xrange(jobs.keys.events(job_id))
    return [fields["type"] for _, fields in entries]


def test_notes_that_are_sent_again_are_recorded_once(jobs: JobStore) -> None:
    new_job(jobs)
    claim = claimed(jobs)
    for first, number in ((0, 2), (0, 2), (0, 3), (2, 1), (3, 1)):
        assert jobs.beat(claim, [PROGRESS] * number, first=first).signal == "ok"
    assert types(jobs, claim.id).count("progress") == 4


def test_notes_without_numbers_are_all_recorded(jobs: JobStore) -> None:
    new_job(jobs)
    claim = claimed(jobs)
    for first in (0, None, None):
        jobs.beat(claim, [PROGRESS], first=first)
    assert types(jobs, claim.id).count("progress") == 3


def test_the_next_worker_counts_its_notes_from_the_beginning(jobs: JobStore) -> None:
    new_job(jobs)
    claim = claimed(jobs)
    jobs.beat(claim, [PROGRESS] * 5, first=0)
    jobs.release(claim, "worker stopped", crashed=False)
    jobs.beat(claimed(jobs), [PROGRESS], first=0)
    assert types(jobs, claim.id).count("progress") == 6


def test_a_repeated_note_does_not_bring_an_old_value_back(jobs: JobStore) -> None:
    new_job(jobs)
    claim = claimed(jobs)
    notes = [Note(field="phase", value=phase) for phase in ("opening", "training")]
    jobs.beat(claim, notes, first=0)
    jobs.beat(claim, notes[:1], first=0)
    assert jobs.get(claim.id).phase == "training"


def test_a_zombie_notes_nothing(jobs: JobStore) -> None:
    new_job(jobs)
    zombie = claimed(jobs)
    expire(jobs, zombie)
    before = jobs.client.hgetall(jobs.keys.job(zombie.id))
    assert jobs.beat(zombie, [PROGRESS], first=0).signal == "lost"
    assert jobs.client.hgetall(jobs.keys.job(zombie.id)) == before
    assert jobs.counts() == {"stale_fence": 1, "leases_expired": 1}


def test_a_job_that_advances_between_its_crashes_never_fails(jobs: JobStore) -> None:
    job = new_job(jobs)
    for step in range(2 * MAX_ATTEMPTS):
        claim = claimed(jobs)
        commit(jobs, claim, step)
        assert jobs.release(claim, "crash", crashed=True) == "recovering"
    committed = jobs.get(job.id).committed
    assert committed == {"step": 2 * MAX_ATTEMPTS - 1}


def test_the_same_checkpoint_again_forgives_nothing(jobs: JobStore) -> None:
    job, states = new_job(jobs), []
    for step in (7, 7, 6):
        claim = claimed(jobs)
        commit(jobs, claim, step)
        states.append(jobs.release(claim, "crash", crashed=True))
    assert states == ["recovering"] * (MAX_ATTEMPTS - 1) + ["failed"]
    assert jobs.get(job.id).committed == {"step": 7}


def test_what_is_asked_is_heard_until_it_is_noted(jobs: JobStore) -> None:
    new_job(jobs)
    claim = claimed(jobs)
    jobs.ask(claim.id, "checkpoint")
    jobs.ask(claim.id, "sample")
    assert jobs.beat(claim).asked == {"checkpoint", "sample"}
    assert jobs.beat(claim, [Note(type="sample")]).asked == {"checkpoint"}
    commit(jobs, claim, 1)
    assert jobs.beat(claim).asked == frozenset()


def test_every_refusal_is_counted(jobs: JobStore) -> None:
    new_job(jobs)
    zombie = claimed(jobs)
    expire(jobs, zombie)
    jobs.release(zombie, "late", crashed=True)
    jobs.beat(zombie)
    jobs.ask(zombie.id, "sample")
    assert jobs.counts() == {"leases_expired": 1, "stale_fence": 2, "illegal_transition": 1}


def test_a_long_history_keeps_its_beginning_and_the_newest_entries(jobs: JobStore) -> None:
    job = new_job(jobs)
    for _ in range(150):  # not by way of ask(): the files it syncs would take seconds
        jobs.ledger.run("ask", job.id, "pause")
        jobs.ledger.run("ask", job.id, "resume")
    history = jobs.get(job.id).history
    assert (len(history), history[0].reason, history[0].at) == (200, None, job.history[0].at)
    assert [entry.reason for entry in history[-2:]] == ["requested", "resumed"]
    assert jobs.get(job.id).version == 301


def test_the_event_stream_of_an_ended_job_is_short_and_complete_at_its_end(
    jobs: JobStore,
) -> None:
    new_job(jobs)
    claim = claimed(jobs)
    for _ in range(8):
        jobs.beat(claim, [PROGRESS] * 2000)
    running = jobs.client.xlen(jobs.keys.events(claim.id))
    assert isinstance(running, int) and 10_000 <= running < 10_200
    jobs.finish(claim, JobState.SUCCEEDED)
    kept = types(jobs, claim.id)
    assert 1000 <= len(kept) < 1200
    assert kept[-2:] == ["state", "done"]


def test_events_carry_the_version_that_the_job_has_after_them(jobs: JobStore) -> None:
    job = new_job(jobs)
    jobs.ask(job.id, "cancel")
    entries: Any = jobs.client.xrange(jobs.keys.events(job.id))
    versions = [json.loads(fields["data"])["version"] for _, fields in entries]
    assert versions == [1, 2, 2] and jobs.get(job.id).version == 2
