"""How far apart two clouds of features are: kernel distance and Frechet distance.

Kernel distance (arXiv 1801.01401): the unbiased squared MMD with k(x, y) = (x.y / d + 1)^3, over
all pairs; near zero it may be slightly negative. Frechet distance (1706.08500): between Gaussians
of the same mean and covariance. It knows no images.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from worker.evaluation import chance

CHUNK_BYTES = 2**24  # of one block of a distance matrix; a few exist at a time


def chunks(count: int, columns: int) -> Iterator[slice]:
    """Slices of 0..count such that float64 [slice, columns] stays below CHUNK_BYTES."""
    step = max(1, CHUNK_BYTES // (8 * max(1, columns)))
    return (slice(start, start + step) for start in range(0, count, step))


def kernel_distance(real: np.ndarray, fake: np.ndarray) -> tuple[float, float]:
    """MMD^2 of features [N, d] and [M, d], N and M at least 3, and its standard deviation.

    The deviation is the two-sample jackknife: every image left out once. When both sides come from
    one distribution it is too large rather than too small.
    """
    x, y = _doubles(real), _doubles(fake)
    n, m = len(x), len(y)
    assert min(n, m) >= 3 and x.shape[1] == y.shape[1], (x.shape, y.shape)
    xx, yy = _sums(x, x)[0] - _diagonal(x), _sums(y, y)[0] - _diagonal(y)
    xy, yx = _sums(x, y)
    within_x, within_y = xx.sum() / (n * (n - 1)), yy.sum() / (m * (m - 1))
    across = xy.sum() / (n * m)
    # The same three terms without image i, for every i of x, then of y.
    no_x = (xx.sum() - 2 * xx) / ((n - 1) * (n - 2)) - 2 * (xy.sum() - xy) / ((n - 1) * m)
    no_y = (yy.sum() - 2 * yy) / ((m - 1) * (m - 2)) - 2 * (yx.sum() - yx) / ((m - 1) * n)
    variance = (n - 1) * no_x.var(correction=0) + (m - 1) * no_y.var(correction=0)
    return float(within_x + within_y - 2 * across), math.sqrt(float(variance))


@dataclass(frozen=True, kw_only=True)
class Moments:
    """Mean [d] and covariance [d, d] (divided by N - 1) of features, float64."""

    mean: np.ndarray
    covariance: np.ndarray


def moments(features: np.ndarray) -> Moments:
    """Of features [N, d], N at least 2; computed in float64."""
    assert len(features) >= 2, features.shape
    doubles = features.astype(np.float64)
    return Moments(mean=doubles.mean(0), covariance=np.atleast_2d(np.cov(doubles, rowvar=False)))


def frechet_distance(real: np.ndarray, fake: np.ndarray) -> float:
    """|mu1 - mu2|^2 + tr(S1 + S2 - 2 (S1 S2)^(1/2)) of features [N, d] and [M, d].

    Biased upwards when there are few images: compare at equal counts only.
    """
    return frechet_of_moments(moments(real), moments(fake))


def frechet_deviation(real: np.ndarray, fake: np.ndarray) -> float:
    """The standard deviation of `frechet_distance`, N and M at least 3; see `chance.of_groups`."""
    return chance.of_groups(frechet_distance, real, fake)


def frechet_of_moments(one: Moments, other: Moments) -> float:
    """The same from moments. tr (S1 S2)^(1/2) is the sum of the singular values of
    S1^(1/2) S2^(1/2): the roots of the eigenvalues of S1^(1/2) S2 S1^(1/2), without squaring."""
    product = _root(one.covariance) @ _root(other.covariance)
    cross = np.linalg.svd(product, compute_uv=False).sum()
    shift = np.square(one.mean - other.mean).sum()
    return float(shift + np.trace(one.covariance) + np.trace(other.covariance) - 2 * cross)


def _root(covariance: np.ndarray) -> np.ndarray:
    """The symmetric square root; eigenvalues below zero are rounding and count as zero."""
    values, vectors = np.linalg.eigh(covariance)
    return (vectors * np.sqrt(values.clip(0))) @ vectors.T


def _doubles(features: np.ndarray) -> Tensor:
    return torch.from_numpy(np.array(features, np.float64))


def _sums(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """The sums of k(x_i, y_j) over j, [N], and over i, [M]."""
    rows, columns = (torch.zeros(len(side), dtype=torch.float64) for side in (x, y))
    for part in chunks(len(x), len(y)):
        block = _kernel(x[part] @ y.T, x.shape[1])
        rows[part] = block.sum(1)
        columns += block.sum(0)
    return rows, columns


def _diagonal(x: Tensor) -> Tensor:
    return _kernel(x.square().sum(1), x.shape[1])


def _kernel(products: Tensor, dim: int) -> Tensor:
    return products.div_(dim).add_(1).pow_(3)
