"""Drawn images that tests judge: sprites, and worse versions of them."""

from functools import cache

import numpy as np
import torch
from torch.nn.functional import conv2d, pad

from worker.sprites import FACTORS, draw, factors_of


@cache
def sprites(first: int, count: int, resolution: int = 64) -> np.ndarray:
    """uint8 [count, H, W, 3], read-only."""
    images = np.stack([np.asarray(draw(7, i, resolution)[0]) for i in range(first, first + count)])
    images.setflags(write=False)
    return images


def sprites_with(factor: str, values: int, first: int, count: int) -> np.ndarray:
    """Those of them that have one of the first `values` values of a factor."""
    some = FACTORS[factor][:values]
    chosen = [factors_of(7, i)[factor] in some for i in range(first, first + count)]
    return sprites(first, count)[chosen]


def blurred(images: np.ndarray, sigma: float) -> np.ndarray:
    """Gaussian blur of `sigma` pixels."""
    radius = int(np.ceil(3 * sigma))
    weights = torch.exp(-(torch.arange(-radius, radius + 1.0) ** 2) / (2 * sigma**2))
    window = torch.outer(weights, weights) / weights.sum() ** 2
    x = torch.from_numpy(np.array(images)).permute(0, 3, 1, 2).float()
    c = x.shape[1]
    x = pad(x, (radius,) * 4, mode="replicate")
    x = conv2d(x, window.expand(c, 1, -1, -1), groups=c)
    return x.round().clamp(0, 255).byte().permute(0, 2, 3, 1).numpy()


def noisy(images: np.ndarray, deviation: float) -> np.ndarray:
    """Gaussian noise of `deviation` levels added."""
    noise = np.random.default_rng(0).normal(0, deviation, images.shape)
    return np.clip(np.round(images + noise), 0, 255).astype(np.uint8)


def tiled(images: np.ndarray) -> np.ndarray:
    """The four quarters of every image in other places: the same textures, other shapes."""
    middle = images.shape[1] // 2
    return np.roll(images, (middle, middle), (1, 2))
