"""Old versions go; what has an alias, or is needed by unfinished work, stays."""

from datetime import UTC, datetime
from typing import Any

import pytest

from core.janitor import Janitor
from core.jobs import JobStore
from core.registry import ModelStore
from core.retention import Retention, Used, named_in, surplus
from core.schemas import JobKind, JobState, Model
from tests.core.steps import claimed
from tests.core.test_stores import weights


def model(version: int, *aliases: str, job: str | None = None) -> Model:
    return Model(
        name="cats",
        version=version,
        digest="d",
        created_at=datetime.now(UTC),
        architecture="r3",
        resolution=32,
        channels=3,
        z_dim=8,
        job=job,
        aliased_as=list(aliases),
    )


@pytest.mark.parametrize(
    ("versions", "keep", "used", "gone"),
    [
        ([model(3), model(2), model(1)], 0, Used(), []),
        ([model(3), model(2), model(1)], 3, Used(), []),
        ([model(3), model(2), model(1)], 9, Used(), []),
        ([model(3), model(2), model(1)], 1, Used(), [2, 1]),
        ([model(3), model(2, "stable"), model(1)], 1, Used(), [1]),
        ([model(3, "latest", "stable"), model(2), model(1)], 1, Used(), [2, 1]),
        ([model(3), model(2), model(1, "latest")], 1, Used(), [2, 1]),
        ([model(9), model(7), model(4)], 2, Used(), [4]),
        ([model(3), model(2), model(1)], 1, Used(versions=frozenset({("cats", 1)})), [2]),
        ([model(3), model(2), model(1)], 1, Used(versions=frozenset({("dogs", 1)})), [2, 1]),
        ([model(3), model(2, job="job-2"), model(1)], 1, Used(jobs=frozenset({"job-2"})), [1]),
        ([], 1, Used(), []),
    ],
)
def test_what_may_go(versions: list[Model], keep: int, used: Used, gone: list[int]) -> None:
    assert [model.version for model in surplus(versions, keep, used)] == gone


@pytest.mark.parametrize(
    ("input", "named"),
    [
        ({"dataset": "ds-1", "model": "cats"}, []),
        ({"init_from": "cats@2", "model": "lynx"}, [("cats", 2)]),
        ({"init_from": "cats", "origin": {"name": "cats", "version": 4}}, [("cats", 4)]),
        ({"model": "cats", "version": 3, "dataset_id": "ds-1"}, [("cats", 3)]),
        ({"model": "cats@3"}, [("cats", 3)]),
        ({"model": "cats@stable", "n": 50}, []),
        ({"init_from": "job:job-1@100"}, []),
    ],
)
def test_versions_that_a_job_names(input: dict[str, Any], named: list[tuple[str, int]]) -> None:
    assert list(named_in(input)) == named


def publish(jobs: JobStore, count: int) -> ModelStore:
    """Versions of jobs that nobody knows any more."""
    store = ModelStore(jobs.home)
    for number in range(count):
        job = f"job-old-{number}"
        jobs.home.job(job).mkdir(exist_ok=True)
        source = weights(jobs.home.root / f"source-{number}", job.encode())
        store.publish(source, "cats", {"job": job})
    return store


def numbers(store: ModelStore) -> list[int]:
    return [model.version for model in store.versions("cats")]


def test_a_round_of_the_janitor_keeps_the_newest_the_aliased_and_the_needed(
    jobs: JobStore,
) -> None:
    store = publish(jobs, 5)
    store.aliases("cats").put("stable", 1)
    jobs.create(JobKind.EVALUATE, {"model": "cats", "version": 2})
    Janitor(jobs, keep_days=30, keep_versions=1).tidy()
    assert numbers(store) == [5, 2, 1]
    claim = claimed(jobs, queue="prepare")
    jobs.finish(claim, JobState.SUCCEEDED)
    jobs.client.delete(jobs.keys.lock("tidy"))
    Janitor(jobs, keep_days=30, keep_versions=1).tidy()
    assert numbers(store) == [5, 1]


def test_a_publication_removes_old_versions_of_the_same_model_only(jobs: JobStore) -> None:
    store = publish(jobs, 3)
    for number in range(2):
        job = f"job-dog-{number}"
        jobs.home.job(job).mkdir()
        store.publish(weights(jobs.home.root / f"dog-{number}"), "dogs", {"job": job})
    Retention(jobs, 2).after_publication("cats")
    assert (numbers(store), len(store.versions("dogs"))) == ([3, 2], 2)


def test_all_are_kept_unless_a_number_is_set(jobs: JobStore) -> None:
    store = publish(jobs, 3)
    Janitor(jobs, keep_days=30).tidy()
    Retention(jobs, 0).after_publication("cats")
    assert numbers(store) == [3, 2, 1]
