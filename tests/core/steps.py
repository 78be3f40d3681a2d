"""What tests of jobs do again and again."""

import os
import time
from pathlib import Path

from core.attempts import Attempt, record_attempt
from core.jobs import JobStore
from core.records import Claim, Note
from core.schemas import Job, JobKind
from tests.waiting import wait_for


def new_job(jobs: JobStore, **fields: object) -> Job:
    return jobs.create(JobKind.TRAIN, {"dataset": "d", **fields}, seed=7)[0]


def later_job(jobs: JobStore, kind: JobKind = JobKind.TRAIN, priority: int = 0) -> Job:
    """A job of a later millisecond."""
    start = time.time_ns() // 1_000_000
    wait_for(lambda: time.time_ns() // 1_000_000 > start + 1, "the next millisecond")
    return jobs.create(kind, {"dataset": "d"}, priority=priority)[0]


def claimed(jobs: JobStore, lease: float = 30.0, queue: str = "train") -> Claim:
    claim = jobs.claim_next(queue, "worker-1", lease)
    assert claim is not None
    return claim


def begun(jobs: JobStore, queue: str = "train") -> Claim:
    """A claim that is on disk, as a worker writes it before anything else."""
    claim = claimed(jobs, queue=queue)
    remember(jobs, claim)
    return claim


def remember(jobs: JobStore, claim: Claim) -> None:
    attempt = Attempt(
        fence=claim.fence, attempt=claim.attempt, shrink=claim.shrink, version=claim.version
    )
    record_attempt(jobs.home, claim.id, attempt)


def commit(jobs: JobStore, claim: Claim, step: int) -> None:
    """A checkpoint, on disk as a model folder and in the record."""
    (jobs.home.job(claim.id) / "snapshots" / f"{step:09d}").mkdir(parents=True, exist_ok=True)
    beat = jobs.beat(claim, [Note(type="checkpoint", data={"step": step})])
    assert beat.signal != "lost"


def expire(jobs: JobStore, claim: Claim) -> None:
    """Let the lease of `claim` be over."""
    jobs.client.zadd(jobs.keys.leases, {claim.id: 1})
    assert jobs.reap() == 1


def lose(jobs: JobStore) -> None:
    """Redis forgets everything of this service."""
    keys = list(jobs.client.scan_iter(match=f"{jobs.keys.root}*", count=1000))
    if keys:
        jobs.client.delete(*keys)


def rebuild(jobs: JobStore) -> None:
    """Redis forgets everything, and it is brought back from disk."""
    lose(jobs)
    jobs.ledger.complete()


def make_old(path: Path, seconds: float = 2 * 3600) -> None:
    """As if nobody had touched `path`, and what is in it, for so long."""
    at = time.time() - seconds
    for below in sorted(path.rglob("*"), reverse=True):
        os.utime(below, (at, at), follow_symlinks=False)
    os.utime(path, (at, at), follow_symlinks=False)
