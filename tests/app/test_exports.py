"""ONNX files over HTTP."""

from collections.abc import Callable

import httpx

from app.services import Services
from core.exports import onnx_in
from core.schemas import JobKind, Model

URL = "/v1/models/cats/versions/1/onnx"
Publish = Callable[..., Model]


def put_file(held: Services, content: bytes = b"an ONNX file") -> None:
    path = onnx_in(held.models.folder(held.models.get("cats", 1)))
    path.parent.mkdir()
    path.write_bytes(content)


def test_export_is_a_job_until_it_is_there(
    api: httpx.Client, held: Services, publish: Publish
) -> None:
    model = publish("cats")
    missing = api.get(URL)
    assert missing.status_code == 404 and "POST" in missing.json()["detail"]
    first, second = api.post(URL), api.post(URL)
    assert (first.status_code, second.status_code) == (202, 202)
    assert first.json()["id"] == second.json()["id"]
    assert first.headers["Location"] == f"/v1/jobs/{first.json()['id']}"
    job = held.jobs.get(first.json()["id"])
    assert job.kind is JobKind.EXPORT
    assert job.input == {"model": "cats", "version": 1, "digest": model.digest}
    put_file(held)
    there = api.post(URL)
    assert (there.status_code, there.headers["Location"]) == (200, URL)
    assert there.json() == {"object": "export", "url": URL, "bytes": 12}


def test_file_is_sent_with_its_tag(api: httpx.Client, held: Services, publish: Publish) -> None:
    publish("cats")
    put_file(held)
    answer = api.get(URL)
    assert (answer.content, answer.headers["Content-Length"]) == (b"an ONNX file", "12")
    assert 'filename="cats-v1.onnx"' in answer.headers["Content-Disposition"]
    assert api.get(URL, headers={"If-None-Match": answer.headers["ETag"]}).status_code == 304
    path = onnx_in(held.models.folder(held.models.get("cats", 1)))
    path.unlink()
    path.symlink_to("/etc/hostname")
    assert api.get(URL).status_code == 404


def test_without_the_optional_part_the_answer_says_how_to_install_it(
    api: httpx.Client, publish: Publish, announce: Callable[..., str]
) -> None:
    publish("cats")
    announce("prepare", extras=[])
    refused = api.post(URL)
    assert (refused.status_code, refused.json()["code"]) == (503, "unavailable")
    assert "pip install 'ganvas[onnx]'" in refused.json()["detail"]
    announce("prepare", extras=["onnx"])
    assert api.post(URL).status_code == 202


def test_unknown_model_is_404(api: httpx.Client) -> None:
    assert api.post(URL).status_code == 404
    assert api.get(URL).status_code == 404
