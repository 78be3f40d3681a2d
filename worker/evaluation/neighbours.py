"""What nearest neighbours tell of two clouds of features: do they cover each other, is one copied.

Precision and recall: arXiv 1904.06991, k = 3; density and coverage: 2002.09797, k = 5. A point is
inside a ball when its distance is at most (`<=`) the radius, the distance from the centre to its
k-th nearest neighbour on its own side. Copies: 2004.05675; authenticity: 2102.08921. Matrices of
distances are made in blocks, in float64, whatever the counts; results are
allocated before the blocks, or small pieces of them would keep freed blocks from being reused.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from worker.evaluation import chance
from worker.evaluation.distances import chunks

SAME = 1e-12  # of the squared lengths: a smaller squared distance is rounding, and counts as zero


@dataclass(frozen=True, kw_only=True)
class Overlap:
    """How two clouds lie over each other, all 0..1 but the density, which may pass 1.

    `density_sd` is the deviation of the density, a mean over the fakes.
    """

    precision: float
    recall: float
    density: float
    density_sd: float
    coverage: float


def overlap(real: np.ndarray, fake: np.ndarray, *, k: int = 3, k_density: int = 5) -> Overlap:
    """All four of features [N, d] and [M, d]; both sides need more than the larger k."""
    x, y = _pair(real, fake)
    radii = _radii(x, (k, k_density))
    (fake_radii,) = _radii(y, (k,))
    inside = torch.zeros(len(y), dtype=torch.bool)  # fake in a ball of a real
    counts = torch.zeros(len(y), dtype=torch.int64)  # balls of reals around a fake
    recalled, covered = torch.empty(2, len(x), dtype=torch.bool)
    for part, squared in _blocks(x, y):
        inside |= (squared <= radii[0][part, None]).any(0)
        within = squared <= radii[1][part, None]
        counts += within.sum(0)
        covered[part] = within.any(1)
        recalled[part] = (squared <= fake_radii).any(1)
    return Overlap(
        precision=_share(inside),
        recall=_share(recalled),
        density=float(counts.double().mean()) / k_density,
        density_sd=chance.of_mean(counts.numpy() / k_density),
        coverage=_share(covered),
    )


def coverage(real: np.ndarray, fake: np.ndarray, k: int = 5) -> float:
    """Share of the real features [N, d] with a fake one of [M, d] among their k nearest."""
    x, y = _pair(real, fake)
    (radii,) = _radii(x, (k,))
    parts = [squared.amin(1) <= radii[part] for part, squared in _blocks(x, y)]
    return _share(torch.cat(parts))


def nearest(
    fake_features: np.ndarray, train_features: np.ndarray, k: int = 1
) -> tuple[np.ndarray, np.ndarray]:
    """The k nearest training images of each fake, nearest first.

    Returns indices int64 [M, k] and distances float64 [M, k].
    """
    x, y = _pair(fake_features, train_features)
    indices = torch.empty(len(x), k, dtype=torch.int64)
    distances = torch.empty(len(x), k, dtype=torch.float64)
    for part, squared in _blocks(x, y):
        distances[part], indices[part] = squared.topk(k, dim=1, largest=False)
    return indices.numpy(), distances.sqrt_().numpy()


def lone_distances(features: np.ndarray) -> np.ndarray:
    """float64 [N]: how far each is from its nearest other one."""
    x, _ = _pair(features, features)
    return _radii(x, (1,))[0].sqrt().numpy()


def copied_share(fake: np.ndarray, reference: np.ndarray, percentile: float = 1) -> float:
    """Share of the fakes as near to training as that percentile of honest images, or nearer.

    Both are distances to the nearest training image, [M] and [H]. As many fakes as
    `percentile`/100 are so near by chance.
    """
    return float((fake <= np.percentile(reference, percentile)).mean())


def copied_rank(fake: np.ndarray, reference: np.ndarray) -> float:
    """P(a fake is nearer to training than an honest image), ties count half: 0.5 when honest.

    The Mann-Whitney statistic of the distances [M] and [H] over its largest value.
    """
    return float(_beyond(reference, fake).mean())


def copied_rank_deviation(fake: np.ndarray, reference: np.ndarray) -> float:
    """Of `copied_rank`, both sides at least 2: DeLong, DeLong and Clarke-Pearson 1988."""
    parts = _beyond(reference, fake), _beyond(fake, reference)
    return math.hypot(*map(chance.of_mean, parts))


def _beyond(values: np.ndarray, others: np.ndarray) -> np.ndarray:
    """The share of `others` that is smaller than each value; equal ones count half."""
    ordered = np.sort(others)
    smaller = np.searchsorted(ordered, values, "left")
    at_most = np.searchsorted(ordered, values, "right")
    return (smaller + at_most) / (2 * len(others))


def authentic_percent(indices: np.ndarray, distances: np.ndarray, lone: np.ndarray) -> float:
    """Percentage of fakes that are farther from their nearest training image than that image is
    from its nearest other one. indices, distances: [M] of the nearest; lone: [N]."""
    return 100 * float((distances > lone[indices]).mean())


def _pair(x: np.ndarray, y: np.ndarray) -> tuple[Tensor, Tensor]:
    """Both in float64 around the mean of the second: smaller numbers, smaller errors."""
    assert x.ndim == y.ndim == 2 and x.shape[1] == y.shape[1], (x.shape, y.shape)
    centre = y.mean(0, dtype=np.float64)
    return torch.from_numpy(x - centre), torch.from_numpy(y - centre)


def _blocks(x: Tensor, y: Tensor) -> Iterator[tuple[slice, Tensor]]:
    """Rows of the matrix of squared distances, [part of N, M]."""
    of_x, of_y = x.square().sum(1), y.square().sum(1)
    for part in chunks(len(x), len(y)):
        lengths = of_x[part, None] + of_y
        squared = torch.addmm(lengths, x[part], y.T, alpha=-2)
        yield part, squared.masked_fill_(squared < lengths.mul_(SAME), 0.0)


def _radii(x: Tensor, ks: tuple[int, ...]) -> list[Tensor]:
    """Squared distances [N] to the k-th nearest other point, for every k."""
    assert len(x) > max(ks), f"{len(x)} images are too few for {max(ks)} neighbours of each"
    radii = torch.empty(len(x), max(ks), dtype=torch.float64)
    for part, squared in _blocks(x, x):
        row = torch.arange(len(squared))
        squared[row, row + part.start] = torch.inf  # not its own neighbour
        radii[part] = squared.topk(max(ks), dim=1, largest=False).values
    return [radii[:, k - 1].contiguous() for k in ks]


def _share(flags: Tensor) -> float:
    return float(flags.double().mean())
