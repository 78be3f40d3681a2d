"""Likeness of pairs of images: PSNR, SSIM (Wang et al. 2004) and MS-SSIM (Wang et al. 2003).

Colours are compared channel by channel, no luma, no border cropped for PSNR. SSIM uses a Gaussian
window of 11 px, sigma 1.5, only where it fits into the image, K = (0.01, 0.03). Images are uint8
or float [N, H, W, C] within `span`; results are float64 [N].
"""

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d

WINDOW, SIGMA = 11, 1.5
K1, K2 = 0.01, 0.03
SCALES = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)  # exponents, from the finest scale down
CHUNK = 16


def psnr(one: np.ndarray, other: np.ndarray, span: float = 255) -> np.ndarray:
    """10 log10(span^2 / mean squared error), dB; infinite for equal images."""
    assert one.shape == other.shape and one.ndim == 4, (one.shape, other.shape)
    difference = one.astype(np.float64) - other
    error = np.square(difference).mean((1, 2, 3))
    infinite = np.full(len(error), np.inf)
    return 10 * np.log10(np.divide(span**2, error, out=infinite, where=error > 0))


def ssim(one: np.ndarray, other: np.ndarray, span: float = 255) -> np.ndarray:
    """Structural similarity, -1..1; sides of at least 11 px."""
    parts = []
    for x, y in _pairs(one, other):
        luminance, structure = _maps(x, y, span)
        parts.append((luminance * structure).mean((1, 2, 3)))
    return torch.cat(parts).numpy()


def scales_of(side: int) -> int:
    """How many scales of MS-SSIM the window fits into: five from 176 px, three at 64 px."""
    return sum(side // 2**scale >= WINDOW for scale in range(len(SCALES)))


def ms_ssim(one: np.ndarray, other: np.ndarray, span: float = 255) -> np.ndarray:
    """Multi-scale SSIM, 0..1, of as many scales as fit; their exponents are scaled to sum to 1."""
    scales = scales_of(min(one.shape[1:3]))
    assert scales, f"{one.shape[1:3]} px are less than the window of {WINDOW}"
    exponents = np.array(SCALES[:scales]) / sum(SCALES[:scales])
    parts = []
    for x, y in _pairs(one, other):
        product = torch.ones(x.shape[:2], dtype=torch.float64)  # per image and channel
        for scale, exponent in enumerate(exponents):
            luminance, structure = _maps(x, y, span)
            whole = luminance * structure if scale == scales - 1 else structure
            product *= whole.mean((2, 3)).clamp_min(0) ** exponent
            x, y = avg_pool2d(x, 2), avg_pool2d(y, 2)
        parts.append(product.mean(1))
    return torch.cat(parts).numpy()


def _pairs(one: np.ndarray, other: np.ndarray) -> Iterator[tuple[Tensor, Tensor]]:
    assert one.shape == other.shape and one.ndim == 4, (one.shape, other.shape)
    for start in range(0, len(one), CHUNK):
        part = slice(start, start + CHUNK)
        yield _channels(one[part]), _channels(other[part])


def _channels(images: np.ndarray) -> Tensor:
    return torch.from_numpy(np.array(images, np.float64)).permute(0, 3, 1, 2)


def _maps(x: Tensor, y: Tensor, span: float) -> tuple[Tensor, Tensor]:
    """(2 mx my + c1) / (mx^2 + my^2 + c1) and (2 sxy + c2) / (sx^2 + sy^2 + c2), [N, C, h, w]."""
    c1, c2 = (K1 * span) ** 2, (K2 * span) ** 2
    mean_x, mean_y = _window(x), _window(y)
    spread = _window(x * x) + _window(y * y) - mean_x**2 - mean_y**2
    both = _window(x * y) - mean_x * mean_y
    luminance = (2 * mean_x * mean_y + c1) / (mean_x**2 + mean_y**2 + c1)
    return luminance, (2 * both + c2) / (spread + c2)


def _window(x: Tensor) -> Tensor:
    """The Gaussian mean around every pixel whose window lies inside; separable."""
    weights = np.exp(-((np.arange(WINDOW) - WINDOW // 2) ** 2) / (2 * SIGMA**2))
    weights /= weights.sum()
    for dim in (2, 3):  # sums of shifted images: in float64 four times faster than conv2d
        size = x.shape[dim] - WINDOW + 1
        total = torch.zeros_like(x.narrow(dim, 0, size))
        for shift, weight in enumerate(weights):
            total.add_(x.narrow(dim, shift, size), alpha=float(weight))
        x = total
    return x
