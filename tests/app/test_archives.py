"""Archives of models over HTTP: out, in, and what is refused."""

import json
import threading
import tracemalloc
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from app.main import create_app
from core.registry import ModelStore
from core.settings import Settings
from tests.app.serving import client_of
from tests.portable import archive, contents, put_model, repacked, safetensors, with_weights

ZIP = {"Content-Type": "application/zip"}


def send(api: httpx.Client, data: Any, name: str | None = None) -> httpx.Response:
    query = {} if name is None else {"name": name}
    return api.post("/v1/models", content=data, params=query, headers=ZIP)


def assert_nothing_is_left(settings: Settings) -> None:
    assert list(settings.folders.uploads.iterdir()) == []


def test_archive_is_sent_whole_with_a_strong_tag(api: httpx.Client, settings: Settings) -> None:
    model = put_model(settings)
    url = f"/v1/models/cats/versions/{model.version}/archive"
    answer = api.get(url)
    assert answer.content == archive(settings, model)
    assert answer.headers["Content-Type"] == "application/zip"
    assert int(answer.headers["Content-Length"]) == len(answer.content)
    assert 'filename="cats-v1.zip"' in answer.headers["Content-Disposition"]
    tag = answer.headers["ETag"]
    assert tag.startswith('"')
    again = api.get(url, headers={"If-None-Match": tag})
    assert (again.status_code, again.content, again.headers["ETag"]) == (304, b"", tag)
    head = api.head(url)
    assert head.headers["Content-Length"] == answer.headers["Content-Length"]
    assert api.get("/v1/models/cats/versions/2/archive").status_code == 404


def test_model_goes_to_another_service_and_is_the_same(
    api: httpx.Client, settings: Settings
) -> None:
    data = archive(settings, put_model(settings))
    answer = send(api, data, "kittens")
    model = answer.json()
    assert answer.status_code == 201
    assert answer.headers["Location"] == model["urls"]["self"] == "/v1/models/kittens/versions/1"
    source = api.get("/v1/models/cats/versions/1").json()
    for field in ("digest", "bytes", "architecture", "classes", "dataset", "kimg", "evaluation"):
        assert model[field] == source[field], field
    assert model["job"] is None and "job" not in model["urls"]
    told = model["lineage"]["imported"]
    assert (told["name"], told["version"], told["job"]) == ("cats", 1, source["job"])
    assert api.get("/v1/models/kittens/versions/1/samples.png").status_code == 200
    assert_nothing_is_left(settings)


def test_same_weights_under_one_name_are_one_version(api: httpx.Client, settings: Settings) -> None:
    data = archive(settings, put_model(settings))
    other = archive(settings, put_model(settings, "others", data=b"x" * 16))
    answers = [send(api, data, "new"), send(api, data, "new"), send(api, other, "new")]
    assert [answer.status_code for answer in answers] == [201, 200, 201]
    assert [answer.json()["version"] for answer in answers] == [1, 1, 2]
    known = send(api, data)
    assert (known.status_code, known.json()["name"], known.json()["version"]) == (200, "cats", 1)
    assert known.json()["job"] == "job-cats-0"
    assert_nothing_is_left(settings)


def test_old_versions_go_after_an_import(settings: Settings) -> None:
    data = [archive(settings, put_model(settings, f"m{n}", data=bytes([n]) * 16)) for n in range(3)]
    app = create_app(settings.model_copy(update={"keep_versions": 2}))
    with client_of(app) as api:
        for archived in data:
            assert send(api, archived, "new").status_code == 201
    assert [model.version for model in ModelStore(settings.folders).versions("new")] == [3, 2]
    assert len(ModelStore(settings.folders).versions("m0")) == 1


def test_imports_at_once_make_one_version(api: httpx.Client, settings: Settings) -> None:
    data = archive(settings, put_model(settings))
    barrier = threading.Barrier(4)

    def one(_: int) -> int:
        barrier.wait()
        return send(api, data, "new").status_code

    with ThreadPoolExecutor(4) as pool:
        assert sorted(pool.map(one, range(4))) == [200, 200, 200, 201]
    assert [model.version for model in ModelStore(settings.folders).versions("new")] == [1]


