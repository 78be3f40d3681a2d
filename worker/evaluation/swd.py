"""Sliced Wasserstein distance of patches, without any network: comparable with literature.

As in progressive growing, arXiv 1710.10196: a Laplacian pyramid down to 16 px, 128 random 7x7
patches per image and level, every channel normalised, 4 x 128 random projections, the mean
difference of the sorted projections, times 1000. Published figures use 8192 images or more; fewer
images give larger figures, also for reals against reals.
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import conv2d, pad

from worker.evaluation import chance

IMAGES = 512  # of each side; the time is proportional to them
PATCH = 7
SMALLEST = 16
CHUNK = 64
GROUPS, GROUP_PROJECTIONS = 10, 32  # of images that are left out in turn, to learn what is chance
TAPS = torch.tensor([1.0, 4.0, 6.0, 4.0, 1.0]) / 16  # the smoothing kernel of the pyramid


def sliced_wasserstein(
    real_images: np.ndarray,
    fake_images: np.ndarray,
    *,
    images: int = IMAGES,
    patches: int = 128,
    projections: int = 512,
    seed: int = 0,
) -> float:
    """The mean over the levels of `swd_levels`."""
    counts = {"images": images, "patches": patches, "projections": projections}
    levels = swd_levels(real_images, fake_images, **counts, seed=seed, groups=0)
    return float(np.mean([level.distance for level in levels.values()]))


@dataclass(frozen=True, kw_only=True)
class Level:
    """One level of the pyramid: the distance, and what it is without one group of images each,
    in fewer directions; see `chance.of_left_out`. Near zero the deviation is rather too large."""

    distance: float
    without: np.ndarray  # [groups]


def swd_levels(
    real_images: np.ndarray,
    fake_images: np.ndarray,
    *,
    images: int = IMAGES,
    patches: int = 128,
    projections: int = 512,
    seed: int = 0,
    groups: int = GROUPS,
) -> dict[int, Level]:
    """Distances x 1000 by side of the level, largest first; images uint8 [N, H, W, C], squares.

    At most `images` of each side are used, equally many, chosen by `seed`.
    """
    assert real_images.shape[1:] == fake_images.shape[1:], (real_images.shape, fake_images.shape)
    count = min(images, len(real_images), len(fake_images))
    random = np.random.Generator(np.random.Philox(key=seed))
    sides = [_patches(x, count, patches, random) for x in (real_images, fake_images)]
    rng = torch.Generator().manual_seed(seed)
    groups = min(groups, count)
    where = torch.from_numpy(chance.groups(count, max(1, groups)))
    found = {}
    for side in sides[0]:
        x, y = (cut[side] for cut in sides)
        distance = 1000 * _sliced(_normalised(x), _normalised(y), projections, rng)
        found[side] = Level(distance=distance, without=_without(x, y, where, groups, seed))
    return found


def laplacian_pyramid(images: Tensor) -> list[Tensor]:
    """float [N, C, H, W] -> band-passes, and last what remains of at least 16 px. Sums up again:
    images = level[0] + up(level[1] + up(...))."""
    levels = []
    while images.shape[-1] % 2 == 0 and images.shape[-1] // 2 >= SMALLEST:
        smaller = _smooth(images)[..., ::2, ::2]
        levels.append(images - up(smaller))
        images = smaller
    return [*levels, images]


def up(images: Tensor) -> Tensor:
    """float [N, C, H, W] -> [N, C, 2H, 2W]: zeros in between, then smoothed."""
    n, c, h, w = images.shape
    spread = images.new_zeros(n, c, 2 * h, 2 * w)
    spread[..., ::2, ::2] = images
    return 4 * _smooth(spread)


def _smooth(images: Tensor) -> Tensor:
    """Binomial 5x5, separable; the border mirrored."""
    c = images.shape[1]
    padded = pad(images, (2, 2, 2, 2), mode="reflect")
    rows = conv2d(padded, TAPS.view(1, 1, 5, 1).expand(c, 1, 5, 1), groups=c)
    return conv2d(rows, TAPS.view(1, 1, 1, 5).expand(c, 1, 1, 5), groups=c)


def _patches(
    images: np.ndarray, count: int, patches: int, random: np.random.Generator
) -> dict[int, Tensor]:
    """By side of the level: float32 [count * patches, C, 7, 7] of `count` images."""
    chosen = np.sort(random.permutation(len(images))[:count])
    found: dict[int, list[Tensor]] = {}
    for start in range(0, count, CHUNK):
        part = torch.from_numpy(np.array(images[chosen[start : start + CHUNK]]))
        for level in laplacian_pyramid(part.permute(0, 3, 1, 2).float()):
            found.setdefault(level.shape[-1], []).append(_cut(level, patches, random))
    return {side: torch.cat(parts) for side, parts in found.items()}


def _cut(level: Tensor, patches: int, random: np.random.Generator) -> Tensor:
    """[N, C, H, W] -> [N * patches, C, 7, 7] from random places."""
    n, _, h, w = level.shape
    windows = level.unfold(2, PATCH, 1).unfold(3, PATCH, 1)  # [N, C, h', w', 7, 7]
    y, x = (torch.from_numpy(random.integers(s - PATCH + 1, size=n * patches)) for s in (h, w))
    return windows[torch.arange(n).repeat_interleave(patches), :, y, x]


def _normalised(patches: Tensor) -> Tensor:
    """[K, C, 7, 7] -> [K, C * 49]: every channel with mean 0 and deviation 1 over all patches."""
    variance, mean = torch.var_mean(patches, dim=(0, 2, 3), correction=0, keepdim=True)
    return ((patches - mean) / variance.clamp_min(1e-8).sqrt()).flatten(1)


def _without(x: Tensor, y: Tensor, where: Tensor, groups: int, seed: int) -> np.ndarray:
    """The distances x 1000 without each of the groups `where` [N] of images, whose patches are
    [N * patches, C, 7, 7], in the same few directions."""
    of_images = [side.unflatten(0, (len(where), -1)) for side in (x, y)]
    found = np.empty(groups)
    for group in range(groups):
        one, other = (_normalised(side[where != group].flatten(0, 1)) for side in of_images)
        rng = torch.Generator().manual_seed(seed)
        found[group] = 1000 * _sliced(one, other, GROUP_PROJECTIONS, rng)
    return found


def _sliced(x: Tensor, y: Tensor, projections: int, rng: torch.Generator) -> float:
    """Mean |difference| of the sorted projections of [K, d] and [K, d] to random directions."""
    total, step = 0.0, 32
    for start in range(0, projections, step):
        directions = torch.randn(x.shape[1], min(step, projections - start), generator=rng)
        directions /= directions.norm(dim=0)
        # NumPy sorts rows of floats several times faster than PyTorch does.
        one, other = (np.sort((directions.T @ side.T).numpy(), axis=1) for side in (x, y))
        total += float(np.abs(one - other).mean(1, dtype=np.float64).sum())
    return total / projections
