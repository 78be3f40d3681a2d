"""POST /train: what is accepted, and what is refused before a job exists."""

from collections.abc import Callable
from typing import Any

import httpx
import pytest

from app.services import Services
from core.schemas import Dataset

Put = Callable[..., Dataset]
BAD: list[tuple[dict[str, Any], str]] = [
    ({"options": {"bach": 8}}, "#/options/bach"),
    ({"options": {"batch": "8"}}, "#/options/batch"),
    ({"options": {"batch": 1}}, "#/options/batch"),
    ({"options": {"lr": 0}}, "#/options/lr"),
    ({"options": {"architecture": "r4"}}, "#/options/architecture"),
    ({"preset": "huge"}, "#/preset"),
    ({"task": "dance"}, "#/task"),
    ({"resolution": 33}, "#/resolution"),
    ({"resolution": 128}, "#/resolution"),
    ({"seed": -1}, "#/seed"),
    ({"priority": 11}, "#/priority"),
    ({"resume_from": "../x"}, "#/resume_from"),
    ({"init_from": "x" * 161}, "#/init_from"),
    ({"init_from": "x", "label_map": {"a": 1}}, "#/label_map/a"),
    ({"seed": 2**32}, "#/seed"),
    ({"budget": {}}, "#/budget"),
    ({"budget": {"minutes": 1, "steps": 1}}, "#/budget"),
    ({"budget": {"minutes": -1}}, "#/budget/minutes"),
    ({"name": "../x"}, "#/name"),
    ({"name": "a" * 65}, "#/name"),
    ({"epochs": 5}, "#/epochs"),
    ({"metadata": {"k": "v" * 513}}, "#/metadata/k"),
]


@pytest.fixture(autouse=True)
def _workshop(trainer: None, dataset: Put) -> None:
    dataset("ds-1", name="My Cats!")


def test_training_is_accepted_as_a_job(api: httpx.Client, held: Services) -> None:
    order = {"dataset": "ds-1", "budget": {"steps": 5}, "options": {"batch": 8}, "seed": 7}
    answer = api.post("/train", json=order | {"metadata": {"who": "me"}})
    assert answer.status_code == 202, answer.text
    job = answer.json()
    assert answer.headers["Location"] == f"/v1/jobs/{job['id']}" == job["urls"]["self"]
    assert answer.headers["Retry-After"] == "2"
    assert (job["kind"], job["state"], job["seed"]) == ("train", "queued", 7)
    assert job["metadata"] == {"who": "me"}
    given = {name: job["input"][name] for name in ("dataset_id", "dataset_name", "model")}
    assert given == {"dataset_id": "ds-1", "dataset_name": "My Cats!", "model": "my-cats"}
    assert job["input"]["budget"] == {"minutes": None, "kimg": None, "steps": 5}
    assert held.jobs.client.llen(f"{{{held.settings.prefix}}}:celery:train") == 1


def test_set_may_be_named_and_so_may_the_model(api: httpx.Client) -> None:
    job = api.post("/v1/train", json={"dataset": "My Cats!", "name": "tom"}).json()
    assert (job["input"]["dataset_id"], job["input"]["model"]) == ("ds-1", "tom")


def test_sample_is_trained_without_a_set(api: httpx.Client) -> None:
    job = api.post("/train", json={"dataset": "sample:sprites", "resolution": 32}).json()
    assert job["input"]["dataset_id"] == "sample-sprites-32-n4000-s0"
    assert job["input"]["model"] == "sample-sprites"


def test_bad_requests_are_refused_with_a_pointer(api: httpx.Client, held: Services) -> None:
    for change, pointer in BAD:
        answer = api.post("/train", json={"dataset": "ds-1"} | change)
        assert answer.status_code == 422, answer.text
        assert [error["pointer"] for error in answer.json()["errors"]] == [pointer]
    assert held.jobs.ids(None, 1) == []


def test_misspelt_option_names_the_right_ones(api: httpx.Client) -> None:
    answer = api.post("/train", json={"dataset": "ds-1", "options": {"bach": 1, "learn": 2}})
    first, second = answer.json()["errors"]
    assert "Did you mean batch?" in first["message"]
    assert "architecture, batch, lr" in second["message"]


def test_broken_rule_is_told_without_the_input(api: httpx.Client) -> None:
    answer = api.post("/train", json={"dataset": "ds-1", "options": {"batch": 99999}})
    assert answer.json()["errors"][0]["message"] == "It has to be at most 1024."


def test_sets_that_cannot_train_are_refused(api: httpx.Client, dataset: Put) -> None:
    dataset("ds-2", trains={"generate": "There are only 3 images; 8 are needed."})
    answer = api.post("/train", json={"dataset": "ds-2"})
    assert (answer.status_code, answer.json()["code"]) == (422, "not_trainable")
    assert "only 3 images" in answer.json()["detail"]
    assert api.post("/train", json={"dataset": "ds-3"}).status_code == 404
    assert api.post("/train", json={"dataset": "../ds-1"}).status_code == 404
    assert api.post("/train", json={"dataset": "sample:cats"}).status_code == 404


def test_name_that_two_sets_have_is_refused(api: httpx.Client, dataset: Put) -> None:
    dataset("ds-2", name="My Cats!")
    answer = api.post("/train", json={"dataset": "My Cats!"})
    assert (answer.status_code, answer.json()["code"]) == (409, "conflict")


def test_set_that_is_being_prepared_has_to_be_waited_for(api: httpx.Client, held: Services) -> None:
    dataset_id, _ = held.datasets.begin("new")
    answer = api.post("/train", json={"dataset": dataset_id})
    assert (answer.status_code, answer.json()["code"]) == (409, "not_ready")


def test_same_key_and_body_is_the_same_job(api: httpx.Client) -> None:
    headers = {"Idempotency-Key": "k-1"}
    first = api.post("/train", json={"dataset": "ds-1", "seed": 1}, headers=headers)
    second = api.post("/train", json={"seed": 1, "dataset": "ds-1"}, headers=headers)
    other = api.post("/train", json={"dataset": "ds-1", "seed": 2}, headers=headers)
    assert first.json()["id"] == second.json()["id"]
    assert "Idempotency-Replayed" not in first.headers
    assert second.headers["Idempotency-Replayed"] == "true"
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_mismatch")


def test_full_queue_is_429(api: httpx.Client, held: Services) -> None:
    full = held.settings.model_copy(update={"max_queued_jobs": 1})
    object.__setattr__(held, "settings", full)
    assert api.post("/train", json={"dataset": "ds-1"}).status_code == 202
    answer = api.post("/train", json={"dataset": "ds-1"})
    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "60")


def test_between_two_train_workers_a_job_is_accepted_and_waits(
    api: httpx.Client, held: Services
) -> None:
    held.presence.leave("train")
    answer = api.post("/train", json={"dataset": "ds-1"})
    assert (answer.status_code, answer.json()["state"]) == (202, "queued")


def test_before_the_first_train_worker_it_is_503(api: httpx.Client, held: Services) -> None:
    held.presence.leave("train")
    held.jobs.client.delete(held.presence.offered)
    answer = api.post("/train", json={"dataset": "ds-1"})
    assert (answer.status_code, answer.json()["code"]) == (503, "no_worker")
    assert answer.headers["Retry-After"] == "5"
