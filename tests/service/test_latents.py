"""Between and beside the seeds, with the real parts and a model that was trained."""

import io
import json
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ganvas import Client
from tests.service.conftest import TINY, Service, archive, picture

pytestmark = pytest.mark.service


def pixels(content: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(content)).convert("RGB"))


def test_moving_in_the_latent_space_of_a_trained_model(service: Service, tmp_path: Path) -> None:
    files = {f"{k}.png": picture(("square", "disc")[k % 2], k) for k in range(40)}
    kind = {"content-type": "application/zip"}
    post = service.client.post
    data = post("/v1/datasets?name=Plain", content=archive(files), headers=kind).json()
    options = {**TINY, "architecture": "skip"}
    order = {"dataset": data["id"], "name": "plain", "budget": {"steps": 20}, "options": options}
    assert service.finished(service.train(**order))["state"] == "succeeded"
    with Client(service.url) as client:
        assert client.models.get("plain").abilities == ["mix", "directions"]
        alone = pixels(client.generate(1, model="plain"))
        film = Image.open(io.BytesIO(client.interpolate(1, "alice", model="plain", frames=20)))
        assert getattr(film, "n_frames", 0) == 38
        strip = pixels(client.interpolate(1, 2, model="plain", frames=3, format="png"))
        assert np.array_equal(strip[:, : len(alone)], alone)
        client.generate_many(tmp_path / "a.zip", model="plain", seeds="0-199")
        told = client.models.directions("plain", 1)
        assert (told.space, len(told.data)) == ("w", 16)
        fields = {"blend": {1: 1.0, 2: -0.5}, "mix": 3, "direction": 0, "amount": 2.0}
        moved = client.generate(model="plain", psi=0.7, **fields)
    facts = json.loads(Image.open(io.BytesIO(moved)).info["ganvas"])
    assert {name: facts[name] for name in ("seed", "weights", "mix", "direction", "amount")} == {
        "seed": [1, 2],
        "weights": [1.0, -0.5],
        "mix": 3,
        "direction": 0,
        "amount": 2.0,
    }
    with zipfile.ZipFile(tmp_path / "a.zip") as many:
        assert np.array_equal(pixels(many.read("1.png")), alone) and len(many.namelist()) == 200
