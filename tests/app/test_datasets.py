"""Uploads in every form, and what becomes of them."""

import errno
import json
import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from app import forms, uploads
from app.datasets import preferred_wait
from app.services import Services
from core.errors import NoImages
from core.files import read_json, write_json
from core.records import Claim
from core.schemas import Dataset, JobKind, JobState
from core.settings import Settings
from tests.app.wire import ask, connect, head
from tests.waiting import wait_for

ZIP = {"Content-Type": "application/zip"}
AT_ONCE = {"Prefer": "wait=0"}
Put = Callable[..., Dataset]
DAMAGED = ["not JSON", '{"id": "ds-1", "na', "[]", '{"id": "ds-1"}', '{"id": 5, "name": ["x"]}']
FORM = {"Content-Type": "multipart/form-data; boundary=b"}
NO_UPLOADS: list[tuple[dict[str, str], bytes, int]] = [
    (ZIP, b"", 422),
    ({"Content-Type": "text/plain"}, b"x", 415),
    ({"Content-Type": "image/png"}, b"x", 415),
    ({"Content-Type": ""}, b"x", 415),
    ({"Content-Type": "multipart/form-data"}, b"x", 422),
    (FORM, b"x", 422),
    (FORM, b"--b--\r\n", 422),
    (
        FORM,
        b'--b\r\nContent-Disposition: form-data; name="f"; filename="a.png"\r\n\r\nhalf',
        422,
    ),
    (
        FORM,
        b'--b\r\nContent-Disposition: form-data; name="name"\r\n\r\ncats\r\n--b--\r\n',
        422,
    ),
]


class Preparer:
    """A prepare worker that keeps what it finds, and does what it is told with it."""

    def __init__(self, held: Services) -> None:
        self.held = held
        self.found: dict[str, bytes] = {}
        self.thread = threading.Thread(target=self._run)

    def _run(self) -> None:
        claim: Any = wait_for(lambda: self.held.jobs.claim_next("prepare", "worker"), "an upload")
        job = self.held.jobs.get(claim.id)
        dataset_id = job.input["dataset"]
        folder = self.held.datasets.home.upload(dataset_id)
        wait_for(lambda: "job" in read_json(folder / "upload.json"), "the job to be attached")
        for path in folder.rglob("*"):
            if path.is_file():
                self.found[str(path.relative_to(folder))] = path.read_bytes()
        self.conclude(claim, dataset_id, job.input["name"])

    def conclude(self, claim: Claim, dataset_id: str, name: str) -> None:
        store = self.held.datasets
        workspace = store.workspace(dataset_id, claim.id, claim.fence)
        workspace.mkdir()
        write_json(workspace / "dataset.json", {"images": 3, "trains": {"generate": True}})
        store.publish(workspace, dataset_id, name, claim.id)
        store.discard(dataset_id)
        self.held.jobs.finish(claim, JobState.SUCCEEDED, output={"dataset": dataset_id})


class Refuser(Preparer):
    """Finds no images."""

    def conclude(self, claim: Claim, dataset_id: str, name: str) -> None:
        error = NoImages("There is 1 image.", errors=[{"pointer": "#/a.txt", "message": "no"}])
        self.held.jobs.finish(claim, JobState.FAILED, error=error.record())


@pytest.fixture
def preparer(held: Services) -> Iterator[Preparer]:
    worker = Preparer(held)
    worker.thread.start()
    yield worker
    worker.thread.join(25)


def leftovers(settings: Settings) -> list[str]:
    home = settings.folders
    return [*os.listdir(home.uploads), *os.listdir(home.datasets)]


def test_archive_is_stored_prepared_and_shown(api: httpx.Client, preparer: Preparer) -> None:
    body = os.urandom(3 * 1024 * 1024)
    answer = api.post("/v1/datasets?name=My cats", content=body, headers=ZIP)
    assert answer.status_code == 201, answer.text
    assert preparer.found["source"] == body
    assert answer.headers["Location"] == f"/v1/datasets/{answer.json()['id']}"
    shown = api.get(answer.headers["Location"]).json()
    assert (shown["name"], shown["state"], shown["images"]) == ("My cats", "ready", 3)
    assert shown["urls"]["job"] == f"/v1/jobs/{shown['job']}"


