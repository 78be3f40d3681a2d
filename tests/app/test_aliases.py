"""Promoting and rolling back over HTTP."""

from collections.abc import Callable
from typing import Any

import httpx
import pytest

from core.generation import Picture
from core.schemas import Dataset, Model
from core.settings import Settings
from tests.app.studio import studio

Publish = Callable[..., Model]
STABLE = "/v1/models/cats/aliases/stable"


@pytest.fixture(autouse=True)
def cats(publish: Publish) -> list[Model]:
    return [publish("cats", f"job-{number}") for number in (1, 2, 3)]


def put(api: httpx.Client, version: int, **headers: str) -> httpx.Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return api.put(STABLE, json={"version": version}, headers=named)


def test_a_version_is_promoted_and_rolled_back(api: httpx.Client) -> None:
    made = put(api, 1)
    assert (made.status_code, made.headers["Location"]) == (201, STABLE)
    moved = put(api, 3)
    assert (moved.status_code, moved.json()["version"]) == (200, 3)
    assert [(move["from"], move["to"]) for move in moved.json()["history"]] == [(1, 3), (None, 1)]
    assert moved.json()["etag"] == moved.headers["ETag"] != made.headers["ETag"]
    back = api.post(f"{STABLE}/rollback")
    assert (back.status_code, back.json()["version"]) == (200, 1)
    again = api.post(f"{STABLE}/rollback")
    assert (again.status_code, again.json()["code"]) == (409, "conflict")
    assert api.delete(STABLE).status_code == 204
    assert api.get(STABLE).status_code == 404


def test_an_alias_is_shown_with_its_etag(api: httpx.Client) -> None:
    tag = put(api, 2).headers["ETag"]
    shown = api.get(STABLE)
    assert (shown.headers["ETag"], shown.json()["version"]) == (tag, 2)
    assert shown.json()["urls"]["version"] == "/v1/models/cats/versions/2"
    known = api.get(STABLE, headers={"If-None-Match": tag})
    assert (known.status_code, known.content, known.headers["ETag"]) == (304, b"", tag)


def test_all_aliases_are_listed(api: httpx.Client) -> None:
    put(api, 2)
    found = api.get("/v1/models/cats/aliases").json()
    assert [(a["alias"], a["version"]) for a in found["data"]] == [("latest", 3), ("stable", 2)]
    assert api.get("/v1/models/cats/aliases/latest").json()["version"] == 3
    assert api.get("/v1/models/dogs/aliases").status_code == 404


def test_changes_are_guarded_by_preconditions(api: httpx.Client) -> None:
    assert put(api, 1, If_Match='"x"').status_code == 412
    first = put(api, 1, If_None_Match="*")
    assert first.status_code == 201
    for headers in ({"If_None_Match": "*"}, {"If_Match": '"x"'}):
        refused = put(api, 2, **headers)
        assert (refused.status_code, refused.json()["code"]) == (412, "precondition_failed")
    second = put(api, 2, If_Match=first.headers["ETag"])
    assert second.status_code == 200
    stale = {"If-Match": first.headers["ETag"]}
    assert api.post(f"{STABLE}/rollback", headers=stale).status_code == 412
    assert api.delete(STABLE, headers=stale).status_code == 412
    assert api.delete(STABLE, headers={"If-Match": second.headers["ETag"]}).status_code == 204


@pytest.mark.parametrize(
    ("alias", "body", "status", "code"),
    [
        ("latest", {"version": 1}, 409, "conflict"),
        ("7", {"version": 1}, 422, "invalid_request"),
        ("Stable", {"version": 1}, 422, "invalid_request"),
        ("stable", {"version": 4}, 404, "not_found"),
        ("stable", {"version": 0}, 422, "invalid_request"),
        ("stable", {"version": "two"}, 422, "invalid_request"),
        ("stable", {}, 422, "invalid_request"),
        ("stable", {"version": 1, "force": True}, 422, "invalid_request"),
    ],
)
def test_what_cannot_be_an_alias_is_refused(
    api: httpx.Client, alias: str, body: dict[str, Any], status: int, code: str
) -> None:
    answer = api.put(f"/v1/models/cats/aliases/{alias}", json=body)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert api.get("/v1/models/cats").json()["aliases"] == {"latest": 3}


def test_only_json_is_taken(api: httpx.Client) -> None:
    answer = api.put(STABLE, content='{"version": 1}', headers={"Content-Type": "text/plain"})
    assert answer.status_code == 415


def test_an_image_of_an_alias_is_that_of_its_version(api: httpx.Client, cats: list[Model]) -> None:
    for version in (1, 3, 2):
        put(api, version)
        etag = Picture(seeds=(7,)).etag(cats[version - 1])
        query = "/generate?model=cats@stable&seed=7&format=png"
        answer = api.get(query, headers={"If-None-Match": etag})
        assert (answer.status_code, answer.headers["ETag"]) == (304, etag)
        assert answer.headers["X-Model-Version"] == str(version)
        assert answer.headers["Cache-Control"].startswith("public, max-age=60,")
        location = f"/v1/models/cats/versions/{version}/images/7.png"
        assert answer.headers["Content-Location"] == location
    assert "latest, stable" in api.get("/generate?model=cats@canary&seed=7").json()["detail"]


def test_a_worker_is_asked_for_the_version_that_the_alias_means(
    api: httpx.Client, settings: Settings, announce: Callable[..., str]
) -> None:
    announce("generate")
    with studio(settings) as worker:
        for version in (2, 1):
            put(api, version)
            answer = api.get("/generate?model=cats@stable&seed=7")
            assert (answer.status_code, answer.headers["X-Model-Version"]) == (200, str(version))
    assert [batch.folder for batch in worker.batches] == ["models/cats/2", "models/cats/1"]


def test_a_training_begins_with_the_version_that_the_alias_means(
    api: httpx.Client, trainer: None, dataset: Callable[..., Dataset]
) -> None:
    dataset("ds-1", channels=3)
    put(api, 2)
    body = {"dataset": "ds-1", "init_from": "cats@stable", "name": "lynx"}
    job = api.post("/v1/train", json=body).json()
    assert (job["input"]["origin"]["name"], job["input"]["origin"]["version"]) == ("cats", 2)


def test_a_version_with_an_alias_is_not_removed(api: httpx.Client) -> None:
    put(api, 2)
    for path in ("/v1/models/cats/versions/2", "/v1/models/cats"):
        answer = api.delete(path)
        assert (answer.status_code, answer.json()["code"]) == (409, "in_use")
        assert "stable (version 2)" in answer.json()["detail"]
        assert f"PUT {STABLE}" in answer.json()["detail"]
        assert answer.json()["errors"][0]["pointer"] == "#/aliases/stable"
    assert api.delete("/v1/models/cats/versions/3").status_code == 204
    assert api.delete(STABLE).status_code == 204
    assert api.delete("/v1/models/cats").status_code == 204
    assert api.get("/v1/models/cats").status_code == 404
