"""The end of every job is on disk, at once or soon."""

import errno
from collections.abc import Callable
from typing import Any

import pytest

from core import ledger
from core.files import read_json
from core.jobs import MAX_ATTEMPTS, JobStore
from core.queue import celery_app
from core.reconciler import Reconciler
from core.remains import END
from core.schemas import JobState
from core.settings import Settings
from tests.core.steps import begun, claimed, expire, new_job, rebuild


def ends(jobs: JobStore) -> dict[str, str]:
    """The ends on disk, by job."""
    paths = jobs.home.jobs.glob(f"*/{END}")
    return {path.parent.name: read_json(path)["state"] for path in paths}


def unsaved(jobs: JobStore) -> set[str]:
    found: Any = jobs.client.smembers(jobs.keys.unsaved)
    return found


def finished(jobs: JobStore) -> str:
    new_job(jobs)
    claim = begun(jobs)
    jobs.finish(claim, JobState.SUCCEEDED, output={"model": "m", "version": 1})
    return claim.id


def cancelled(jobs: JobStore) -> str:
    job = new_job(jobs)
    jobs.ask(job.id, "cancel")
    return job.id


def reaped(jobs: JobStore) -> str:
    job = new_job(jobs)
    for _ in range(MAX_ATTEMPTS):
        expire(jobs, claimed(jobs))
    return job.id


def no_room(*_: object) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


@pytest.mark.parametrize("end", [finished, cancelled])
def test_an_end_that_was_answered_is_on_disk(
    jobs: JobStore, end: Callable[[JobStore], str]
) -> None:
    job_id = end(jobs)
    assert ends(jobs) == {job_id: jobs.get(job_id).state}
    assert unsaved(jobs) == set()
    record = read_json(jobs.home.job(job_id) / END)
    assert record == jobs.client.hgetall(jobs.keys.job(job_id))


def test_the_end_of_a_job_whose_worker_died_is_written_by_the_reconciler(
    jobs: JobStore, settings: Settings
) -> None:
    job_id = reaped(jobs)
    assert (unsaved(jobs), ends(jobs)) == ({job_id}, {})
    Reconciler(jobs, celery_app(settings.redis_url, settings.prefix), settings).reconcile()
    assert (unsaved(jobs), ends(jobs)) == (set(), {job_id: "failed"})
    before = jobs.get(job_id)
    rebuild(jobs)
    assert jobs.get(job_id) == before


@pytest.mark.parametrize("end", [finished, cancelled, reaped])
def test_an_end_that_finds_no_room_is_written_later(
    jobs: JobStore, end: Callable[[JobStore], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(ledger, "write_json", no_room)
        job_id = end(jobs)
        jobs.ledger.archive_all()
        assert (unsaved(jobs), ends(jobs)) == ({job_id}, {})
    jobs.ledger.archive_all()
    assert (unsaved(jobs), ends(jobs)) == (set(), {job_id: jobs.get(job_id).state})


def test_a_job_without_a_folder_is_no_longer_listed_as_unsaved(jobs: JobStore) -> None:
    job_id = reaped(jobs)
    jobs.ledger.forget(job_id)
    jobs.client.sadd(jobs.keys.unsaved, job_id)
    jobs.ledger.archive_all()
    assert unsaved(jobs) == set() and not jobs.home.job(job_id).exists()


def test_only_ended_jobs_are_forgotten_in_redis(jobs: JobStore) -> None:
    job = new_job(jobs)
    jobs.ledger.run("forget", job.id)
    assert jobs.get(job.id).state == JobState.QUEUED and jobs.waiting("train") == 1
