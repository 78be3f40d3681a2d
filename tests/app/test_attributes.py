"""Images of models with attributes: several labels in one request, written in one way."""

from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from app.compare import label_for
from core.generation import Picture
from core.schemas import Model
from core.settings import Settings
from tests.app.studio import studio

Publish = Callable[..., Model]
NAMES = ["hat", "red & blond", "smiling"]
COMBINATIONS: list[Any] = [[[0, 2], 3], [[], 1]]


@pytest.fixture
def faces(publish: Publish) -> Model:
    return publish("faces", attributes=NAMES, combinations=COMBINATIONS)


def test_labels_in_any_order_are_one_picture(api: httpx.Client, faces: Model) -> None:
    etag = Picture(seeds=(1,), label="hat,smiling").etag(faces)
    for text in ("smiling,hat", "hat,smiling", "2,0", "hat,smiling,hat", " hat, smiling"):
        asked = {"model": "faces@1", "seed": 1, "label": text}
        answer = api.get("/v1/generate", params=asked, headers={"If-None-Match": etag})
        assert answer.status_code == 304, text
    none = Picture(seeds=(1,), label="none").etag(faces)
    assert len({etag, none, Picture(seeds=(1,)).etag(faces)}) == 3
    answer = api.get("/v1/generate?seed=1&label=none", headers={"If-None-Match": none})
    assert answer.status_code == 304


def test_the_lasting_address_has_the_sorted_names(
    api: httpx.Client, settings: Settings, faces: Model, announce: Callable[..., str]
) -> None:
    announce("generate")
    with studio(settings) as worker:
        answer = api.get("/v1/generate", params={"seed": 5, "label": "smiling,red & blond"})
        address = answer.headers["Content-Location"]
        assert api.get(address).headers["ETag"] == answer.headers["ETag"]
    assert urlsplit(address).path == "/v1/models/faces/versions/1/images/5.png"
    assert parse_qs(urlsplit(address).query) == {"label": ["red & blond,smiling"]}
    assert [batch.pictures[0].label for batch in worker.batches] == ["red & blond,smiling"] * 2


@pytest.mark.parametrize("text", ["beard", "hat,beard", "", "hat,", "3", "none,hat"])
def test_unknown_attributes_are_refused_with_the_known_ones(
    api: httpx.Client, faces: Model, text: str
) -> None:
    answer = api.get("/v1/generate", params={"seed": 1, "label": text})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == "#/query/label"
    assert "hat, red & blond, smiling" in answer.json()["detail"]


def test_a_model_of_classes_takes_one(api: httpx.Client, publish: Publish) -> None:
    publish("cats", classes=["black", "white"])
    answer = api.get("/v1/generate?seed=1&label=black,white")
    assert answer.status_code == 422
    assert "of one class, not of several" in answer.json()["detail"]
    assert "black, white" in answer.json()["detail"]


def test_a_class_with_a_comma_in_its_name_stays_one(api: httpx.Client, publish: Publish) -> None:
    model = publish("cats", classes=["a,b", "c"])
    etag = Picture(seeds=(1,), label="a,b").etag(model)
    answer = api.get("/v1/generate?seed=1&label=a,b", headers={"If-None-Match": etag})
    assert answer.status_code == 304


def test_names_that_are_too_long_together_are_refused(api: httpx.Client, publish: Publish) -> None:
    publish("tags", attributes=[f"{k:03}" + "x" * 97 for k in range(40)], combinations=[[[], 1]])
    many = ",".join(map(str, range(40)))
    answer = api.get("/v1/generate", params={"seed": 1, "label": many})
    assert (answer.status_code, "2000" in answer.json()["detail"]) == (422, True)


@pytest.mark.parametrize(
    ("fields", "label_map", "pointer"),
    [
        ({"attributes": ["smiling", "hat"]}, None, None),
        ({"attributes": ["hat", "cap"]}, {"cap": None}, None),
        ({"attributes": ["hat", "cap"]}, {"cap": "hat"}, None),
        ({"attributes": ["hat", "cap"]}, None, "#/label_map/cap"),
        ({"classes": ["hat", "smiling"]}, None, "#/init_from"),
        ({}, None, "#/init_from"),
    ],
)
def test_fine_tuning_matches_attributes_by_name(
    api: httpx.Client,
    trainer: None,
    faces: Model,
    dataset: Callable[..., Any],
    fields: dict[str, Any],
    label_map: Any,
    pointer: str | None,
) -> None:
    dataset("ds-2", channels=3, **fields)
    order = {"dataset": "ds-2", "init_from": "faces", "label_map": label_map}
    answer = api.post("/v1/train", json=order | {"budget": {"steps": 4}})
    found = [error["pointer"] for error in answer.json().get("errors", [])]
    assert (answer.status_code, found) == ((422, [pointer]) if pointer else (202, []))
    if not fields:
        assert "the model has attributes, the data set has none" in answer.json()["detail"]


def test_records_and_cards_tell_the_attributes(api: httpx.Client, faces: Model) -> None:
    record = api.get("/v1/models/faces").json()
    assert (record["classes"], record["attributes"]) == ([], NAMES)
    assert record["combinations"] == COMBINATIONS
    card = api.get("/v1/models/faces/versions/1/card.md").text
    assert "with any of 3 attributes" in card and "label=0,1" in card


def test_grids_beside_each_other_show_the_same_attribute(publish: Publish) -> None:
    a = publish("a", "job-a", attributes=["hat", "sad"], combinations=[[[0], 1]])
    b = publish("b", "job-b", attributes=["sad"], combinations=[[[0], 1]])
    c = publish("c", "job-c", classes=["x", "sad"])
    assert label_for(a, a)[0] is None
    assert label_for(a, b)[0] == label_for(a, c)[0] == "sad"
