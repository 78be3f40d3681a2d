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