def test_hostile_archive_leaves_nothing(api: httpx.Client, settings: Settings) -> None:
    files = contents(archive(settings, put_model(settings)))
    for data, code in (
        (b"PK nothing", "corrupt_archive"),
        (repacked(files | {"../../x": b""}), "unsafe_path"),
        (repacked(with_weights(files, b"\x80\x04 a pickle")), "corrupt_archive"),
        (repacked(files)[:-1], "corrupt_archive"),
    ):
        answer = send(api, data, "evil")
        assert (answer.status_code, answer.json()["code"]) == (422, code)
    assert api.get("/v1/models/evil").status_code == 404
    assert api.get("/v1/models/cats").status_code == 200
    assert_nothing_is_left(settings)


def test_request_is_refused_before_anything_is_stored(
    api: httpx.Client, settings: Settings
) -> None:
    for headers, status in (({"Content-Type": "text/plain"}, 415), ({}, 415)):
        assert api.post("/v1/models", content=b"{}", headers=headers).status_code == status
    form = api.post("/v1/models", files={"file": b"x"})
    assert (form.status_code, form.json()["code"]) == (415, "unsupported_media")
    assert send(api, b"x", "../evil").status_code == 422
    assert send(api, b"").status_code == 422
    assert_nothing_is_left(settings)


def test_too_large_archive_is_413(settings: Settings) -> None:
    small = settings.model_copy(update={"max_upload_bytes": 1000})
    with client_of(create_app(small)) as api:
        assert send(api, bytes(1001)).status_code == 413

        def unannounced() -> Any:
            yield from [bytes(600)] * 2

        assert api.post("/v1/models", content=unannounced(), headers=ZIP).status_code == 413
    assert_nothing_is_left(settings)


def test_unknown_networks_are_refused_when_workers_say_what_they_know(
    api: httpx.Client, settings: Settings, announce: Callable[..., str]
) -> None:
    data = archive(settings, put_model(settings))
    width = {"properties": {"width": {"type": "integer", "minimum": 16}}}
    announce("train", catalogue={"architectures": {"skip": {}}})
    refused = send(api, data, "new")
    assert refused.status_code == 422 and "the workers know: skip" in refused.json()["detail"]
    announce("train", catalogue={"architectures": {"r3": {"options": width}}})
    refused = send(api, data, "new")
    assert (
        refused.status_code == 422 and refused.json()["errors"][0]["pointer"] == "#/options/width"
    )
    announce("train", catalogue={"architectures": {"r3": {"options": {"properties": {}}}}})
    assert send(api, data, "new").status_code == 201


def test_large_model_is_not_held_in_memory(api: httpx.Client, settings: Settings) -> None:
    size = 48 * 2**20
    tensors = {"g.w": {"dtype": "U8", "shape": [size], "data_offsets": [0, size]}}
    small = archive(settings, put_model(settings))
    weights = safetensors(tensors, bytes(size))
    data = repacked(with_weights(contents(small), weights))
    del weights
    tracemalloc.start()
    try:
        answer = send(api, _pieces(data), "large")
        assert answer.status_code == 201
        with api.stream("GET", "/v1/models/large/versions/1/archive") as stream:
            received = sum(len(piece) for piece in stream.iter_bytes())
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert received > size
    assert peak < 16 * 2**20, peak


def _pieces(data: bytes) -> Any:
    view = memoryview(data)
    for start in range(0, len(data), 2**18):
        yield bytes(view[start : start + 2**18])


def test_imported_card_without_much_in_it_is_shown(api: httpx.Client, settings: Settings) -> None:
    files = contents(archive(settings, put_model(settings, evaluations=0)))
    card = {"metrics": {"note": "<script>alert(1)</script>"}}
    answer = send(api, repacked(files | {"card.json": json.dumps(card).encode()}), "bare")
    assert answer.status_code == 201
    assert api.get("/v1/models/bare").json()["metrics"] == card["metrics"]
    assert api.get("/v1/models").status_code == 200


@pytest.mark.parametrize("part", ["models", "uploads"])
def test_import_survives_what_a_killed_one_left(
    api: httpx.Client, settings: Settings, part: str
) -> None:
    data = archive(settings, put_model(settings))
    if part == "models":  # a number was reserved, nothing was published
        settings.folders.model("new").mkdir()
        (settings.folders.model("new") / ".1").touch()
    else:
        settings.folders.upload("import-1").mkdir()
    assert send(api, data, "new").status_code == 201
