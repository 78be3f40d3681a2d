"""Models from elsewhere: whatever does not fit is refused, and no code of theirs is run."""

import hashlib
import json
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import torch

from core.errors import BadSpec
from core.generation import Batch, Picture
from core.imports import take_model
from core.registry import ModelStore
from core.schemas import Model
from core.settings import Settings
from tests.portable import archive, contents, repacked, unpacked
from tests.worker.models import publish_tiny
from worker.checkpoint import load_generator
from worker.generate import Studio


@pytest.fixture
def model(settings: Settings) -> Model:
    return publish_tiny(settings, classes=("cat", "dog"))


@pytest.fixture
def folder(settings: Settings, model: Model) -> Path:
    return ModelStore(settings.folders).folder(model)


class Canary:
    """A pickle of it makes a file when somebody loads it."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return (Path.touch, (self.path,))


def forge(folder: Path, content: bytes | None = None, **header: Any) -> None:
    """Other weights and words in the header, which agree on the digest."""
    path = folder / "model.safetensors"
    if content is not None:
        path.write_bytes(content)
    known = json.loads((folder / "model.json").read_text())
    known["sha256"] = hashlib.sha256(path.read_bytes()).hexdigest()
    (folder / "model.json").write_text(json.dumps(known | header))


def test_pickle_named_safetensors_is_refused_and_not_run(
    settings: Settings, model: Model, folder: Path, tmp_path: Path
) -> None:
    canary = tmp_path / "canary"
    pickles = [pickle.dumps(Canary(canary))]
    torch.save({"g.w": Canary(canary)}, tmp_path / "torch.pt")
    pickles.append((tmp_path / "torch.pt").read_bytes())
    for content in pickles:
        forge(folder, content)
        batch = Batch(
            id="b",
            reply="r",
            expires_at=0,
            folder=f"models/{model.name}/{model.version}",
            model=model.name,
            version=model.version,
            digest=hashlib.sha256(content).hexdigest(),
            pictures=(Picture(seeds=(1,)),),
        )
        with pytest.raises(BadSpec, match="no safetensors file"):
            Studio(settings.home, 10**9, torch.device("cpu")).serve(batch)
    assert not canary.exists()
    pickle.loads(pickles[0])  # noqa: S301 - that the canary would sing
    assert canary.exists()


def without_one(tensors: dict[str, torch.Tensor]) -> None:
    del tensors["g.paint.bias"]


def with_more(tensors: dict[str, torch.Tensor]) -> None:
    tensors["g.extra"] = torch.zeros(1)


def of_other_shape(tensors: dict[str, torch.Tensor]) -> None:
    tensors["g.paint.bias"] = torch.zeros(4)


def of_other_type(tensors: dict[str, torch.Tensor]) -> None:
    tensors["g.paint.bias"] = torch.zeros(3, dtype=torch.float64)


@pytest.mark.parametrize("change", [without_one, with_more, of_other_shape, of_other_type])
def test_weights_that_do_not_fit_are_named(
    folder: Path, change: Callable[[dict[str, torch.Tensor]], None]
) -> None:
    tensors = safetensors.torch.load_file(folder / "model.safetensors")
    change(tensors)
    forge(folder, safetensors.torch.save(tensors))
    with pytest.raises(BadSpec, match=r"do not fit its networks: (paint\.bias|extra)"):
        load_generator(folder)


SHAPE = {"resolution": 32, "channels": 3, "z_dim": 16, "c_dim": 2}
OPTIONS = {"width": 8, "max_width": 16, "blocks": 1}


@pytest.mark.parametrize(
    "header",
    [
        {"architecture": "none"},
        {"architecture": ["r3"]},
        {"format": 2},
        {"options": OPTIONS | {"width": 10**9}},
        {"options": OPTIONS | {"blocks": "1"}},
        {"options": OPTIONS | {"more": 1}},
        {"options": None},
        {"shape": SHAPE | {"resolution": 2**40}},
        {"shape": SHAPE | {"resolution": 0}},
        {"shape": SHAPE | {"z_dim": 10**12}},
        {"shape": SHAPE | {"c_dim": -1}},
        {"shape": {}},
        {"sha256": "0" * 64},
    ],
    ids=str,
)
def test_headers_that_lie_are_refused_without_taking_memory(
    folder: Path, header: dict[str, Any]
) -> None:
    forge(folder, None, **header)
    with pytest.raises(BadSpec):
        load_generator(folder)


@pytest.mark.parametrize("content", [b"", b"[]", b"{", b'{"format": 1}'])
def test_header_that_is_none_is_refused(folder: Path, content: bytes) -> None:
    (folder / "model.json").write_bytes(content)
    with pytest.raises(BadSpec):
        load_generator(folder)


def test_what_a_training_publishes_can_go_through_an_archive(
    settings: Settings, model: Model, folder: Path, tmp_path: Path
) -> None:
    data = repacked(contents(archive(settings, model)))
    taken = take_model(unpacked(data, tmp_path), tmp_path / "model", 10**8)
    assert (taken.digest, taken.architecture) == (model.digest, "r3")
    ours, theirs = (load_generator(path)[0].state_dict() for path in (folder, tmp_path / "model"))
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)
