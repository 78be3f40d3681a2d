"""Figures of images without features: SWD, SSIM, MS-SSIM, PSNR."""

import numpy as np
import pytest
import torch

from tests.worker.drawings import blurred, noisy, sprites
from tests.worker.references import reference
from worker.evaluation.chance import of_left_out
from worker.evaluation.ssim import SCALES, ms_ssim, psnr, scales_of, ssim
from worker.evaluation.swd import _sliced, laplacian_pyramid, sliced_wasserstein, swd_levels, up


def pair(channels: int = 3) -> tuple[np.ndarray, np.ndarray]:
    """Two batches of different sprites, one of them noisy: uint8 [4, 64, 64, C]."""
    one = sprites(0, 4)[..., :channels]
    return one, noisy(one, 15)


def constant(level: int, side: int = 64) -> np.ndarray:
    return np.full((1, side, side, 3), level, np.uint8)


@pytest.mark.parametrize("channels", [1, 3])
def test_ssim_and_psnr_agree_with_scikit_image(channels: int) -> None:
    one, other = pair(channels)
    skimage = reference("skimage.metrics")
    for i, (a, b) in enumerate(zip(one, other, strict=True)):
        theirs = skimage.structural_similarity(
            a, b, gaussian_weights=True, sigma=1.5, use_sample_covariance=False,
            data_range=255, channel_axis=2,
        )  # fmt: skip
        assert ssim(one, other)[i] == pytest.approx(theirs, abs=1e-6)
        theirs = skimage.peak_signal_noise_ratio(a, b, data_range=255)
        assert psnr(one, other)[i] == pytest.approx(theirs, abs=1e-9)


def test_equal_images_are_wholly_alike() -> None:
    images, _ = pair()
    assert ssim(images, images) == pytest.approx(1)
    assert ms_ssim(images, images) == pytest.approx(1)
    assert np.isinf(psnr(images, images)).all()


def test_constant_images_have_an_analytic_value() -> None:
    a, b, c1 = 100, 140, 2.55**2
    luminance = (2 * a * b + c1) / (a**2 + b**2 + c1)
    assert ssim(constant(a), constant(b)) == pytest.approx(luminance)
    # Structure is 1; luminance counts at the coarsest of three scales only.
    weight = SCALES[2] / sum(SCALES[:3])
    assert ms_ssim(constant(a), constant(b)) == pytest.approx(luminance**weight)
    assert psnr(constant(a), constant(b)) == pytest.approx(20 * np.log10(255 / 40))


def test_images_within_another_span_are_as_alike() -> None:
    one, other = pair()
    small = one / 255, other / 255
    assert ssim(*small, span=1) == pytest.approx(ssim(one, other), abs=1e-9)
    assert psnr(*small, span=1) == pytest.approx(psnr(one, other), abs=1e-9)


@pytest.mark.parametrize(("side", "scales"), [(10, 0), (16, 1), (28, 2), (64, 3), (176, 5)])
def test_ms_ssim_has_the_scales_that_the_window_fits_into(side: int, scales: int) -> None:
    assert scales_of(side) == scales


def test_ms_ssim_of_one_scale_is_ssim_of_each_channel() -> None:
    one, other = (images[:, :16, :16, :1] for images in pair())
    assert ms_ssim(one, other) == pytest.approx(ssim(one, other).clip(0))


