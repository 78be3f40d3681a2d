"""The store over HTTP: what is accepted, and the list."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.main import create_app
from core.schemas import JobKind, Model
from core.settings import Settings
from tests.app.conftest import CATALOGUE
from tests.app.serving import client_of

PUSH = "/v1/models/cats/versions/1/push"
Publish = Callable[..., Model]


@pytest.fixture
def stored(settings: Settings, tmp_path: Path) -> Iterator[httpx.Client]:
    """The API of a service that has a store."""
    own = settings.model_copy(update={"store": f"file://{tmp_path}/store"})
    with client_of(create_app(own)) as client:
        yield client


def test_without_a_store_the_answer_says_how_to_get_one(
    api: httpx.Client, publish: Publish
) -> None:
    publish("cats")
    answers = [
        api.get("/v1/store"),
        api.post(PUSH),
        api.post("/v1/models/pull", json={"name": "cats"}),
    ]
    for answer in answers:
        assert (answer.status_code, answer.json()["code"]) == (409, "conflict")
        assert "GANVAS_STORE=" in answer.json()["detail"]


@pytest.mark.parametrize(
    ("url", "body", "other"),
    [
        (PUSH, None, "/v1/models/cats/versions/2/push"),
        ("/v1/models/cats/versions/1/onnx", None, "/v1/models/cats/versions/2/onnx"),
        ("/v1/models/pull", {"name": "dogs"}, "/v1/models/pull"),
    ],
)
def test_the_same_key_is_the_same_job_also_when_it_has_ended(
    stored: httpx.Client, publish: Publish, url: str, body: Any, other: str
) -> None:
    publish("cats")
    publish("cats", "job-2")
    key = {"Idempotency-Key": "k-1"}
    first = stored.post(url, json=body, headers=key)
    assert first.status_code == 202 and "Idempotency-Replayed" not in first.headers
    same = stored.post(url, json=body, headers={"Idempotency-Key": "k-2"})  # it is not done yet
    assert same.json()["id"] == first.json()["id"]
    stored.post(f"/v1/jobs/{first.json()['id']}/cancel")
    for known in ("k-1", "k-2"):
        again = stored.post(url, json=body, headers={"Idempotency-Key": known})
        assert again.json()["id"] == first.json()["id"]
        assert again.headers["Idempotency-Replayed"] == "true"
    refused = stored.post(other, json=body and {"name": "cows"}, headers=key)
    assert (refused.status_code, refused.json()["code"]) == (422, "idempotency_mismatch")
    assert stored.post(url, json=body).json()["id"] != first.json()["id"]


def test_push_and_pull_are_jobs(stored: httpx.Client, settings: Settings, publish: Publish) -> None:
    model = publish("cats")
    pushed, again = stored.post(PUSH), stored.post(PUSH)
    assert (pushed.status_code, pushed.json()["kind"]) == (202, JobKind.PUSH)
    assert pushed.json()["id"] == again.json()["id"]
    assert pushed.headers["Location"] == pushed.json()["urls"]["self"]
    told = {"model": "cats", "version": 1, "digest": model.digest}
    assert pushed.json()["input"] == told
    pulled = stored.post("/v1/models/pull", json={"name": "dogs", "version": 2})
    assert (pulled.status_code, pulled.json()["kind"]) == (202, JobKind.PULL)
    assert pulled.json()["input"]["version"] == 2
    assert stored.post("/v1/models/cats/versions/7/push").status_code == 404


def test_store_is_listed(stored: httpx.Client, tmp_path: Path) -> None:
    assert stored.get("/v1/store").json()["data"] == []
    folder = tmp_path / "store" / "cats"
    folder.mkdir(parents=True)
    for name in ("1-111111111111.zip", "2-222222222222.zip", "other.txt"):
        (folder / name).write_bytes(b"zip")
    data = stored.get("/v1/store").json()["data"]
    assert [entry["version"] for entry in data] == [2, 1]
    assert data[0] == {
        "object": "stored_model",
        "name": "cats",
        "version": 2,
        "digest": "222222222222",
        "file": "2-222222222222.zip",
        "bytes": 3,
    }


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"name": "../x"},
        {"name": "cats", "url": "http://169.254.169.254/"},
        {"name": "cats", "file": "../../1-111111111111.zip"},
        {"name": "cats", "file": "1-111111111111.zip\n"},
        {"name": "cats", "version": 0},
        {"name": "cats", "version": 1, "file": "1-111111111111.zip"},
    ],
    ids=str,
)
def test_requests_name_no_places(stored: httpx.Client, body: dict[str, object]) -> None:
    assert stored.post("/v1/models/pull", json=body).status_code == 422


def test_worker_without_the_optional_part_is_told(
    stored: httpx.Client, held: object, publish: Publish, announce: Callable[..., str]
) -> None:
    publish("cats")
    announce("prepare", catalogue=CATALOGUE, extras=["onnx"])
    refused = stored.post(PUSH)
    assert refused.status_code == 503 and "ganvas[store]" in refused.json()["detail"]