def test_images_of_a_form_become_numbered_files(api: httpx.Client, preparer: Preparer) -> None:
    names = ["cat/1.png", "../../x.png", "dog/ü.png", "cat/1.png"]
    parts = [("images", (name, f"bytes of {n}".encode())) for n, name in enumerate(names)]
    answer = api.post("/v1/datasets?name=form", files=parts)
    assert answer.status_code == 201, answer.text
    listed = json.loads(preparer.found["files/names.json"])["files"]
    assert [entry["name"] for entry in listed] == names
    stored = [preparer.found[f"files/{entry['stored']}"] for entry in listed]
    assert stored == [f"bytes of {n}".encode() for n in range(4)]


def test_single_archive_of_a_form_is_a_source(api: httpx.Client, preparer: Preparer) -> None:
    answer = api.post("/v1/datasets", files={"file": ("Cats.ZIP", b"zip bytes")})
    assert answer.status_code == 201
    assert preparer.found["source"] == b"zip bytes"
    assert set(preparer.found) == {"source", "upload.json"}


def test_answer_is_202_when_preparing_takes_longer(api: httpx.Client, held: Services) -> None:
    answer = api.post("/v1/datasets", content=b"zip", headers=ZIP | AT_ONCE)
    assert answer.status_code == 202
    assert answer.json()["state"] == "preparing"
    job = api.get(answer.json()["urls"]["job"]).json()
    assert (job["kind"], job["input"]["dataset"]) == ("ingest", answer.json()["id"])
    assert held.jobs.client.llen(f"{{{held.settings.prefix}}}:celery:prepare") == 1
    listed = api.get("/v1/datasets").json()["data"]
    assert [entry["id"] for entry in listed] == [answer.json()["id"]]


def test_failed_preparation_is_the_answer_and_leaves_nothing(
    api: httpx.Client, held: Services, settings: Settings
) -> None:
    worker = Refuser(held)
    worker.thread.start()
    answer = api.post("/v1/datasets", content=b"zip", headers=ZIP)
    worker.thread.join(20)
    assert (answer.status_code, answer.json()["code"]) == (422, "no_images")
    assert answer.json()["errors"] == [{"pointer": "#/a.txt", "message": "no"}]
    assert leftovers(settings) == []


def test_bodies_that_are_no_upload_leave_nothing(api: httpx.Client, settings: Settings) -> None:
    for headers, body, status in NO_UPLOADS:
        answer = api.post("/v1/datasets", content=body, headers=headers)
        assert answer.status_code == status, answer.text
        assert leftovers(settings) == []
    assert api.get("/v1/jobs").json()["data"] == []


@pytest.mark.parametrize("name", ["", "a" * 129, "line\nbreak", "\x00"])
def test_odd_names_are_refused(api: httpx.Client, name: str) -> None:
    answer = api.post("/v1/datasets", params={"name": name}, content=b"x", headers=ZIP)
    assert answer.status_code == 422


def test_upload_that_grows_too_large_is_refused(
    api: httpx.Client, held: Services, settings: Settings
) -> None:
    object.__setattr__(held, "settings", settings.model_copy(update={"max_upload_bytes": 1000}))
    for content in (b"x" * 1001, iter([b"x" * 600] * 2)):
        answer = api.post("/v1/datasets", content=content, headers=ZIP)
        assert (answer.status_code, answer.json()["code"]) == (413, "too_large")
    assert leftovers(settings) == []


def test_too_many_files_are_refused(api: httpx.Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forms, "MAX_FILES", 2)
    parts = [("images", (f"{n}.png", b"x")) for n in range(3)]
    assert api.post("/v1/datasets", files=parts).status_code == 413