def test_ms_ssim_agrees_with_its_definition() -> None:
    ndimage = reference("scipy.ndimage")
    one, other = (images[:2, ..., :1] for images in pair())

    def mean(x: np.ndarray) -> np.ndarray:
        whole = ndimage.gaussian_filter(x, 1.5, radius=5)
        return whole[5:-5, 5:-5]

    def expected(x: np.ndarray, y: np.ndarray) -> float:
        value, c1, c2 = 1.0, 2.55**2, 7.65**2
        for scale, weight in enumerate(SCALES[:3]):
            mx, my = mean(x), mean(y)
            spread = mean(x * x) - mx**2 + mean(y * y) - my**2
            terms = (2 * (mean(x * y) - mx * my) + c2) / (spread + c2)
            if scale == 2:
                terms = terms * (2 * mx * my + c1) / (mx**2 + my**2 + c1)
            value *= terms.mean() ** (weight / sum(SCALES[:3]))
            x, y = (v.reshape(len(v) // 2, 2, -1, 2).mean((1, 3)) for v in (x, y))
        return value

    pairs = zip(one[..., 0].astype(float), other[..., 0].astype(float), strict=True)
    assert ms_ssim(one, other) == pytest.approx([expected(x, y) for x, y in pairs], abs=1e-9)


def test_the_pyramid_sums_up_to_the_image() -> None:
    images = torch.rand(2, 3, 64, 64)
    levels = laplacian_pyramid(images)
    assert [level.shape[-1] for level in levels] == [64, 32, 16]
    torch.testing.assert_close(levels[0] + up(levels[1] + up(levels[2])), images)


def distances(real: np.ndarray, fake: np.ndarray, **quick: int) -> dict[int, float]:
    levels = swd_levels(real, fake, **quick)
    return {side: level.distance for side, level in levels.items()}


def test_band_passes_of_a_flat_image_are_empty() -> None:
    levels = laplacian_pyramid(torch.full((1, 3, 64, 64), 100.0))
    assert [float(level.abs().max()) for level in levels] == pytest.approx([0, 0, 100], abs=1e-4)


def test_the_smoothing_kernel_is_the_binomial_one() -> None:
    spot = torch.zeros(1, 1, 64, 64)
    spot[..., 32, 32] = 256
    found = laplacian_pyramid(spot)[0]
    (lowpass,) = (spot - found)[0]
    ndimage = reference("scipy.ndimage")
    taps = np.array([1, 4, 6, 4, 1]) / 16
    smooth = ndimage.correlate(spot[0, 0].numpy(), np.outer(taps, taps), mode="mirror")
    spread = np.zeros((64, 64))
    spread[::2, ::2] = smooth[::2, ::2]
    expected = 4 * ndimage.correlate(spread, np.outer(taps, taps), mode="mirror")
    np.testing.assert_allclose(lowpass.numpy(), expected, atol=1e-4)


def test_patches_of_equal_images_differ_only_by_chance() -> None:
    images = sprites(0, 100)
    same = distances(images, images, patches=32, projections=64)
    worse = distances(images, blurred(images, 2), patches=32, projections=64)
    assert list(same) == [64, 32, 16]
    assert worse[64] > 5 * same[64]


def test_sliced_wasserstein_of_one_dimension_is_that_of_scipy() -> None:
    random = np.random.default_rng(0)
    x, y = random.normal(size=500), random.normal(1, 2, size=500)
    one, other = (torch.from_numpy(v).float()[:, None] for v in (x, y))
    found = _sliced(one, other, 3, torch.Generator())
    expected = reference("scipy.stats").wasserstein_distance(x, y)
    assert found == pytest.approx(expected, rel=1e-4)


def test_swd_grows_with_damage_and_is_the_mean_of_its_levels() -> None:
    real, base = sprites(0, 100), sprites(100, 100)
    quick = {"patches": 32, "projections": 64}
    found = [sliced_wasserstein(real, noisy(base, s), **quick) for s in (0, 10, 40)]
    assert found == sorted(found) and found[2] > 2 * found[0]
    levels = distances(real, noisy(base, 40), **quick)
    assert found[2] == pytest.approx(np.mean(list(levels.values())))


def test_the_deviation_of_swd_is_about_that_of_repeated_measurements() -> None:
    random = np.random.default_rng(0)
    quick = {"patches": 16, "projections": 64}

    def images(count: int, contrast: float) -> np.ndarray:
        """Noise; how coarse it is differs from image to image."""
        fine, coarse = random.normal(size=(2, count, 32, 32, 1))
        coarse = coarse[:, ::4, ::4].repeat(4, 1).repeat(4, 2)
        share = random.uniform(0, contrast, size=(count, 1, 1, 1))
        return (128 + 30 * (fine + share * coarse)).clip(0, 255).astype(np.uint8)

    for contrast, side in ((1.0, 32), (4.0, 16)):  # no difference; a difference, where it is
        found = [swd_levels(images(40, 1.0), images(40, contrast), **quick) for _ in range(16)]
        spread = np.std([levels[side].distance for levels in found], ddof=1)
        said = np.mean([of_left_out(levels[side].without) for levels in found])
        assert 0.6 < said / spread < 2.5, (contrast, side)
    few = swd_levels(images(5, 1), images(7, 1), **quick)[16].without
    assert len(few) == 5 and few.std() > 0


def test_swd_ignores_brightness_and_contrast_of_each_channel() -> None:
    real, base = sprites(0, 60) // 4, sprites(100, 60) // 4
    quick = {"patches": 16, "projections": 32}
    changed = (base * [1, 2, 3] + [50, 20, 0]).astype(np.uint8)
    expected = distances(real, base, **quick)
    assert distances(real, changed, **quick) == pytest.approx(expected, rel=1e-3)


def test_swd_looks_at_no_more_images_than_asked_and_is_repeatable() -> None:
    real, fake = sprites(0, 70), sprites(100, 80)
    quick = {"images": 64, "patches": 16, "projections": 32}
    assert distances(real, fake, **quick) == distances(real, fake, **quick)
    assert distances(real, fake, **quick) != distances(real, fake, **quick, seed=1)
    assert set(distances(real[:, :28, :28, :1], fake[:, :28, :28, :1], **quick)) == {28}
