"""The network of FID against torch-fidelity's, both with the same random weights."""

import importlib
import importlib.util
import sys
import types
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from tests.worker.random_weights import inception_tensors
from worker.evaluation.inception import InceptionSpace, resized

SIDES = (24, 320)  # pictures that are enlarged, and reduced


def pictures(side: int, count: int = 2, channels: int = 3) -> np.ndarray:
    random = np.random.default_rng(side)
    return random.integers(0, 256, (count, side, side, channels), dtype=np.uint8)


@pytest.fixture(scope="module")
def space() -> InceptionSpace:
    return InceptionSpace(inception_tensors(), "0" * 64)


def reference(folder: Path, monkeypatch: pytest.MonkeyPatch) -> torch.nn.Module:
    """torch-fidelity's network with our weights, which it wants in a pickle."""
    found = importlib.util.find_spec("torch_fidelity")
    if found is None or found.submodule_search_locations is None:
        pytest.skip("torch-fidelity is not installed")
    package = types.ModuleType("torch_fidelity")  # the real one imports torchvision at once
    package.__path__ = list(found.submodule_search_locations)
    monkeypatch.setitem(sys.modules, "torch_fidelity", package)
    name = "torch_fidelity.feature_extractor_inceptionv3"
    torch.save(inception_tensors(), folder / "weights.pth")
    return importlib.import_module(name).FeatureExtractorInceptionV3(
        "random",
        ["2048", "logits_unbiased", "logits"],
        feature_extractor_weights_path=str(folder / "weights.pth"),
    )


def relative(one: Tensor, other: np.ndarray) -> float:
    return float(np.abs(one.numpy() - other).max() / np.abs(other).max())


def test_features_and_logits_are_those_of_torch_fidelity(
    space: InceptionSpace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    network = reference(tmp_path, monkeypatch)
    for side in SIDES:
        images = pictures(side)
        expected = network(torch.from_numpy(images).permute(0, 3, 1, 2))
        features = space.features(images)
        assert np.abs(features).mean() > 0.1
        assert relative(expected[0], features) < 1e-5
        assert relative(expected[1], space.logits(features)) < 1e-5
        assert relative(expected[2], space.logits(features, bias=True)) < 1e-5


def test_the_official_file_has_as_many_tensors() -> None:
    assert len(inception_tensors()) == 566


def test_features_depend_neither_on_the_batch_nor_on_how_grey_is_stored(
    space: InceptionSpace,
) -> None:
    grey = pictures(32, channels=1)
    alone, together = space.features(grey[:1]), space.features(np.repeat(grey, 3, 3))
    assert np.abs(alone[0] - together[0]).max() < 1e-5 * np.abs(together).max()


def test_resizing_reads_at_whole_places_from_the_corner() -> None:
    row = torch.tensor([0.0, 10.0, 20.0])
    image = row.expand(1, 1, 3, 3)
    assert resized(image, 6)[0, 0, 0].tolist() == [0, 5, 10, 15, 20, 20]
    assert torch.equal(resized(image, 3), image)


def test_other_tensors_are_refused() -> None:
    tensors = {name: part for name, part in inception_tensors().items() if name != "fc.bias"}
    with pytest.raises(RuntimeError, match=r"fc\.bias"):
        InceptionSpace(tensors, "0" * 64)