def test_client_that_goes_away_leaves_nothing(api: httpx.Client, settings: Settings) -> None:
    with connect(api) as connection:
        lines = ["Host: localhost", "Content-Type: application/zip", "Content-Length: 100000"]
        connection.sendall(head(["POST /v1/datasets HTTP/1.1", *lines]) + b"x" * 1000)
        wait_for(lambda: leftovers(settings), "the upload to begin")
    wait_for(lambda: not leftovers(settings), "the upload to be removed")
    assert api.get("/v1/jobs").json()["data"] == []


def test_upload_that_drips_is_given_up(
    api: httpx.Client, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(uploads, "WINDOW_SECONDS", 0.1)
    lines = ["Host: localhost", "Content-Type: application/zip", "Content-Length: 100000"]
    assert ask(api, "POST /v1/datasets HTTP/1.1", *lines, body=b"x") == 408
    assert leftovers(settings) == []


def test_full_disk_is_507_and_leaves_nothing(
    api: httpx.Client, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(sink: uploads.FileSink, block: bytes) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(uploads.FileSink, "write", full)
    answer = api.post("/v1/datasets", content=b"zip", headers=ZIP)
    assert (answer.status_code, answer.json()["code"]) == (507, "storage_full")
    assert leftovers(settings) == []


def test_repeated_upload_with_a_key_is_the_same(api: httpx.Client, settings: Settings) -> None:
    headers = ZIP | AT_ONCE | {"Idempotency-Key": "k1"}
    first, second = (api.post("/v1/datasets", content=b"zip", headers=headers) for _ in range(2))
    assert first.json()["id"] == second.json()["id"]
    assert leftovers(settings) == [first.json()["id"]]
    other = api.post("/v1/datasets", content=b"other", headers=headers)
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_mismatch")
    assert leftovers(settings) == [first.json()["id"]]


def test_sample_set_is_ordered_once_and_kept(api: httpx.Client, held: Services) -> None:
    order = {"sample": "sprites", "count": 50, "resolution": 32, "seed": 3}
    first = api.post("/v1/datasets", json=order, headers=AT_ONCE)
    again = api.post("/v1/datasets", json=order, headers=AT_ONCE)
    assert (first.status_code, again.status_code) == (202, 202)
    assert first.json()["id"] == again.json()["id"] == "sample-sprites-32-n50-s3"
    assert first.json()["job"] == again.json()["job"]
    assert held.jobs.get(first.json()["job"]).input["sample"] == order
    worker = Preparer(held)
    worker.thread.start()
    worker.thread.join(20)
    kept = api.post("/v1/datasets", json=order)
    assert (kept.status_code, kept.json()["state"]) == (200, "ready")


def test_sample_whose_job_was_cancelled_is_ordered_again(api: httpx.Client) -> None:
    first = api.post("/v1/datasets", json={"sample": "sprites"}, headers=AT_ONCE).json()
    assert api.post(f"/v1/jobs/{first['job']}/cancel").status_code == 202
    assert api.get(f"/v1/datasets/{first['id']}").status_code == 404
    again = api.post("/v1/datasets", json={"sample": "sprites"}, headers=AT_ONCE).json()
    assert again["job"] != first["job"]


@pytest.mark.parametrize(
    ("order", "pointer"),
    [
        ({"sample": "cats"}, "#/sample"),
        ({"sample": "sprites", "count": 1}, "#/count"),
        ({"sample": "sprites", "resolution": 33}, "#/resolution"),
        ({"sample": "sprites", "cuont": 5}, "#/cuont"),
    ],
)
def test_bad_sample_order_is_refused(api: httpx.Client, order: Any, pointer: str) -> None:
    answer = api.post("/v1/datasets", json=order)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == pointer


def test_ready_set_is_listed_looked_at_and_removed(api: httpx.Client, dataset: Put) -> None:
    dataset("ds-1")
    dataset("ds-2", name="dogs")
    page = api.get("/v1/datasets?limit=1")
    rest = api.get(page.links["next"]["url"]).json()
    assert {page.json()["data"][0]["id"], rest["data"][0]["id"]} == {"ds-1", "ds-2"}
    assert not rest["has_more"]
    preview = api.get("/v1/datasets/ds-1/preview.png")
    assert (preview.headers["Content-Type"], preview.content[:4]) == ("image/png", b"\x89PNG")
    assert api.get("/v1/datasets/ds-1/report").json() == {"skipped": []}
    assert api.delete("/v1/datasets/ds-1").status_code == 204
    assert api.get("/v1/datasets/ds-1").status_code == 404
    assert api.delete("/v1/datasets/ds-1").status_code == 404


def test_set_in_use_is_not_removed(api: httpx.Client, held: Services, dataset: Put) -> None:
    dataset("ds-1")
    job, _ = held.jobs.create(JobKind.TRAIN, {"dataset": "cats", "dataset_id": "ds-1"})
    assert api.delete("/v1/datasets/ds-1").json()["code"] == "in_use"
    held.jobs.ask(job.id, "cancel")
    assert api.delete("/v1/datasets/ds-1").status_code == 204


def test_set_that_is_being_prepared_is_in_use(api: httpx.Client) -> None:
    answer = api.post("/v1/datasets", content=b"zip", headers=ZIP | AT_ONCE)
    url = answer.headers["Location"]
    assert api.get(f"{url}/preview.png").json()["code"] == "not_ready"
    assert api.delete(url).json()["code"] == "in_use"
    api.post(answer.json()["urls"]["job"] + "/cancel")
    assert api.get(url).status_code == 404


def test_planted_link_is_not_followed(
    api: httpx.Client, dataset: Put, settings: Settings, tmp_path: Path
) -> None:
    dataset("ds-1")
    secret = tmp_path / "secret"
    secret.write_bytes(b"secret")
    planted = settings.folders.dataset("ds-1") / "preview.png"
    planted.unlink()
    planted.symlink_to(secret)
    assert api.get("/v1/datasets/ds-1/preview.png").status_code == 404


@pytest.mark.parametrize("planted", ["a link", *DAMAGED])
def test_record_that_is_planted_or_damaged_hides_its_set_only(
    api: httpx.Client, held: Services, dataset: Put, tmp_path: Path, planted: str
) -> None:
    dataset("ds-1")
    dataset("ds-2", name="dogs")
    record = held.datasets.home.dataset("ds-1") / "dataset.json"
    if planted == "a link":
        record.rename(tmp_path / "elsewhere.json")
        record.symlink_to(tmp_path / "elsewhere.json")
        assert api.get("/v1/datasets/ds-1").status_code == 404
    else:
        record.write_text(planted)
    assert [found["id"] for found in api.get("/v1/datasets").json()["data"]] == ["ds-2"]
    assert held.datasets.find("dogs").id == "ds-2"


@pytest.mark.parametrize("content", DAMAGED)
def test_damaged_set_is_told_and_can_be_removed(
    api: httpx.Client, held: Services, dataset: Put, content: str
) -> None:
    dataset("ds-1")
    (held.datasets.home.dataset("ds-1") / "dataset.json").write_text(content)
    for url in ("/v1/datasets/ds-1", "/v1/datasets/ds-1/preview.png", "/v1/datasets/ds-1/report"):
        answer = api.get(url)
        assert (answer.status_code, answer.json()["code"]) == (409, "bad_spec")
        assert "DELETE it" in answer.json()["detail"]
    assert api.delete("/v1/datasets/ds-1").status_code == 204
    assert api.get("/v1/datasets/ds-1").status_code == 404


def test_forged_cursor_is_refused(api: httpx.Client) -> None:
    assert api.get("/v1/datasets?after=nobody").status_code == 422


@pytest.mark.parametrize(
    ("prefer", "seconds"),
    [("", 30), ("wait=5", 5), ("respond-async, wait=0", 0), ("wait=999", 60), ("wait=x", 30)],
)
def test_preferred_wait(prefer: str, seconds: float) -> None:
    assert preferred_wait(prefer) == seconds
