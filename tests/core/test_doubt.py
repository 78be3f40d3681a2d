"""Requests whose acceptance was left open by a broken connection."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import redis

from core.errors import NotFound, Unavailable
from core.janitor import LEFTOVER_SECONDS, Janitor
from core.jobs import JobStore
from core.remains import DOUBT, REQUEST
from core.schemas import Job, JobKind, JobState
from tests.core.steps import begun, make_old, new_job, rebuild


@contextmanager
def broken_connection(jobs: JobStore, *, after: bool) -> Iterator[None]:
    """Every script breaks off, before or after the server has done what it says."""
    real = jobs.client.evalsha

    def evalsha(*arguments: Any) -> Any:
        if after:
            real(*arguments)
        raise redis.ConnectionError("Connection closed by server.")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(jobs.client, "evalsha", evalsha)
        yield


def create(jobs: JobStore) -> Job:
    return jobs.create(JobKind.TRAIN, {}, idempotency=("key", "body"))[0]


def left_open(jobs: JobStore, *, after: bool) -> str:
    """The id of a request that got no answer."""
    jobs.ledger.complete()
    before = set(jobs.ledger.on_disk())
    with broken_connection(jobs, after=after), pytest.raises(Unavailable):
        create(jobs)
    (job_id,) = set(jobs.ledger.on_disk()) - before
    assert (jobs.home.job(job_id) / DOUBT).exists()
    return job_id


def test_it_is_not_brought_back(jobs: JobStore) -> None:
    job_id = left_open(jobs, after=False)
    rebuild(jobs)
    assert jobs.ids(None, 10) == [] and jobs.waiting("train") == 0
    with pytest.raises(NotFound):
        jobs.get(job_id)


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("lost", [False, True])
def test_a_retry_with_its_key_accepts_it(jobs: JobStore, after: bool, lost: bool) -> None:
    job_id = left_open(jobs, after=after)
    if lost:
        rebuild(jobs)
    assert create(jobs).id == job_id
    assert not (jobs.home.job(job_id) / DOUBT).exists()
    assert jobs.waiting("train") == 1
    rebuild(jobs)
    assert jobs.get(job_id).state == JobState.QUEUED


def test_a_retry_that_fails_too_leaves_it_open(jobs: JobStore) -> None:
    job_id = left_open(jobs, after=False)
    with broken_connection(jobs, after=False), pytest.raises(Unavailable):
        create(jobs)
    rebuild(jobs)
    assert jobs.ids(None, 10) == []
    assert create(jobs).id == job_id


def test_it_runs_when_the_server_had_accepted_it(jobs: JobStore) -> None:
    job_id = left_open(jobs, after=True)
    assert begun(jobs).id == job_id
    rebuild(jobs)
    assert jobs.get(job_id).state == JobState.RECOVERING


def test_it_is_removed_after_an_hour(jobs: JobStore) -> None:
    job_id, janitor = left_open(jobs, after=False), Janitor(jobs, keep_days=30)
    make_old(jobs.home.job(job_id), LEFTOVER_SECONDS - 60)
    janitor.adopt()
    assert jobs.home.job(job_id).exists()
    make_old(jobs.home.job(job_id), LEFTOVER_SECONDS + 60)
    janitor.adopt()
    assert jobs.ledger.on_disk() == [] and jobs.ids(None, 10) == []
    with pytest.raises(NotFound, match="use a new key"):
        create(jobs)


def test_it_is_not_removed_when_the_server_had_accepted_it(jobs: JobStore) -> None:
    job_id = left_open(jobs, after=True)
    make_old(jobs.home.job(job_id), 2 * LEFTOVER_SECONDS)
    Janitor(jobs, keep_days=30).adopt()
    assert (jobs.home.job(job_id) / REQUEST).exists()
    assert begun(jobs).id == job_id


def test_a_request_whose_writer_was_killed_is_adopted(jobs: JobStore) -> None:
    job, janitor = new_job(jobs), Janitor(jobs, keep_days=30)
    jobs.client.delete(jobs.keys.job(job.id), jobs.keys.events(job.id), jobs.keys.queue("train"))
    jobs.client.zrem(jobs.keys.jobs, job.id)
    janitor.adopt()
    assert jobs.waiting("train") == 0  # it may still be on its way
    make_old(jobs.home.job(job.id), 60)
    janitor.adopt()
    assert jobs.waiting("train") == 1 and begun(jobs).id == job.id
