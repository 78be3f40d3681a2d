"""POST /v1/generations: many seeds, or latent vectors, as one zip."""

import io
import json
import zipfile
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import numpy as np
import pytest
from PIL import Image

from core.schemas import Model
from core.settings import Settings
from tests.app.studio import Studio, painting
from tests.worker.models import publish_tiny
from worker.latents import latent

Announce = Callable[..., str]


@pytest.fixture
def faces(settings: Settings) -> Model:
    return publish_tiny(settings, "faces", classes=("cat", "dog"))


@pytest.fixture
def worker(settings: Settings, announce: Announce) -> Iterator[Studio]:
    announce("generate")
    with painting(settings) as own:
        yield own


def post(api: httpx.Client, **body: Any) -> zipfile.ZipFile:
    answer = api.post("/v1/generations", json={"model": "faces", **body})
    assert answer.status_code == 200, answer.text
    assert answer.headers["Cache-Control"] == "no-store"
    return zipfile.ZipFile(io.BytesIO(answer.content))


def pixels(content: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(content)))


def test_seeds_are_the_same_images_as_one_by_one(
    api: httpx.Client, faces: Model, worker: Studio
) -> None:
    archive = post(api, seeds=[5, "alice", "7"], labels=["dog", None, "0"], format="webp", psi=0.5)
    assert archive.namelist() == ["00000.webp", "00001.webp", "00002.webp"]
    for place, query in enumerate(("seed=5&label=dog", "seed=alice", "seed=7&label=cat")):
        alone = api.get(f"/v1/generate?{query}&format=webp&psi=0.5")
        assert archive.read(f"{place:05d}.webp") == alone.content


def test_list_as_a_text_names_files_after_seeds(
    api: httpx.Client, faces: Model, worker: Studio
) -> None:
    archive = post(api, seeds="3-4,9", labels="dog", size=16)
    assert archive.namelist() == ["3.png", "4.png", "9.png"]
    assert pixels(archive.read("9.png")).shape == (16, 16, 3)


def test_latent_vectors_make_the_images_that_they_are_of(
    api: httpx.Client, faces: Model, worker: Studio
) -> None:
    vectors = [latent(seed, faces.z_dim).tolist() for seed in (5, "alice")]
    archive = post(api, latents=vectors, labels=["dog", "cat"])
    for place, query in enumerate(("seed=5&label=dog", "seed=alice&label=cat")):
        alone = api.get(f"/v1/generate?{query}")
        made = archive.read(f"{place:05d}.png")
        assert np.array_equal(pixels(made), pixels(alone.content))
    facts = json.loads(Image.open(io.BytesIO(archive.read("00000.png"))).info["ganvas"])
    assert (facts["seed"], facts["label"], len(facts["latent"])) == (None, "dog", 32)


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({}, "#"),
        ({"seeds": [1], "latents": [[0.0] * 16]}, "#"),
        ({"seeds": []}, "#/seeds"),
        ({"seeds": "5-1"}, "#/seeds"),
        ({"seeds": "0-10000"}, "#/seeds"),
        ({"seeds": [1, "-3"]}, "#/seeds/1"),
        ({"seeds": [1], "labels": ["cat", "dog"]}, "#/labels"),
        ({"seeds": [1, 2], "labels": ["cat", "owl"]}, "#/labels/1"),
        ({"seeds": [1], "labels": "owl"}, "#/labels"),
        ({"latents": [[0.0] * 16]}, "#/labels"),
        ({"latents": [[0.0] * 16, [0.0] * 15], "labels": "cat"}, "#/latents/1"),
        ({"latents": [[0.0] * 15 + [1e9]], "labels": "cat"}, "#/latents/0/15"),
        ({"seeds": [1], "size": 4096}, "#/size"),
        ({"seeds": [1], "psi": 2}, "#/psi"),
        ({"seeds": [1], "format": "zip"}, "#/format"),
        ({"sead": [1]}, "#/sead"),
    ],
)
def test_what_is_wrong_is_pointed_at(
    api: httpx.Client, faces: Model, body: dict[str, Any], pointer: str
) -> None:
    answer = api.post("/v1/generations", json=body)
    assert answer.status_code == 422
    places = [error["pointer"] for error in answer.json()["errors"]]
    assert any(place.startswith(pointer) for place in places), places


@pytest.mark.parametrize("number", ["NaN", "Infinity", "1e999", "null", '"1"', "true"])
def test_latent_vectors_are_finite_numbers(api: httpx.Client, faces: Model, number: str) -> None:
    vector = ", ".join(["0.5"] * 15 + [number])
    body = f'{{"latents": [[{vector}]], "labels": "cat"}}'
    headers = {"Content-Type": "application/json"}
    answer = api.post("/v1/generations", content=body, headers=headers)
    assert answer.status_code == 422, answer.text


def test_body_has_to_be_json(api: httpx.Client, faces: Model) -> None:
    answer = api.post("/v1/generations", content=b'{"seeds": "0"}')
    assert answer.status_code == 415
