"""The same key means the same job: in many threads, many processes, and after a loss of Redis."""

import multiprocessing
import random
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from core.errors import IdempotencyMismatch, QueueFull
from core.home import Home
from core.idempotency import LIFE_SECONDS, KeyRing
from core.jobs import JobStore
from core.schemas import Job, JobKind
from core.settings import Settings
from tests.core.steps import lose, make_old, rebuild

KEYS = [f"key-{number}" for number in range(30)]


def create(jobs: JobStore, key: str = "key", digest: str = "body") -> tuple[Job, bool]:
    return jobs.create(JobKind.TRAIN, {}, idempotency=(key, digest))


def take_all(home: Home, own: str) -> dict[str, str]:
    """What every key means to this process, which wants it to mean `own`."""
    ring = KeyRing(home)
    return {key: ring.take(key, "body", own) for key in random.Random(own).sample(KEYS, len(KEYS))}


def test_one_of_many_threads_makes_the_job(jobs: JobStore) -> None:
    barrier = threading.Barrier(8)

    def at_once(_: int) -> tuple[Job, bool]:
        barrier.wait()
        return create(jobs)

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(at_once, range(8)))
    assert len({job.id for job, _ in answers}) == 1
    assert sum(fresh for _, fresh in answers) == 1
    assert [entry.name for entry in jobs.home.jobs.iterdir()] == [answers[0][0].id]
    assert jobs.waiting("train") == 1


def test_a_key_means_the_same_to_all_processes(settings: Settings) -> None:
    home = settings.folders
    with multiprocessing.get_context("spawn").Pool(3) as pool:
        found = pool.starmap(take_all, [(home, f"job-{number}") for number in range(3)])
    assert found[0] == found[1] == found[2]
    assert len(list((home.root / "keys").iterdir())) == len(KEYS)


@pytest.mark.parametrize("loss", [lose, rebuild])
def test_a_key_survives_a_loss_of_redis(jobs: JobStore, loss: object) -> None:
    job, _ = create(jobs)
    assert callable(loss)
    loss(jobs)
    assert create(jobs)[0].id == job.id
    assert jobs.waiting("train") == 1
    with pytest.raises(IdempotencyMismatch):
        create(jobs, digest="another body")


def test_a_key_of_a_refused_request_is_free_again(jobs: JobStore) -> None:
    with pytest.raises(QueueFull):
        jobs.create(JobKind.TRAIN, {}, idempotency=("key", "body"), max_queued=0)
    assert create(jobs, digest="another body")[1]


def test_a_mismatch_leaves_nothing_behind(jobs: JobStore) -> None:
    job, _ = create(jobs)
    with pytest.raises(IdempotencyMismatch):
        create(jobs, digest="another body")
    assert [entry.name for entry in jobs.home.jobs.iterdir()] == [job.id]


def test_keys_are_forgotten_after_a_day(jobs: JobStore) -> None:
    old, young = create(jobs, "old")[0], create(jobs, "young")[0]
    (path,) = [p for p in jobs.ring.folder.iterdir() if old.id in p.read_text()]
    make_old(path, LIFE_SECONDS + 60)
    jobs.ring.expire()
    assert create(jobs, "young")[0].id == young.id
    assert create(jobs, "old", "another body")[0].id != old.id


@pytest.mark.parametrize("key", ["../../etc/passwd", "a/b", "é", "\x00", "k" * 10_000, "."])
def test_any_text_is_a_safe_key(settings: Settings, key: str) -> None:
    ring = KeyRing(settings.folders)
    assert ring.take(key, "body", "job-1") == ring.take(key, "body", "job-2") == "job-1"
    (path,) = (settings.home / "keys").iterdir()
    assert len(path.name) == 64 and path.name.isalnum()
    ring.drop(key, "job-1")
    ring.drop(key, "job-1")
    assert ring.take(key, "body", "job-2") == "job-2"
