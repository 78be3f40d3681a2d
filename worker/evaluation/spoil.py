"""What a network that learns without labels is shown: views of images, and images spoilt.

All are [N, C, H, W], -1..1, and depend on the generator of random numbers alone.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor

SMALLEST_CROP = 0.5  # of the area
GAIN, SHIFT = 0.4, 0.3  # at most, of every channel
BLUR = 0.022  # standard deviation, of the side
NOISE = 0.08  # standard deviation


def viewed(images: Tensor, rng: torch.Generator) -> Tensor:
    """A crop of each, enlarged to the same size, with other colours."""
    count, channels = images.shape[:2]
    scale = torch.empty(count).uniform_(SMALLEST_CROP, 1, generator=rng).sqrt()
    centre = (torch.rand(count, 2, generator=rng) * 2 - 1) * (1 - scale)[:, None]
    frame = torch.cat([torch.eye(2) * scale[:, None, None], centre[:, :, None]], 2)
    grid = F.affine_grid(frame, list(images.shape), align_corners=False)
    crops = F.grid_sample(images, grid, padding_mode="border", align_corners=False)
    gain, shift = (
        (torch.rand(count, channels, 1, 1, generator=rng) * 2 - 1) * most for most in (GAIN, SHIFT)
    )
    return (crops * (1 + gain) + shift).clamp(-1, 1)


def spoilt(images: Tensor, rng: torch.Generator) -> tuple[Tensor, Tensor]:
    """As many images of every way in WAYS, and which it was: int64 [N]."""
    ways = torch.arange(len(images)) % len(WAYS)
    result = torch.empty_like(images)
    for way, function in enumerate(WAYS.values()):
        result[ways == way] = function(images[ways == way], rng)
    return result, ways


def blurred(images: Tensor, sigma: float) -> Tensor:
    """Convolved with a Gaussian of standard deviation `sigma` pixels; edges are mirrored."""
    radius = max(1, math.ceil(3 * sigma))
    places = torch.arange(-radius, radius + 1, dtype=torch.float32)
    kernel = (-(places**2) / (2 * sigma**2)).exp()
    kernel = (kernel / kernel.sum()).expand(images.shape[1], 1, 1, -1)
    x = F.pad(images, (radius,) * 4, mode="reflect")
    x = F.conv2d(x, kernel, groups=images.shape[1])
    return F.conv2d(x, kernel.transpose(2, 3), groups=images.shape[1])


def noisy(images: Tensor, rng: torch.Generator) -> Tensor:
    noise = torch.randn(images.shape, generator=rng)
    return (images + NOISE * noise).clamp(-1, 1)


def exchanged(images: Tensor) -> Tensor:
    """The two upper quarters in each other's place."""
    height, width = images.shape[2:]
    upper, lower = images.split([height // 2, height - height // 2], 2)
    return torch.cat([upper.roll(width // 2, 3), lower], 2)


def joined(images: Tensor) -> Tensor:
    """The left half of each beside the right half of the next."""
    half = images.shape[3] // 2
    return torch.cat([images[..., :half], images.roll(1, 0)[..., half:]], 3)


WAYS = {
    "as it is": lambda x, rng: x,
    "turned": lambda x, rng: x.rot90(1, (2, 3)),
    "upside down": lambda x, rng: x.flip(2),
    "blurred": lambda x, rng: blurred(x, BLUR * x.shape[-1]),
    "noisy": noisy,
    "quarters exchanged": lambda x, rng: exchanged(x),
    "halves of two": lambda x, rng: joined(x),
}
