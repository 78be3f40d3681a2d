"""What an upload becomes that has come whole: one data set, however often it is ordered."""

import os
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from app import archives
from app.main import create_app
from app.services import Services
from core.errors import QueueFull
from core.imports import Imported
from core.incoming import dataset_of
from core.jobs import JobStore
from core.schemas import JobKind
from core.settings import Settings
from tests.app.serving import client_of
from tests.app.test_datasets import AT_ONCE, Preparer, Refuser
from tests.app.tus import begin, go_on, offset_of, whole
from tests.portable import archive, put_model

AWAY = "unix:///nowhere/redis.sock"


def order(api: httpx.Client, upload: str, name: str = "cats") -> httpx.Response:
    return api.post("/v1/datasets", json={"upload": upload, "name": name}, headers=AT_ONCE)


def test_whole_upload_is_moved_and_becomes_a_data_set(
    api: httpx.Client, held: Services, settings: Settings
) -> None:
    upload = whole(api, b"zip bytes")
    source = settings.folders.arriving(upload) / "source"
    file = source.stat().st_ino
    begun = order(api, upload)
    assert begun.status_code == 202
    moved = settings.folders.upload(begun.json()["id"]) / "source"
    assert (moved.stat().st_ino, source.exists()) == (file, False)
    worker = Preparer(held)
    worker.thread.start()
    worker.thread.join(20)
    assert worker.found["source"] == b"zip bytes"
    ready = order(api, upload)
    assert (ready.status_code, ready.json()["name"], ready.json()["state"]) == (
        200,
        "cats",
        "ready",
    )
    assert ready.json()["id"] == begun.json()["id"] == dataset_of(upload)
    assert api.head(f"/v1/uploads/{upload}").status_code == 404


def test_ordered_at_once_it_is_one_job(api: httpx.Client) -> None:
    upload = whole(api, b"zip bytes")
    barrier = threading.Barrier(4)

    def ordered(_: int) -> tuple[str, str]:
        barrier.wait()
        body = {"upload": upload}
        answer = httpx.post(f"{api.base_url}/v1/datasets", json=body, headers=AT_ONCE)
        assert answer.status_code == 202, answer.text
        return answer.json()["id"], answer.json()["job"]

    with ThreadPoolExecutor(4) as pool:
        found = set(pool.map(ordered, range(4)))
    assert len({dataset for dataset, _ in found}) == 1
    assert len(api.get("/v1/jobs").json()["data"]) == 1


def test_upload_that_is_not_whole_is_not_taken(api: httpx.Client) -> None:
    address = begin(api, 10)
    go_on(api, address, 0, b"0123456")
    answer = order(api, address.rpartition("/")[2])
    assert (answer.status_code, answer.json()["code"]) == (409, "not_ready")
    assert "7 of 10 bytes" in answer.json()["detail"]
    assert go_on(api, address, 7, b"789").status_code == 204


def test_order_that_no_job_could_be_made_for_is_made_good(
    api: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise QueueFull("The queue is full.")

    upload = whole(api, b"zip bytes")
    with monkeypatch.context() as patch:
        patch.setattr(JobStore, "create", full)
        assert order(api, upload).status_code == 429
    answer = order(api, upload, "another name")
    assert (answer.status_code, answer.json()["name"]) == (202, "cats")
    assert answer.json()["job"] is not None


@pytest.mark.parametrize(
    ("change", "status", "code"),
    [({"max_queued_jobs": 1}, 429, "queue_full"), ({"redis_url": AWAY}, 503, "unavailable")],
)
def test_upload_whose_order_is_refused_for_now_is_found_again(
    held: Services, settings: Settings, change: dict[str, Any], status: int, code: str
) -> None:
    held.jobs.create(JobKind.INGEST, {"dataset": "ds-1", "name": "first"})
    with client_of(create_app(settings.model_copy(update=change))) as api:
        upload = whole(api, b"zip bytes")
        answer = order(api, upload)
        assert (answer.status_code, answer.json()["code"]) == (status, code)
        assert offset_of(api, f"/v1/uploads/{upload}") == len(b"zip bytes")


def test_upload_that_is_no_archive_is_refused_and_leaves_nothing(
    api: httpx.Client, held: Services, settings: Settings
) -> None:
    worker = Refuser(held)
    worker.thread.start()
    answer = api.post("/v1/datasets", json={"upload": whole(api, b"text")})
    worker.thread.join(20)
    assert (answer.status_code, answer.json()["code"]) == (422, "no_images")
    home = settings.folders
    assert os.listdir(home.uploads) == os.listdir(home.incoming) == os.listdir(home.datasets) == []


def test_odd_orders_are_refused(api: httpx.Client) -> None:
    for body, pointer in (
        ({"upload": "../x"}, "#/upload"),
        ({"upload": "up-1", "name": "line\nbreak"}, "#/name"),
        ({"upload": "up-1", "nmae": "cats"}, "#/nmae"),
        ({"upload": 5}, "#/upload"),
    ):
        answer = api.post("/v1/datasets", json=body)
        assert answer.status_code == 422
        assert answer.json()["errors"][0]["pointer"] == pointer
    assert order(api, "up-1").status_code == 404


def test_what_another_client_is_sending_is_no_upload(api: httpx.Client, held: Services) -> None:
    dataset_id, _ = held.datasets.begin("cats")  # as POST /v1/datasets does before the first byte
    own = dataset_id.removeprefix("ds-")
    for name in (f"up-{own}", dataset_id, own, f"of-{own}"):
        assert order(api, name).status_code == 404
    assert api.get("/v1/jobs").json()["data"] == []
    assert held.datasets.get(dataset_id).job is None


def test_model_is_taken_from_an_upload_as_often_as_asked(
    api: httpx.Client, settings: Settings
) -> None:
    upload = whole(api, archive(settings, put_model(settings)))
    body = {"upload": upload, "name": "kittens"}
    answers = [api.post("/v1/models", json=body) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [201, 200]
    assert {answer.json()["version"] for answer in answers} == {1}
    assert api.delete(f"/v1/uploads/{upload}").status_code == 204
    assert api.post("/v1/models", json=body).status_code == 404
    assert os.listdir(settings.folders.uploads) == []


def test_model_is_taken_from_an_upload_that_is_removed_meanwhile(
    api: httpx.Client, held: Services, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    upload = whole(api, archive(settings, put_model(settings)))
    taken = archives.take_model

    def removed(source: Path, folder: Path, limit: int) -> Imported:
        held.incoming.remove(upload)
        return taken(source, folder, limit)

    monkeypatch.setattr(archives, "take_model", removed)
    answer = api.post("/v1/models", json={"upload": upload, "name": "kittens"})
    assert (answer.status_code, answer.json()["version"]) == (201, 1)
    assert os.listdir(settings.folders.uploads) == []
