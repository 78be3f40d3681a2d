"""flow: an invertible generator, so the likelihood of every image is known: Flow-GAN, 1705.08868.

Real NVP (arXiv 1605.08803): affine couplings on 2 x 2 pixels stacked as channels, half of which
leave at every level. With f the inverse of the generator, log p(x) = log N(f(x); 0, I) +
log |det df/dx|, and the generator's lesson on reals is -log p(x) per number.
"""

import math
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from models import skip
from models.couplings import Level
from models.layers import linear
from models.registry import Shape, option, register

LARGEST = 32  # pixels: the noise is as long as the image
STYLE = 16  # length of the embedded condition
FAST = 10.0  # how much faster than a weight the pixels' own scales and centres learn
MARGIN = 0.05  # of the logistic curve beyond black and white (1605.08803, 4.1)
TINY = 1e-6


@dataclass(frozen=True, kw_only=True)
class FlowOptions:
    """Sizes of the two networks, and the weight of the likelihood."""

    width: int = option(
        16, "Channels inside a coupling at half the resolution; doubles per halving.", ge=4, le=512
    )
    max_width: int = option(128, "Most channels inside a coupling.", ge=16, le=1024)
    couplings: int = option(4, "Couplings at each of the levels.", ge=2, le=16)
    likelihood: float = option(
        1.0, "Weight of -log p of the reals, in nats per number of an image.", ge=0, le=100
    )


class Pixels(nn.Module):
    """Each number of an image with a scale and a centre of its own, then a logistic curve.

    Its steps are those of the 256 levels: rounding an image undoes `dequantised`.
    """

    SLOPE = 127.5 / 256 * (1 - 2 * MARGIN)

    def __init__(self, shape: Shape, style: int) -> None:
        super().__init__()
        self.size = (shape.channels, shape.resolution, shape.resolution)
        self.log_scale = nn.Parameter(torch.zeros(self.size))
        self.centre = nn.Parameter(torch.zeros(self.size))
        numbers = math.prod(self.size)
        self.style = linear(style, numbers, gain=0.1, bias=False) if style else None

    def centres(self, e: Tensor | None) -> Tensor:
        """Of the pixels, [C, H, W], or [N, C, H, W] where they depend on a condition."""
        if self.style is None:
            return FAST * self.centre
        assert e is not None, "this generator needs a condition"
        own = self.style(e).unflatten(1, self.size).to(self.centre.dtype)
        return FAST * self.centre + own

    def forward(self, y: Tensor, e: Tensor | None) -> Tensor:
        y = y * torch.exp(FAST * self.log_scale) + self.centres(e)
        return (torch.sigmoid(y) - 0.5) / self.SLOPE

    def invert(self, x: Tensor, e: Tensor | None) -> tuple[Tensor, Tensor]:
        """As of a coupling. What the curve does not reach is taken as its end."""
        share = (x * self.SLOPE + 0.5).clamp(TINY, 1 - TINY)
        y, log_slopes = torch.logit(share), -torch.log(share) - torch.log1p(-share)
        log_det = (log_slopes - FAST * self.log_scale).sum((1, 2, 3))
        y = (y - self.centres(e)) * torch.exp(-FAST * self.log_scale)
        return y, log_det + x[0].numel() * math.log(self.SLOPE)


