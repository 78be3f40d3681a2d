"""r3: residual networks without normalisation, after "The GAN is dead; long live the GAN!".

Huang et al., arXiv 2501.05441. Initialisation after Fixup (arXiv 1901.09321): the first layer of a
block is scaled by the number of blocks, the last starts at zero, so every block starts as identity.
Images grow by bilinear interpolation and shrink by averaging: no checkerboard, no ringing.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import torch.nn.functional as F
from torch import Tensor, nn

from models.layers import (
    GAIN,
    SLOPE,
    Attention,
    Latent,
    Verdict,
    conv,
    doubled,
    linear,
    rectified,
    weights,
)
from models.registry import Shape, option, register


@dataclass(frozen=True, kw_only=True)
class R3Options:
    """Sizes of the two networks."""

    width: int = option(
        16, "Channels at the full resolution; doubles with each halving.", ge=4, le=512
    )
    max_width: int = option(
        192, "Most channels of a stage, unless four times the width is more.", ge=16, le=1024
    )
    blocks: int = option(1, "Residual blocks in a stage.", ge=1, le=4)
    attention: int = option(
        0,
        "Pixels of the maps that get self-attention in both networks: 16 or 32; 0: none.",
        ge=0,
        le=32,
        multiple_of=16,
    )


def stage_widths(resolution: int, options: R3Options) -> list[int]:
    """Channels of the stages at 4, 8, ..., `resolution` pixels."""
    if options.attention > resolution:
        raise ValueError(
            f"images of {resolution} px have no maps of {options.attention} px for attention; "
            f"it has to be 0 or at most {resolution}"
        )
    stages = int(math.log2(resolution)) - 1
    most = max(options.max_width, 4 * options.width)
    return [min(options.width * 2**k, most) for k in reversed(range(stages))]


class Block(nn.Module):
    """x + conv(act(conv(act(x)))), the identity at the start."""

    def __init__(self, width: int, total: int) -> None:
        super().__init__()
        self.first = conv(width, width, 3, gain=GAIN * total**-0.5)
        self.second = conv(width, width, 3, gain=0.0)

    def forward(self, x: Tensor) -> Tensor:
        hidden = self.first(rectified(x))
        return x + self.second(rectified(hidden))


def blocks(width: int, options: R3Options, stages: int) -> nn.Sequential:
    total = stages * options.blocks
    return nn.Sequential(*(Block(width, total) for _ in range(options.blocks)))


def attention(size: int, width: int, options: R3Options) -> list[nn.Module]:
    """What a stage of `size` pixels has of self-attention: after its blocks, if at all."""
    return [Attention(width)] if size == options.attention else []


class StyledBlock(nn.Module):
    """x + conv(act(style(conv(act(x))))): the noise scales and shifts the inner channels.

    So the noise reaches every resolution by a short way, and few steps give varied images
    (feature-wise modulation, arXiv 1709.07871).
    """

    def __init__(self, width: int, total: int, style: int) -> None:
        super().__init__()
        self.first = conv(width, width, 3, gain=GAIN * total**-0.5)
        self.style = linear(style, 2 * width, gain=0.3)
        self.second = conv(width, width, 3, gain=0.0)

    def forward(self, x: Tensor, style: Tensor) -> Tensor:
        scale, shift = self.style(style)[:, :, None, None].chunk(2, dim=1)
        hidden = self.first(rectified(x)) * (1 + scale) + shift
        return x + self.second(rectified(hidden))


class Up(nn.Module):
    """[N, inputs, H, W] -> [N, outputs, 2H, 2W]: channels first, where it is cheap, then pixels."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.mix = conv(inputs, outputs, 1, gain=1.0, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return doubled(self.mix(x))


class Down(nn.Module):
    """[N, inputs, H, W] -> [N, outputs, H/2, W/2]: average, then mix channels."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.mix = conv(inputs, outputs, 1, gain=1.0, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return self.mix(F.avg_pool2d(x, 2))


class Generator(nn.Module):
    """Noise z and condition c to images; c is embedded and appended to z as the style."""

    def __init__(self, shape: Shape, options: R3Options) -> None:
        super().__init__()
        widths = stage_widths(shape.resolution, options)
        total = len(widths) * options.blocks
        self.latent = Latent(shape.z_dim, shape.c_dim)
        style = self.latent.size
        self.base = linear(style, widths[0] * 16)
        stages: list[nn.Module] = []
        for k, (inputs, outputs) in enumerate(pairwise([0, *widths])):
            stages += [Up(inputs, outputs)] if inputs else []
            stages += [StyledBlock(outputs, total, style) for _ in range(options.blocks)]
            stages += attention(4 << k, outputs, options)
        self.stages = nn.ModuleList(stages)
        self.paint = conv(widths[-1], shape.channels, 3, gain=1.0)

    def forward(self, z: Tensor, c: Tensor | None = None) -> Tensor:
        z = self.latent(z, c)
        x = self.base(z).unflatten(1, (-1, 4, 4))
        for stage in self.stages:
            x = stage(x, z) if isinstance(stage, StyledBlock) else stage(x)
        return self.paint(rectified(x))

    def affine(self) -> Tensor:
        """[R, latent.size], the weights of all that sees the noise."""
        styled = (stage for stage in self.stages if isinstance(stage, StyledBlock))
        return weights(self.base, *(block.style for block in styled))


class Discriminator(nn.Module):
    """Images to logits [N], given the condition.

    The full resolution is only looked at, by one convolution: a block there would cost a quarter
    of the network and see nothing that a block at half the resolution does not.
    """

    def __init__(self, shape: Shape, options: R3Options) -> None:
        super().__init__()
        widths = stage_widths(shape.resolution, options)[::-1]
        self.look = conv(shape.channels, widths[0], 3, gain=1.0)
        size = shape.resolution
        stages: list[nn.Module] = [nn.LeakyReLU(SLOPE), *attention(size, widths[0], options)]
        for k, (inputs, outputs) in enumerate(pairwise(widths), start=1):
            stages += [Down(inputs, outputs), blocks(outputs, options, len(widths))]
            stages += attention(size >> k, outputs, options)
        self.stages = nn.Sequential(*stages)
        self.basis = nn.Conv2d(widths[-1], widths[-1], 4, groups=widths[-1], bias=False)
        nn.init.normal_(self.basis.weight, std=1 / 4)
        self.verdict = Verdict(widths[-1], shape.c_dim)

    def forward(self, images: Tensor, c: Tensor | None = None) -> Tensor:
        x = rectified(self.stages(self.look(images)))
        return self.verdict(self.basis(x).flatten(1), c)


@register
class R3:
    """Residual networks without normalisation: slower to begin than skip, and very stable."""

    name = "r3"
    Options = R3Options
    generator = Generator
    discriminator = Discriminator
    # Blurred at first, or the discriminator wins by details before there are shapes.
    recipe: Mapping[str, Any] = {"gamma": 4.0, "gamma_final": 4.0, "blur": 0.03}
