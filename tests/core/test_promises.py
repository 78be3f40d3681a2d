"""What a loss of Redis, a full disk or too many open files may not change."""

import errno
from pathlib import Path
from typing import Any

import pytest

from core import jobs as jobs_module
from core import remains
from core.errors import Unavailable
from core.files import read_json
from core.jobs import JobStore
from core.remains import REQUEST
from core.schemas import JobState
from tests.core.steps import begun, claimed, lose, new_job, rebuild
from tests.core.test_doubt import broken_connection, create


@pytest.mark.parametrize("earlier", [0, 1])
def test_a_worker_that_was_stopped_before_it_wrote_its_claim_down_stays_a_zombie(
    jobs: JobStore, earlier: int
) -> None:
    new_job(jobs)
    for _ in range(earlier):
        jobs.release(begun(jobs), "worker stopped", crashed=False)
        jobs.release(claimed(jobs), "disk full", crashed=False)
    zombie = claimed(jobs)
    rebuild(jobs)
    second = begun(jobs)
    assert second.fence > zombie.fence and jobs.beat(zombie).signal == "lost"


def test_the_version_of_a_job_that_never_ran_grows(jobs: JobStore) -> None:
    job = new_job(jobs)
    for _ in range(3):
        jobs.prioritise(job.id, 1)
        before = jobs.get(job.id).version
        rebuild(jobs)
        assert jobs.get(job.id).version > before


def test_the_version_grows_over_a_second_loss(jobs: JobStore) -> None:
    new_job(jobs)
    claim = begun(jobs)
    rebuild(jobs)
    jobs.prioritise(claim.id, 1)
    before = jobs.get(claim.id).version
    rebuild(jobs)
    assert jobs.get(claim.id).version > before


def test_a_changed_priority_survives(jobs: JobStore) -> None:
    job = new_job(jobs)
    jobs.prioritise(job.id, 4)
    rebuild(jobs)
    assert jobs.get(job.id).priority == 4


@pytest.mark.parametrize("name", ["job.json", "attempt.json", "record.json"])
def test_too_many_open_files_lose_nothing(
    jobs: JobStore, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    new_job(jobs)
    claim = begun(jobs)
    if name == "record.json":
        jobs.finish(claim, JobState.SUCCEEDED)

    def exhausted(path: Path) -> Any:
        if path.name == name:
            raise OSError(errno.EMFILE, "Too many open files")
        return read_json(path)

    lose(jobs)
    with monkeypatch.context() as patch:
        patch.setattr(remains, "read_json", exhausted)
        patch.setattr("core.attempts.read_json", exhausted)
        with pytest.raises((OSError, Unavailable)):
            jobs.ledger.complete()
    jobs.ledger.complete()
    job = jobs.get(claim.id)
    assert job.state == ("succeeded" if name == "record.json" else "recovering")
    assert job.state.terminal or claimed(jobs).fence > claim.fence


def test_a_repeat_that_fails_does_not_put_an_accepted_job_in_doubt(jobs: JobStore) -> None:
    job = create(jobs)
    with broken_connection(jobs, after=False), pytest.raises(Unavailable):
        create(jobs)
    rebuild(jobs)
    assert jobs.get(job.id).state == JobState.QUEUED


@pytest.mark.parametrize("ended", [False, True])
def test_a_repeat_that_finds_redis_empty_does_not_begin_the_job_again(
    jobs: JobStore, ended: bool
) -> None:
    job = create(jobs)
    claim = begun(jobs)
    if ended:
        jobs.finish(claim, JobState.SUCCEEDED)
    lose(jobs)
    again = create(jobs)
    assert (again.id, again.attempt) == (job.id, 1)
    assert again.state == (JobState.SUCCEEDED if ended else JobState.RECOVERING)


def test_a_key_whose_request_found_no_room_can_be_used_again(
    jobs: JobStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = jobs_module.write_once

    def full(path: Path, value: Any) -> Any:
        if path.name == REQUEST:
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(path, value)

    with monkeypatch.context() as patch:
        patch.setattr(jobs_module, "write_once", full)
        with pytest.raises(OSError, match="No space"):
            create(jobs)
    assert create(jobs).state == JobState.QUEUED