class Generator(nn.Module):
    """Noise z, as many numbers as the image has, and condition c to images; and back."""

    def __init__(self, shape: Shape, options: FlowOptions) -> None:
        super().__init__()
        numbers = noise_length(shape.resolution, shape.channels)
        if shape.z_dim != numbers:
            raise ValueError(f"the noise of this flow has {numbers} numbers, not {shape.z_dim}")
        levels = max(int(math.log2(shape.resolution)) - 2, 1)
        style = STYLE if shape.c_dim else 0
        self.likelihood = options.likelihood
        self.embed = (
            linear(shape.c_dim, STYLE, gain=shape.c_dim**0.5, bias=False) if style else None
        )
        self.sizes = [  # of the noise that enters at each level, from fine to coarse
            (shape.channels * 2 ** (k + 1 + (k == levels - 1)), shape.resolution >> (k + 1))
            for k in range(levels)
        ]
        self.pixels = Pixels(shape, style)
        self.levels = nn.ModuleList(
            Level(
                shape.channels * 2 ** (k + 2),
                min(options.width * 2**k, options.max_width),
                style,
                options.couplings,
            )
            for k in range(levels)
        )

    def forward(self, z: Tensor, c: Tensor | None = None) -> Tensor:
        e, x = self.embedded(c), None
        numbers = [channels * side * side for channels, side in self.sizes]
        parts = zip(z.split(numbers, dim=1), self.sizes, self.levels, strict=True)
        for part, (channels, side), level in reversed([*parts]):
            part = part.unflatten(1, (channels, side, side))
            x = level(part if x is None else torch.cat([x, part], dim=1), e)
            x = F.pixel_shuffle(x, 2)
        return self.pixels(x, e)

    def invert(self, images: Tensor, c: Tensor | None = None) -> Tensor:
        """The noise z [N, z_dim] that makes images [N, C, H, W]."""
        return self._inverted(images, c)[0]

    def log_density(self, images: Tensor, c: Tensor | None = None) -> Tensor:
        """log p of images [N, C, H, W] of any real numbers, per unit of each, in nats [N]."""
        z, log_det = self._inverted(images, c)
        normal = -(z.square() + math.log(2 * math.pi)).sum(1) / 2
        return normal + log_det

    def log_likelihood(self, images: Tensor, c: Tensor | None = None) -> Tensor:
        """log p of images of 256 levels in nats [N]; on average a bound from below of log P."""
        return self.log_density(dequantised(images), c) - images[0].numel() * math.log(127.5)

    def lesson(self, images: Tensor, c: Tensor | None, D: nn.Module) -> Tensor:
        """-log p of reals, per number of an image: ln 256 knows nothing, 0 would know all."""
        return self.likelihood * -self.log_likelihood(images, c).mean() / images[0].numel()

    def embedded(self, c: Tensor | None) -> Tensor | None:
        if self.embed is None:
            return None
        assert c is not None, "this generator needs a condition"
        return self.embed(c)

    def _inverted(self, images: Tensor, c: Tensor | None) -> tuple[Tensor, Tensor]:
        """z [N, z_dim], and log |det dz / dx| [N]."""
        e, parts = self.embedded(c), list[Tensor]()
        x, total = self.pixels.invert(images, e)
        for place, level in enumerate(self.levels):
            assert isinstance(level, Level)
            x, log_det = level.invert(F.pixel_unshuffle(x, 2), e)
            total = total + log_det
            if place < len(self.levels) - 1:
                x, part = x.chunk(2, dim=1)
                parts.append(part.flatten(1))
        return torch.cat([*parts, x.flatten(1)], dim=1), total


def dequantised(images: Tensor) -> Tensor:
    """Every one of the 256 levels in -1..1 spread evenly over its step, so that densities exist.

    The noise of an image is drawn by a seed made of its levels: a likelihood is the same in every
    batch, and a resumed training computes what the interrupted one would have.
    """
    levels = ((images + 1) * 127.5).round()
    noise = []
    for image in levels.clamp(0, 255).to(torch.uint8).cpu():
        rng = torch.Generator().manual_seed(zlib.crc32(bytes(image.flatten().tolist())))
        noise.append(torch.rand(image.shape, generator=rng))
    spread = torch.stack(noise).to(images.device)
    return (levels + spread - 0.5) / 127.5 - 1


def noise_length(resolution: int, channels: int) -> int:
    """How many numbers the noise has. Raises ValueError for images that are too large."""
    if resolution > LARGEST:
        raise ValueError(f"a flow makes images of {LARGEST} px at most, not of {resolution} px")
    return channels * resolution**2


def discriminator(shape: Shape, options: FlowOptions) -> nn.Module:
    """That of `skip`."""
    sizes = skip.SkipOptions(width=options.width, max_width=options.max_width)
    return skip.Discriminator(shape, sizes)


@register
class Flow:
    """Flow-GAN: invertible, tells how likely an image is; only for images of 32 px, and slow."""

    name = "flow"
    Options = FlowOptions
    generator = Generator
    discriminator = staticmethod(discriminator)
    resolutions = (32,)
    z_dim = staticmethod(noise_length)
    recipe: Mapping[str, Any] = {}
