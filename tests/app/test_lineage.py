"""Trainings that go on from an earlier one: what they take over, and what is refused."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.services import Services
from core.checkpoints import checkpoint_records
from core.schemas import Dataset, Job, JobKind, JobState
from tests.app.records import put_checkpoint, put_snapshot
from tests.app.states import claimed

Put = Callable[..., Dataset]


@pytest.fixture(autouse=True)
def _workshop(trainer: None, dataset: Put) -> None:
    dataset("ds-1")
    dataset("ds-2", name="dogs")


@pytest.fixture
def earlier(api: httpx.Client, held: Services) -> Job:
    """A training of 600 steps in ten minutes (6 kimg) that ended, with two checkpoints."""
    order = {"dataset": "cats", "name": "tom", "options": {"batch": 8}, "seed": 7}
    answer = api.post("/v1/train", json=order | {"budget": {"minutes": 15}})
    assert answer.status_code == 202, answer.text
    job = held.jobs.get(answer.json()["id"])
    folder = held.jobs.home.job(job.id)
    for step in (300, 600):
        put_checkpoint(folder, step)
    put_snapshot(folder, 600)
    held.jobs.finish(claimed(held, job), JobState.SUCCEEDED, output={})
    return held.jobs.get(job.id)


def go_on(api: httpx.Client, job_id: str, **fields: Any) -> httpx.Response:
    body = {"resume_from": job_id, "budget": {"minutes": 20}} | fields
    return api.post("/v1/train", json=body)


def assert_pointed(answer: httpx.Response, *pointers: str, status: int = 422) -> str:
    """The refusal names these fields; answers its detail."""
    body = answer.json()
    found = [error["pointer"] for error in body.get("errors", [])]
    assert (answer.status_code, found) == (status, list(pointers)), answer.text
    return body["detail"]


def folder_of(held: Services, answer: httpx.Response) -> Path:
    assert answer.status_code == 202, answer.text
    return held.jobs.home.job(answer.json()["id"])


def test_continued_training_takes_over_everything_but_the_budget(
    api: httpx.Client, held: Services, earlier: Job
) -> None:
    answer = go_on(api, earlier.id)
    folder = folder_of(held, answer)
    job = answer.json()
    budget = {"minutes": 20.0, "kimg": None, "steps": None}
    own = {"resume_from": earlier.id, "budget": budget, "name": None}
    assert job["input"] == earlier.input | own
    assert (job["input"]["model"], job["seed"]) == ("tom", 7)
    source = held.jobs.home.job(earlier.id)
    names = sorted(path.name for path in (source / "checkpoints").iterdir())
    assert len(names) == 4
    assert sorted(path.name for path in (folder / "checkpoints").iterdir()) == names
    for name in names:
        assert (folder / "checkpoints" / name).samefile(source / "checkpoints" / name)


def test_continued_training_has_its_own_name_priority_and_metadata(
    api: httpx.Client, earlier: Job
) -> None:
    own = {"name": "felix", "priority": 2, "metadata": {"who": "me"}}
    job = go_on(api, earlier.id, **own).json()
    assert (job["input"]["model"], job["priority"]) == ("felix", 2)
    assert job["metadata"] == {"who": "me"}


def test_continued_training_keeps_its_budget_when_none_is_given(
    api: httpx.Client, earlier: Job
) -> None:
    answer = api.post("/v1/train", json={"resume_from": earlier.id})
    assert answer.json()["input"]["budget"] == {"minutes": 15.0, "kimg": None, "steps": None}


def test_continued_training_begins_where_the_earlier_one_did_if_its_checkpoints_are_damaged(
    api: httpx.Client, held: Services, earlier: Job
) -> None:
    source = held.jobs.home.job(earlier.id)
    (source / "init").mkdir()
    (source / "init" / "model.json").write_text("{}")
    folder = folder_of(held, go_on(api, earlier.id))
    assert (folder / "init" / "model.json").samefile(source / "init" / "model.json")


def test_retry_of_a_continued_training_goes_on_too(
    api: httpx.Client, held: Services, earlier: Job
) -> None:
    job_id = go_on(api, earlier.id).json()["id"]
    held.jobs.ask(job_id, "cancel")
    again = api.post(f"/v1/jobs/{job_id}/retry").json()
    assert again["input"]["resume_from"] == again["input"]["retry_of"] == job_id
    assert len(checkpoint_records(held.jobs.home.job(again["id"]))) == 2
    held.jobs.ask(again["id"], "cancel")
    more = go_on(api, again["id"]).json()
    assert "retry_of" not in more["input"]


@pytest.mark.parametrize(
    ("budget", "says"),
    [
        ({"minutes": 10}, "10 minutes are spent"),
        ({"kimg": 6}, "6 kimg are spent"),
        ({"steps": 600}, "600 steps are spent"),
    ],
)
def test_budget_counts_from_the_beginning(
    api: httpx.Client, earlier: Job, budget: dict[str, int], says: str
) -> None:
    (unit,) = budget
    detail = assert_pointed(go_on(api, earlier.id, budget=budget), f"#/budget/{unit}")
    assert says in detail
    more = {unit: budget[unit] + 1}
    assert go_on(api, earlier.id, budget=more).status_code == 202


def test_large_figures_are_told_in_full(api: httpx.Client, held: Services, earlier: Job) -> None:
    put_checkpoint(held.jobs.home.job(earlier.id), 12_345_678)
    answer = go_on(api, earlier.id, budget={"steps": 1000})
    assert "12345678 steps are spent" in assert_pointed(answer, "#/budget/steps")


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"options": {"batch": 16}}, "#/options"),
        ({"dataset": "ds-2"}, "#/dataset"),
        ({"seed": 8}, "#/seed"),
        ({"resolution": 32}, "#/resolution"),
        ({"preset": "tiny"}, "#/preset"),
    ],
)
def test_changes_are_refused(
    api: httpx.Client, earlier: Job, change: dict[str, Any], pointer: str
) -> None:
    assert_pointed(go_on(api, earlier.id, **change), pointer)


def test_all_changes_are_named_at_once(api: httpx.Client, earlier: Job) -> None:
    answer = go_on(api, earlier.id, seed=8, dataset="ds-2")
    assert_pointed(answer, "#/dataset", "#/seed")


@pytest.mark.parametrize("named", ["cats", "ds-1", None])
def test_what_is_said_again_is_no_change(api: httpx.Client, earlier: Job, named: Any) -> None:
    same = {"dataset": named, "options": {"batch": 8}, "seed": 7, "resolution": None}
    assert go_on(api, earlier.id, **same).status_code == 202


def test_unknown_jobs_cannot_be_continued(api: httpx.Client) -> None:
    assert_pointed(go_on(api, "job-none"), "#/resume_from")
    assert_pointed(go_on(api, "../job"), "#/resume_from")


def test_only_trainings_can_be_continued(api: httpx.Client, held: Services) -> None:
    job, _ = held.jobs.create(JobKind.INGEST, {"dataset": "ds-1"})
    held.jobs.finish(claimed(held, job), JobState.SUCCEEDED, output={})
    assert "Only a training" in assert_pointed(go_on(api, job.id), "#/resume_from")


def test_training_under_way_cannot_be_continued(api: httpx.Client, held: Services) -> None:
    job_id = api.post("/v1/train", json={"dataset": "ds-1"}).json()["id"]
    put_checkpoint(held.jobs.home.job(job_id), 100)
    answer = go_on(api, job_id)
    assert (answer.status_code, answer.json()["code"]) == (409, "not_ready")
    assert "is queued: wait for its end" in answer.json()["detail"]
    held.jobs.ask(job_id, "pause")
    assert "is paused: POST its /resume" in go_on(api, job_id).json()["detail"]


def test_training_without_a_checkpoint_cannot_be_continued(
    api: httpx.Client, held: Services
) -> None:
    job_id = api.post("/v1/train", json={"dataset": "ds-1"}).json()["id"]
    held.jobs.ask(job_id, "cancel")
    answer = go_on(api, job_id)
    assert (answer.status_code, answer.json()["code"]) == (409, "conflict")
    assert "train anew without resume_from" in answer.json()["detail"]


def test_continued_training_needs_its_data_set(
    api: httpx.Client, held: Services, earlier: Job
) -> None:
    held.datasets.remove("ds-1")
    answer = go_on(api, earlier.id)
    assert "data set ds-1 is gone" in assert_pointed(answer, "#/resume_from", status=409)
    assert answer.json()["code"] == "dataset_changed"


def test_continued_training_needs_the_same_images(
    api: httpx.Client, held: Services, earlier: Job, dataset: Put
) -> None:
    folder = held.jobs.home.job(earlier.id)
    put_checkpoint(folder, 700, spec={"dataset": {"sha256": "a" * 64, "images": 10}})
    held.datasets.remove("ds-1")
    dataset("ds-1", sha256="b" * 64)
    detail = assert_pointed(go_on(api, earlier.id), "#/resume_from", status=409)
    assert "aaaaaaaaaaaa" in detail and "bbbbbbbbbbbb" in detail


def test_refused_continuation_leaves_nothing(
    api: httpx.Client, held: Services, earlier: Job
) -> None:
    go_on(api, earlier.id, budget={"minutes": 1})
    assert [path.name for path in held.jobs.home.jobs.iterdir()] == [earlier.id]


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ({}, "give a dataset, or a job to resume_from"),
        ({"init_from": "cats"}, "give a dataset"),
        ({"resume_from": "job-1", "init_from": "cats"}, "not both"),
        ({"dataset": "ds-1", "label_map": {"a": "b"}}, "label_map belongs to init_from"),
    ],
)
def test_training_has_one_beginning(api: httpx.Client, body: dict[str, Any], says: str) -> None:
    assert says in assert_pointed(api.post("/v1/train", json=body), "#")


def test_same_key_continues_once(api: httpx.Client, held: Services, earlier: Job) -> None:
    body = {"resume_from": earlier.id, "budget": {"minutes": 20}}
    headers = {"Idempotency-Key": "k-1"}
    first, second = (api.post("/v1/train", json=body, headers=headers) for _ in range(2))
    assert first.json()["id"] == second.json()["id"]
    assert second.headers["Idempotency-Replayed"] == "true"
    assert len(list(held.jobs.home.jobs.iterdir())) == 2
