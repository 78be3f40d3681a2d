"""Figures of nearest neighbours against closed forms, definitions and other implementations."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.worker.references import reference
from worker.evaluation import distances
from worker.evaluation.neighbours import (
    authentic_percent,
    copied_rank,
    copied_rank_deviation,
    copied_share,
    coverage,
    lone_distances,
    nearest,
    overlap,
)

ROOT = Path(__file__).parents[2]


def cloud(count: int, seed: int, at: float = 0.0, d: int = 8) -> np.ndarray:
    return np.random.default_rng(seed).normal(at, 1, (count, d)).astype(np.float32)


def test_equal_sets_overlap_wholly() -> None:
    x = cloud(200, 0)
    found = overlap(x, x)
    assert (found.precision, found.recall, found.coverage) == (1, 1, 1)
    # Every point is inside its own ball and on average in five others, their rims included.
    assert found.density == pytest.approx(6 / 5)


def test_distant_sets_do_not_overlap() -> None:
    found = overlap(cloud(100, 0), cloud(100, 1, at=50))
    assert set(vars(found).values()) == {0}


def test_collapsed_fakes_are_precise_and_recall_nothing() -> None:
    real = cloud(300, 0)
    fake = real[np.linalg.norm(real, axis=1).argmin()] + 0.01 * cloud(300, 1)
    found = overlap(real, fake)
    assert found.precision == 1 and found.recall < 0.05 and found.coverage < 0.2
    assert found.density > 1  # crowded where reals are dense


def test_what_lies_on_the_rim_is_inside() -> None:
    real = np.arange(8.0)[:, None]
    assert overlap(real, real + 1000, k=1, k_density=1).precision == 0
    fake = np.array([[-1.0], [-1.0], [-1.0], [-5.0]])  # the first three: 1 from the real at 0
    assert overlap(real, fake, k=1, k_density=1).precision == 3 / 4
    assert coverage(real, fake, k=1) == overlap(real, fake, k=1, k_density=1).coverage == 1 / 8


def test_duplicates_lie_inside_balls_of_radius_zero() -> None:
    real = np.repeat(cloud(20, 0), 7, axis=0)
    found = overlap(real, real[::7])
    assert (found.precision, found.coverage) == (1, 1)
    assert lone_distances(real).max() == 0


@pytest.mark.parametrize("at", [0.0, 0.7])
def test_precision_and_recall_agree_with_torch_fidelity(at: float) -> None:
    real, fake = cloud(400, 0), cloud(300, 1, at=at)
    prc = reference("torch_fidelity.metric_prc")
    tensors = [torch.from_numpy(a.astype(np.float64)) for a in (fake, real)]
    theirs = prc.calculate_precision_recall_full(*tensors)
    found = overlap(real, fake)
    assert (found.precision, found.recall) == pytest.approx(theirs, abs=1e-6)
    assert 0.05 < found.recall < 1 and 0.05 < found.precision < 1


@pytest.mark.parametrize("k", [3, 5])
@pytest.mark.filterwarnings("ignore")
def test_all_four_agree_with_prdc(k: int) -> None:
    real, fake = cloud(400, 0), cloud(300, 1, at=0.5)
    prdc = reference("prdc")
    theirs = prdc.compute_prdc(real.astype(np.float64), fake.astype(np.float64), nearest_k=k)
    found = vars(overlap(real, fake, k=k, k_density=k))
    assert {name: found[name] for name in theirs} == pytest.approx(theirs, abs=1e-12)
    assert coverage(real, fake, k=k) == pytest.approx(theirs["coverage"], abs=1e-12)


def test_nearest_agrees_with_scikit_learn() -> None:
    fake, train = cloud(50, 0), cloud(200, 1, at=3)
    neighbors = reference("sklearn.neighbors")
    d, i = neighbors.NearestNeighbors(algorithm="brute").fit(train).kneighbors(fake, 4)
    indices, found = nearest(fake, train, k=4)
    np.testing.assert_array_equal(indices, i)
    np.testing.assert_allclose(found, d, rtol=1e-5)
    d, _ = neighbors.NearestNeighbors(algorithm="brute").fit(train).kneighbors(None, 1)
    np.testing.assert_allclose(lone_distances(train), d[:, 0], rtol=1e-5)


def test_blocks_and_order_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    real, fake = cloud(120, 0), cloud(90, 1, at=0.5)
    whole, near, lone = overlap(real, fake), nearest(fake, real), lone_distances(real)
    monkeypatch.setattr(distances, "CHUNK_BYTES", 8 * 120 * 7)
    assert vars(overlap(real, fake)) == pytest.approx(vars(whole))
    assert vars(overlap(real[::-1], fake[::-1])) == pytest.approx(vars(whole))
    np.testing.assert_array_equal(nearest(fake, real)[0], near[0])
    np.testing.assert_allclose(lone_distances(real), lone, rtol=1e-9)


MEMORY = """
import resource, numpy, torch, worker.evaluation.distances
worker.evaluation.distances.CHUNK_BYTES = 2**22
from worker.evaluation.distances import kernel_distance
from worker.evaluation.neighbours import nearest, overlap
torch.set_num_threads(1)
x = numpy.random.default_rng(0).normal(size=(4000, 8))
def most():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
overlap(x[:500], x[:500]), nearest(x[:500], x[:500]), kernel_distance(x[:500], x[:500])
before = most()
overlap(x, x), nearest(x, x), kernel_distance(x, x)
print(most() - before)
"""


def test_no_matrix_of_all_distances_is_kept_in_memory() -> None:
    done = subprocess.run(
        [sys.executable, "-c", MEMORY], cwd=ROOT, check=True, capture_output=True, text=True
    )
    assert int(done.stdout) < 90  # MB; one whole matrix is 122


def test_a_far_origin_costs_no_digits() -> None:
    real, fake = (np.round(cloud(100, seed).astype(np.float64), 3) for seed in (0, 1))
    near, moved = nearest(fake, real), nearest(fake + 1e4, real + 1e4)
    np.testing.assert_allclose(moved[1], near[1], rtol=1e-6)


def test_copied_share_is_one_for_copies_and_a_hundredth_for_honest_images() -> None:
    train, honest, other = cloud(500, 0), cloud(1000, 1), cloud(1000, 2)
    reference_distances = nearest(honest, train)[1][:, 0]
    assert copied_share(nearest(train, train)[1][:, 0], reference_distances) == 1
    assert copied_share(reference_distances, reference_distances) == pytest.approx(0.01)
    found = copied_share(nearest(other, train)[1][:, 0], reference_distances)
    assert found == pytest.approx(0.01, abs=0.01)


def test_copied_rank_counts_pairs_with_ties_as_half() -> None:
    fake, honest = np.array([1.0, 2.0, 2.0, 5.0]), np.array([2.0, 3.0, 0.5])
    pairs = [(f < h) + 0.5 * (f == h) for f in fake for h in honest]
    assert copied_rank(fake, honest) == pytest.approx(np.mean(pairs))
    mann_whitney = reference("scipy.stats").mannwhitneyu(honest, fake).statistic
    assert copied_rank(fake, honest) == pytest.approx(mann_whitney / 12)


def test_authentic_percent_by_hand() -> None:
    train = np.array([[0.0], [1.0], [10.0]])  # nearest others: 1, 1, 9
    fake = np.array([[0.4], [-1.5], [30.0]])  # to the nearest: 0.4, 1.5, 20
    indices, found = nearest(fake, train)
    percent = authentic_percent(indices[:, 0], found[:, 0], lone_distances(train))
    assert percent == pytest.approx(200 / 3)


def test_too_few_images_are_our_own_mistake() -> None:
    with pytest.raises(AssertionError, match="too few"):
        overlap(cloud(5, 0), cloud(50, 1))


def test_deviations_of_density_and_rank_are_about_those_of_repeated_measurements() -> None:
    random = np.random.default_rng(0)
    real = random.normal(size=(600, 4))
    found = [overlap(real, random.normal(0.3, 1, size=(200, 4))) for _ in range(40)]
    said = np.mean([each.density_sd for each in found])
    assert said == pytest.approx(np.std([each.density for each in found], ddof=1), rel=0.4)
    pairs = [(random.normal(size=80), random.normal(0.5, 1, size=120)) for _ in range(200)]
    spread = np.std([copied_rank(*pair) for pair in pairs], ddof=1)
    said = np.mean([copied_rank_deviation(*pair) for pair in pairs])
    assert said == pytest.approx(spread, rel=0.2)
