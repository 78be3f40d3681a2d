"""The space that a data set makes for itself: it must order what a person would order.

The images are the built-in sprites; far fewer steps than in earnest are enough.
"""

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch

from core.errors import NotTrainable
from worker.evaluation import data_space as module
from worker.evaluation.data_space import DataSpace, data_space, whitening
from worker.evaluation.distances import kernel_distance
from worker.evaluation.neighbours import overlap
from worker.evaluation.spoil import WAYS, blurred, exchanged, joined, spoilt, viewed
from worker.sprites import FACTORS, draw
from worker.tasks import levels, pixels

SIDE, LEARNT, SEEN = 32, 500, 200
SHA256 = "5" * 64


@pytest.fixture(scope="module")
def sprites() -> tuple[np.ndarray, np.ndarray]:
    """Images, uint8 [900, 32, 32, 3], and which kind of creature each is."""
    drawn = [draw(0, index, SIDE) for index in range(LEARNT + 2 * SEEN)]
    kinds = [FACTORS["kind"].index(factors["kind"]) for _, factors in drawn]
    return np.stack([np.asarray(image) for image, _ in drawn]), np.array(kinds)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("spaces")


@pytest.fixture(scope="module")
def space(sprites: tuple[np.ndarray, np.ndarray], folder: Path) -> Iterator[DataSpace]:
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {"STEPS": 40, "VIEWED": 24, "SPOILT": 28}.items():
            patch.setattr(module, name, value)
        yield data_space(sprites[0][:LEARNT], SHA256, folder, lambda done: None)


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Spaces that are good for nothing but are made at once."""
    monkeypatch.setattr(module, "STEPS", 2)
    monkeypatch.setattr(module, "VIEWED", 7)
    monkeypatch.setattr(module, "SPOILT", 7)
    monkeypatch.setattr(module, "WHITENED", 100)


@pytest.fixture(scope="module")
def real(sprites: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
    return sprites[0][LEARNT : LEARNT + SEEN]


@pytest.fixture(scope="module")
def fresh(sprites: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
    """Other real images, in the place of made ones."""
    return sprites[0][LEARNT + SEEN :]


def distance(space: DataSpace, real: np.ndarray, fake: np.ndarray) -> tuple[float, float]:
    return kernel_distance(space.features(real), space.features(fake))


def test_features_of_the_set_are_white(
    space: DataSpace, sprites: tuple[np.ndarray, np.ndarray]
) -> None:
    features = space.features(sprites[0][:LEARNT])
    assert features.shape == (LEARNT, 64) and features.dtype == np.float32
    assert np.abs(features.mean(0)).max() < 0.1
    assert 0.7 < features.std() < 1.0


def test_unseen_images_of_the_same_kind_are_near(
    space: DataSpace, real: np.ndarray, fresh: np.ndarray
) -> None:
    kd, deviation = distance(space, real, fresh)
    assert abs(kd) < 3 * deviation


def test_distance_grows_with_blur(space: DataSpace, real: np.ndarray, fresh: np.ndarray) -> None:
    found = [distance(space, real, fresh)]
    for sigma in (0.5, 1.0, 2.0):
        worse = levels(blurred(pixels(torch.from_numpy(fresh)), sigma))
        found.append(distance(space, real, worse))
    assert ordered(found)


def test_distance_grows_with_noise(space: DataSpace, real: np.ndarray, fresh: np.ndarray) -> None:
    noise = np.random.default_rng(0).standard_normal(fresh.shape)
    worse = [(fresh + level * noise).clip(0, 255).astype(np.uint8) for level in (0, 16, 32, 64)]
    assert ordered([distance(space, real, images) for images in worse])


def test_halves_that_do_not_belong_together_are_far(
    space: DataSpace, real: np.ndarray, fresh: np.ndarray
) -> None:
    wrong = levels(joined(pixels(torch.from_numpy(fresh))))
    assert ordered([distance(space, real, fresh), distance(space, real, wrong)])


def test_missing_kinds_are_noticed(
    space: DataSpace, sprites: tuple[np.ndarray, np.ndarray], real: np.ndarray, fresh: np.ndarray
) -> None:
    images, kinds = sprites[0][:LEARNT], sprites[1][:LEARNT]
    some = images[kinds < 4][:SEEN]
    assert ordered([distance(space, real, fresh), distance(space, real, some)])
    whole, lacking = (overlap(space.features(real), space.features(fake)) for fake in (fresh, some))
    assert lacking.recall < whole.recall - 0.1


def ordered(found: list[tuple[float, float]]) -> bool:
    """Whether every distance is clearly greater than the one before."""
    return all(b > a + 2 * np.hypot(s, t) for (a, s), (b, t) in pairwise(found))


def test_features_depend_on_the_image_alone(space: DataSpace, real: np.ndarray) -> None:
    together = space.features(real[:7])
    alone = np.concatenate([space.features(real[k : k + 1]) for k in range(7)])
    assert np.abs(together - alone).max() < 1e-5
    assert np.abs(space.features(real[6::-1])[::-1] - together).max() < 1e-5


def test_it_is_learnt_once(
    space: DataSpace,
    sprites: tuple[np.ndarray, np.ndarray],
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "learnt", None)
    again = data_space(sprites[0][:LEARNT], SHA256, folder, lambda done: None)
    assert again.sha256 == space.sha256
    assert np.array_equal(again.features(sprites[0][:9]), space.features(sprites[0][:9]))


def test_equal_sets_make_equal_spaces(
    sprites: tuple[np.ndarray, np.ndarray], quick: None, tmp_path: Path
) -> None:
    images = sprites[0][:LEARNT]
    one, other, third = (
        data_space(images, sha256, tmp_path / place, lambda done: None).sha256
        for place, sha256 in (("a", "1" * 64), ("b", "1" * 64), ("c", "2" * 64))
    )
    assert one == other != third


def test_a_damaged_file_is_learnt_again(
    sprites: tuple[np.ndarray, np.ndarray], quick: None, tmp_path: Path
) -> None:
    images = sprites[0][:LEARNT]
    whole = data_space(images, SHA256, tmp_path, lambda done: None)
    for content in (b"", b"\x80\x04not this", next(tmp_path.iterdir()).read_bytes()[:-1] + b"\1"):
        next(tmp_path.iterdir()).write_bytes(content)
        assert data_space(images, SHA256, tmp_path, lambda done: None).sha256 == whole.sha256


def test_too_few_images_are_refused_with_the_number(tmp_path: Path) -> None:
    with pytest.raises(NotTrainable, match=r"at least 500 images, there are 499"):
        data_space(np.zeros((499, 32, 32, 1), np.uint8), SHA256, tmp_path, lambda done: None)


@pytest.mark.parametrize(("side", "channels"), [(16, 1), (128, 3)])
def test_other_sizes_and_grey_make_a_space(
    side: int, channels: int, quick: None, tmp_path: Path
) -> None:
    random = np.random.default_rng(0)
    images = random.integers(0, 256, (LEARNT, side, side, channels), dtype=np.uint8)
    told: list[float] = []
    space = data_space(images, SHA256, tmp_path, told.append)
    assert np.isfinite(space.features(images[:5])).all()
    assert np.isfinite(space.features(images[:5, ..., :1])).all()
    assert told == [0.5, 1.0, 1.0]


def test_a_set_of_equal_images_makes_no_infinite_features(quick: None, tmp_path: Path) -> None:
    images = np.full((LEARNT, 32, 32, 1), 7, np.uint8)
    space = data_space(images, SHA256, tmp_path, lambda done: None)
    assert np.isfinite(space.features(images[:2])).all()
    assert np.isfinite(space.features(255 - images[:2])).all()


def test_whitening_gives_unit_covariance() -> None:
    rng = torch.Generator().manual_seed(0)
    seen = torch.randn(4000, 80, generator=rng) @ torch.randn(80, 80, generator=rng) + 5
    origin, axes = whitening(seen)
    white = (seen - origin) @ axes
    assert (torch.cov(white.T) - torch.eye(64)).abs().max() < 0.1


def test_spoilt_images_come_in_every_way() -> None:
    rng = torch.Generator().manual_seed(0)
    images = torch.rand(14, 3, 32, 32, generator=rng) * 2 - 1
    wrong, ways = spoilt(images, rng)
    assert wrong.shape == images.shape and ways.bincount().tolist() == [2] * len(WAYS)
    assert torch.equal(wrong[0], images[0]) and wrong.abs().max() <= 1
    assert all(not torch.equal(wrong[k], images[k]) for k in range(1, 7))
    assert viewed(images, rng).shape == images.shape


def test_parts_are_moved_whole() -> None:
    image = torch.arange(16.0).view(1, 1, 4, 4)
    assert exchanged(image)[0, 0].tolist() == [
        [2, 3, 0, 1],
        [6, 7, 4, 5],
        [8, 9, 10, 11],
        [12, 13, 14, 15],
    ]
    two = torch.cat([image, -image])
    assert joined(two)[0, 0, 0].tolist() == [0, 1, -2, -3]
    assert torch.allclose(blurred(torch.ones(1, 3, 8, 8), 1.5), torch.ones(1, 3, 8, 8))
