"""Kernel and Frechet distance against closed forms and other implementations."""

import numpy as np
import pytest
import scipy.linalg
import torch
from torch import Tensor, nn

from tests.worker.drawings import noisy, sprites
from tests.worker.references import reference
from worker.evaluation import chance, distances
from worker.evaluation.distances import (
    Moments,
    frechet_deviation,
    frechet_distance,
    frechet_of_moments,
    kernel_distance,
    moments,
)
from worker.evaluation.spaces import rand64
from worker.tasks import pixels


def clouds(n: int, m: int, d: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Two correlated clouds around different places, float32."""
    random = np.random.default_rng(seed)
    mix = random.normal(size=(d, d)) / np.sqrt(d)
    x, y = random.normal(size=(n, d)), random.normal(0.2, 1.1, size=(m, d))
    return (x @ mix).astype(np.float32), (y @ mix).astype(np.float32)


def gaussian(mean: np.ndarray, variances: np.ndarray, basis: np.ndarray) -> Moments:
    return Moments(mean=mean, covariance=(basis * variances) @ basis.T)


def test_frechet_distance_of_commuting_gaussians() -> None:
    random = np.random.default_rng(0)
    basis, _ = np.linalg.qr(random.normal(size=(20, 20)))
    a, b = random.uniform(0.1, 3, 20), random.uniform(0.1, 3, 20)
    one, other = random.normal(size=(2, 20))
    expected = ((one - other) ** 2).sum() + ((a - b) ** 2).sum()
    found = frechet_of_moments(gaussian(one, a**2, basis), gaussian(other, b**2, basis))
    assert found == pytest.approx(expected, rel=1e-9)


def test_frechet_distance_of_a_cloud_to_itself_is_zero_and_moved_it_is_the_way_squared() -> None:
    x, _ = clouds(300, 1, 16)
    x = x.astype(np.float64)
    way = np.linspace(-1, 2, 16)
    trace = np.trace(np.cov(x, rowvar=False))
    assert frechet_distance(x, x) == pytest.approx(0, abs=1e-6 * trace)
    assert frechet_distance(x, x + way) == pytest.approx((way**2).sum(), rel=1e-6)


def test_covariance_is_divided_by_one_less_than_the_count() -> None:
    assert moments(np.array([[0.0], [2.0]])).covariance == pytest.approx(2)


@pytest.mark.parametrize("count", [300, 40])  # with 40 images of 64 features the rank is not full
def test_frechet_distance_agrees_with_others(count: int) -> None:
    x, y = clouds(count, count, 64)
    ours, one, other = frechet_distance(x, y), moments(x), moments(y)
    fid = reference("torch_fidelity.metric_fid")
    stats = [{"mu": m.mean, "sigma": m.covariance} for m in (one, other)]
    theirs = fid.fid_statistics_to_metric(*stats, verbose=False)
    assert ours == pytest.approx(next(iter(theirs.values())), rel=1e-7)
    torchmetrics = reference("torchmetrics.image.fid")
    tensors = [torch.from_numpy(a) for m in (one, other) for a in (m.mean, m.covariance)]
    assert ours == pytest.approx(float(torchmetrics._compute_fid(*tensors)), rel=1e-7)


def test_frechet_distance_agrees_with_the_matrix_square_root() -> None:
    x, y = clouds(300, 200, 16)
    one, other = moments(x), moments(y)
    root = np.real(np.asarray(scipy.linalg.sqrtm(one.covariance @ other.covariance)))
    expected = ((one.mean - other.mean) ** 2).sum() + np.trace(
        one.covariance + other.covariance - 2 * root
    )
    assert frechet_distance(x, y) == pytest.approx(expected, rel=1e-9)


def test_frechet_distance_from_images_agrees_with_torchmetrics() -> None:
    class Network(nn.Module):
        num_features = 64

        def forward(self, images: Tensor) -> Tensor:
            return rand64().features_of(pixels(images.permute(0, 2, 3, 1)))

    torchmetrics = reference("torchmetrics.image.fid")
    real, fake = sprites(0, 100), noisy(sprites(100, 100), 20)
    theirs = torchmetrics.FrechetInceptionDistance(feature=Network()).set_dtype(torch.float64)
    for images, is_real in ((real, True), (fake, False)):
        theirs.update(torch.from_numpy(images.copy()).permute(0, 3, 1, 2), real=is_real)
    ours = frechet_distance(rand64().features(real), rand64().features(fake))
    assert ours == pytest.approx(float(theirs.compute()), rel=1e-5)


def test_kernel_distance_of_three_points_by_hand() -> None:
    x, y = np.array([[0.0], [1.0], [2.0]]), np.array([[1.0], [1.0], [3.0]])
    # k = (xy + 1)^3; within x: 1, 1, 27; within y: 8, 64, 64; across: 1 1 1, 8 8 64, 27 27 343
    expected = (1 + 1 + 27) / 3 + (8 + 64 + 64) / 3 - 2 * (3 + 80 + 397) / 9
    assert kernel_distance(x, y)[0] == pytest.approx(expected, rel=1e-12)


def test_kernel_distance_agrees_with_torch_fidelity() -> None:
    x, y = clouds(500, 500, 64)
    kid = reference("torch_fidelity.metric_kid")
    theirs = kid.kid_features_to_metric(
        torch.from_numpy(x), torch.from_numpy(y), kid_subsets=1, kid_subset_size=500, verbose=False
    )
    # They compute in the type of the features, we always in float64: in float32 they round.
    assert kernel_distance(x, y)[0] == pytest.approx(theirs[kid.KEY_METRIC_KID_MEAN], rel=5e-6)
    exact = [torch.from_numpy(a.astype(np.float64)) for a in (x, y)]
    theirs = kid.kid_features_to_metric(*exact, kid_subsets=1, kid_subset_size=500, verbose=False)
    assert kernel_distance(x, y)[0] == pytest.approx(theirs[kid.KEY_METRIC_KID_MEAN], rel=1e-10)


def test_kernel_distance_is_zero_on_average_between_equal_distributions() -> None:
    random = np.random.default_rng(0)
    found = np.array([kernel_distance(*random.normal(size=(2, 200, 8)))[0] for _ in range(20)])
    assert abs(found.mean()) < 3 * found.std() / np.sqrt(len(found))
    assert found.min() < 0 < found.max()


def test_the_deviation_is_that_of_repeated_measurements() -> None:
    found, said = zip(
        *(kernel_distance(*clouds(200, 300, 8, seed)) for seed in range(1)), strict=True
    )
    random = np.random.default_rng(0)
    pairs = [
        kernel_distance(random.normal(size=(200, 8)), random.normal(0.7, 1, size=(300, 8)))
        for _ in range(50)
    ]
    found, said = np.array(pairs).T
    assert said.mean() == pytest.approx(found.std(), rel=0.3)


def test_the_deviation_is_the_jackknife_of_the_distance() -> None:
    x, y = clouds(12, 9, 4)
    without = [
        [kernel_distance(np.delete(x, i, 0), y)[0] for i in range(12)],
        [kernel_distance(x, np.delete(y, i, 0))[0] for i in range(9)],
    ]
    variance = sum((len(v) - 1) * np.var(v) for v in without)
    assert kernel_distance(x, y)[1] == pytest.approx(np.sqrt(variance), rel=1e-9)


def test_kernel_distance_does_not_depend_on_blocks_or_order(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    x, y = clouds(130, 70, 8)
    whole = kernel_distance(x, y)
    monkeypatch.setattr(distances, "CHUNK_BYTES", 8 * 130 * 7)
    assert kernel_distance(x, y) == pytest.approx(whole, rel=1e-10)
    assert kernel_distance(x[::-1], y[::-1]) == pytest.approx(whole, rel=1e-10)


@pytest.mark.parametrize("shift", [0.0, 0.5])
def test_the_deviation_of_frechet_is_about_that_of_repeated_measurements(shift: float) -> None:
    random = np.random.default_rng(0)
    pairs = [
        (random.normal(size=(300, 8)), random.normal(shift, 1, size=(400, 8))) for _ in range(40)
    ]
    spread = np.std([frechet_distance(*pair) for pair in pairs], ddof=1)
    said = np.mean([frechet_deviation(*pair) for pair in pairs])
    assert 0.6 < said / spread < 1.7


def test_the_deviation_of_a_mean_by_groups_is_that_of_a_mean() -> None:
    random = np.random.default_rng(0)
    x, y = random.normal(size=4000), random.normal(size=1000)
    found = chance.of_groups(lambda one, other: float(one.mean() - other.mean()), x, y)
    assert found == pytest.approx(np.hypot(chance.of_mean(x), chance.of_mean(y)), rel=0.4)
    assert sorted(np.bincount(chance.groups(43, 20))) == [2] * 17 + [3] * 3
