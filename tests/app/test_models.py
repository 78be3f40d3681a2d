"""The registry over HTTP."""

from collections.abc import Callable

import httpx

from core.generation import Picture
from core.schemas import Model

Publish = Callable[..., Model]


def test_newest_versions_are_listed(api: httpx.Client, publish: Publish) -> None:
    publish("cats", "job-1")
    publish("dogs", "job-2")
    publish("cats", "job-3")
    first = api.get("/v1/models?limit=1")
    assert [(m["name"], m["version"]) for m in first.json()["data"]] == [("cats", 2)]
    rest = api.get(first.links["next"]["url"]).json()
    assert [(m["name"], m["version"]) for m in rest["data"]] == [("dogs", 1)]


def test_model_is_shown_with_its_versions(api: httpx.Client, publish: Publish) -> None:
    publish("cats", "job-1")
    publish("cats", "job-2")
    model = api.get("/v1/models/cats").json()
    assert (model["version"], model["versions"], model["aliases"]) == (2, [2, 1], {"latest": 2})
    assert model["urls"]["generate"] == "/v1/generate?model=cats@2"
    card = api.get("/v1/models/cats/versions/1").json()
    assert (card["job"], card["urls"]["job"]) == ("job-1", "/v1/jobs/job-1")


def test_unknown_models_and_versions_are_404(api: httpx.Client, publish: Publish) -> None:
    publish("cats")
    for path in ("dogs", "cats/versions/2", "dogs/versions/1", "cats/versions/1/samples.png"):
        assert api.get(f"/v1/models/{path}").status_code == 404
    assert api.get("/v1/models/cats/versions/0").status_code == 422


def test_versions_are_listed_newest_first(api: httpx.Client, publish: Publish) -> None:
    for number in (1, 2, 3):
        publish("cats", f"job-{number}")
    api.put("/v1/models/cats/aliases/stable", json={"version": 2})
    first = api.get("/v1/models/cats/versions?limit=2")
    known = [(m["version"], m["aliased_as"]) for m in first.json()["data"]]
    assert known == [(3, ["latest"]), (2, ["stable"])]
    rest = api.get(first.links["next"]["url"]).json()
    assert [m["version"] for m in rest["data"]] == [1] and not rest["has_more"]
    assert api.get("/v1/models/dogs/versions").status_code == 404
    model = api.get("/v1/models/cats").json()
    assert model["aliases"] == {"latest": 3, "stable": 2}
    assert api.get(model["urls"]["versions"]).status_code == 200


def test_a_version_says_what_it_takes_on_disk(api: httpx.Client, publish: Publish) -> None:
    model = publish("cats")
    card = api.get("/v1/models/cats/versions/1").json()
    assert card["disk_bytes"] > card["bytes"] == model.bytes
    assert api.get("/v1/models").json()["data"][0]["disk_bytes"] is None


def test_all_versions_are_removed_at_once(api: httpx.Client, publish: Publish) -> None:
    for number in (1, 2):
        publish("cats", f"job-{number}")
    publish("dogs", "job-3")
    assert api.delete("/v1/models/cats").status_code == 204
    assert [m["name"] for m in api.get("/v1/models").json()["data"]] == ["dogs"]
    assert api.delete("/v1/models/cats").status_code == 404
    assert publish("cats", "job-4").version == 3


def test_version_is_removed(api: httpx.Client, publish: Publish) -> None:
    publish("cats")
    assert api.delete("/v1/models/cats/versions/1").status_code == 204
    assert api.get("/v1/models/cats").status_code == 404
    assert api.delete("/v1/models/cats/versions/1").status_code == 404


def test_lasting_address_of_an_image(api: httpx.Client, publish: Publish) -> None:
    model = publish("cats", classes=["a", "b"])
    etag = Picture(seeds=("alice.v2",), label="b", format="jpeg", quality=50).etag(model)
    url = "/v1/models/cats/versions/1/images/alice.v2.jpg?label=b&quality=50"
    answer = api.get(url, headers={"If-None-Match": etag})
    assert answer.status_code == 304
    assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    for bad in ("images/1.gif", "images/-1.png", "images/1.png?n=2", "images/1.png?psi=2"):
        assert api.get(f"/v1/models/cats/versions/1/{bad}").status_code == 422, bad
