"""Pinning a version: a mark that the workers obey, bounded by their memory."""

from collections.abc import Callable

import httpx

from app.services import Services
from core.pins import pinned_folders
from core.registry import ModelStore
from core.schemas import Model
from core.settings import Settings

Publish = Callable[..., Model]


def test_pin_is_shown_and_found_by_the_workers_until_it_is_taken_away(
    api: httpx.Client, settings: Settings, publish: Publish
) -> None:
    model = publish("cats")
    address = f"/v1/models/cats/versions/{model.version}"
    for _ in range(2):
        answer = api.put(f"{address}/pin")
        assert (answer.status_code, answer.json()["pinned"]) == (200, True)
    assert pinned_folders(ModelStore(settings.folders)) == {model.digest: "models/cats/1"}
    assert api.get(address).json()["pinned"]
    for _ in range(2):
        assert api.delete(f"{address}/pin").status_code == 204
    assert not api.get(address).json()["pinned"]
    assert pinned_folders(ModelStore(settings.folders)) == {}


def test_pins_that_would_not_fit_are_refused_with_those_that_are_there(
    api: httpx.Client, held: Services, publish: Publish
) -> None:
    for name, job in (("cats", "job-1"), ("dogs", "job-22")):
        publish(name, job)
    room = len(b"job-1") + len(b"job-22") - 1
    object.__setattr__(held, "settings", held.settings.model_copy(update={"generate_memory": room}))
    assert api.put("/v1/models/cats/versions/1/pin").status_code == 200
    refused = api.put("/v1/models/dogs/versions/1/pin")
    assert (refused.status_code, refused.json()["code"]) == (409, "conflict")
    assert "cats@1" in refused.json()["detail"]


def test_unknown_version_is_not_found(api: httpx.Client) -> None:
    assert api.put("/v1/models/cats/versions/1/pin").status_code == 404
    assert api.delete("/v1/models/cats/versions/1/pin").status_code == 404
