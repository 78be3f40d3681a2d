"""The feature space without downloads: frozen, deterministic, and sensitive to what matters."""

from collections.abc import Callable

import numpy as np
import pytest
import torch

from core.errors import Invalid
from tests.worker.drawings import blurred, noisy, sprites, tiled
from worker.evaluation.distances import kernel_distance
from worker.evaluation.spaces import Space, fit, load_space, rand64, spaces
from worker.tasks import pixels

Worsen = Callable[[np.ndarray, float], np.ndarray]
SHA256 = "dfe3bc7e70aa42e04ad766dcce3719160a909ba814e377b7ffd44360639d50fd"


def gradient_image() -> np.ndarray:
    """uint8 [1, 64, 64, 3], made of integers: the same everywhere."""
    y, x = np.mgrid[:64, :64]
    disc = 200 * ((x - 40) ** 2 + (y - 25) ** 2 < 200)
    return np.stack([4 * x, (3 * x + 5 * y) % 256, disc], -1)[None].astype(np.uint8)


def test_weights_are_frozen() -> None:
    assert rand64().sha256 == SHA256
    assert rand64().name == "rand64-v1"


def test_features_are_frozen() -> None:
    features = rand64().features(gradient_image())
    golden = [0.15915, 3.00397, 3.82198, 1.27676, 0.98844, 2.73162, -2.72065, 0.55745]
    np.testing.assert_allclose(features[0, ::9], golden, atol=1e-4)
    assert float(features.sum(dtype=np.float64)) == pytest.approx(105.9271, abs=1e-3)


@pytest.mark.parametrize("size", [1, 7, 64])
def test_features_do_not_depend_on_the_batch(size: int) -> None:
    images = sprites(0, 100)
    whole = rand64().features(images)
    parts = [rand64().features(images[i : i + size]) for i in range(0, len(images), size)]
    np.testing.assert_allclose(np.concatenate(parts), whole, atol=1e-6, rtol=0)


def test_features_do_not_depend_on_the_order() -> None:
    images, order = sprites(0, 100), np.random.default_rng(0).permutation(100)
    whole = rand64().features(images)
    np.testing.assert_allclose(rand64().features(images[order]), whole[order], atol=1e-6, rtol=0)


def test_features_do_not_depend_on_mixed_precision_around_them() -> None:
    images = sprites(0, 8)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = rand64().features(images)
    np.testing.assert_array_equal(found, rand64().features(images))


def test_grey_images_count_as_colour_images_with_equal_channels() -> None:
    grey = sprites(0, 4)[..., :1]
    colour = np.repeat(grey, 3, axis=3)
    np.testing.assert_array_equal(rand64().features(grey), rand64().features(colour))


def test_images_of_64_px_are_not_resized() -> None:
    images = torch.rand(2, 3, 64, 64) * 3  # beyond the range, which resizing would clamp
    assert fit(images, 64) is images


def test_larger_images_are_smoothed_before_they_are_thinned_out() -> None:
    noise = torch.rand(1, 1, 256, 256, generator=torch.Generator().manual_seed(0)) - 0.5
    assert fit(noise, 64).std() == pytest.approx(float(noise.std()) / 4, rel=0.25)


def test_a_drawing_has_about_the_same_features_at_another_resolution() -> None:
    small, large = (rand64().features(sprites(0, 30, side)) for side in (64, 128))
    others = np.linalg.norm(small - np.roll(small, 1, 0), axis=1)
    assert np.linalg.norm(small - large, axis=1).mean() < 0.15 * others.mean()


def test_rounded_images_have_the_features_of_the_images_between_the_levels() -> None:
    images = sprites(0, 4)
    found = rand64().features_of(pixels(torch.from_numpy(images.copy()))).numpy()
    np.testing.assert_array_equal(found, rand64().features(images))


def test_features_have_gradients() -> None:
    images = torch.zeros(2, 3, 64, 64, requires_grad=True)
    rand64().features_of(images).sum().backward()
    assert images.grad is not None and images.grad.abs().sum() > 0


def test_features_are_of_similar_size() -> None:
    features = rand64().features(sprites(0, 160))
    assert features.shape == (160, 64) and features.dtype == np.float32
    assert features.std(0).min() > 0.1 and features.std(0).max() < 3


@pytest.mark.parametrize("worsen", [blurred, noisy])
def test_distance_grows_with_damage(worsen: Worsen) -> None:
    real, base = rand64().features(sprites(0, 160)), sprites(160, 160)
    strengths = (0.7, 1.5, 3.0) if worsen is blurred else (10, 30, 60)
    found = [kernel_distance(real, rand64().features(worsen(base, s)))[0] for s in strengths]
    floor, sd = kernel_distance(real, rand64().features(base))
    assert found == sorted(found)
    assert found[0] > floor and found[1] > floor + 3 * sd


def test_shapes_and_colours_count() -> None:
    real, base = rand64().features(sprites(0, 160)), sprites(160, 160)
    floor, sd = kernel_distance(real, rand64().features(base))
    assert kernel_distance(real, rand64().features(tiled(base)))[0] > floor + 3 * sd
    assert kernel_distance(real, rand64().features(base[..., ::-1]))[0] > floor + 3 * sd


@pytest.mark.parametrize("name", list(spaces()))
def test_whatever_needs_no_download_is_a_space(name: str) -> None:
    if name != "rand64-v1":
        pytest.skip(f"{name} needs a file of weights")
    space: Space = load_space(name)
    assert space.features(sprites(0, 2)).shape == (2, space.dim)
    assert len(space.sha256) == 64 and space.resize


def test_an_unknown_space_is_refused_with_the_names_of_the_others() -> None:
    with pytest.raises(Invalid, match="rand64-v1"):
        load_space("inseption")
