"""lightgan: a light pair for few images, after FastGAN (Liu et al., arXiv 2101.04775).

In the generator small maps gate the channels of maps four times their side (skip-layer excitation,
section 3.1); units are gated linear ones (arXiv 1612.08083). The discriminator is an encoder too
(section 3.2): decoders paint reals from its features, or it would learn few images by heart. Here
without noise in the layers, so that a seed is an image; and the loss of the decoders is the mean
square, which needs no network that was trained elsewhere.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from models.layers import (
    GAIN,
    Latent,
    Verdict,
    conv,
    doubled,
    linear,
    rectified,
    stage_widths,
    weights,
)
from models.registry import Shape, option, register


@dataclass(frozen=True, kw_only=True)
class LightganOptions:
    """Sizes of the two networks."""

    width: int = option(
        12, "Channels at the full resolution; doubles with each halving.", ge=4, le=512
    )
    max_width: int = option(128, "Most channels a stage may have.", ge=16, le=1024)


class Grow(nn.Module):
    """[N, inputs, H, W] -> [N, outputs, 2H, 2W]: mix channels where it is cheap, double, gate."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.mix = conv(inputs, outputs, 1, gain=1.0, bias=False)
        self.conv = conv(outputs, 2 * outputs, 3, gain=1.0, bias=False)
        self.norm = nn.BatchNorm2d(2 * outputs)

    def forward(self, x: Tensor) -> Tensor:
        return F.glu(self.norm(self.conv(doubled(self.mix(x)))), dim=1)


class Excite(nn.Module):
    """Skip-layer excitation: `low` [N, L, h, h] weighs the channels of `high` [N, C, H, W]."""

    def __init__(self, low: int, high: int) -> None:
        super().__init__()
        self.gather = linear(low * 16, high, gain=GAIN)  # over all of a map of 4 x 4
        self.weigh = linear(high, high)

    def gate(self, low: Tensor) -> Tensor:
        """A factor in 0..1 for each channel, [N, C, 1, 1]."""
        seen = F.avg_pool2d(low, low.shape[-1] // 4).flatten(1)
        return self.weigh(F.silu(self.gather(seen))).sigmoid()[:, :, None, None]

    def forward(self, low: Tensor, high: Tensor) -> Tensor:
        return high * self.gate(low)


class Generator(nn.Module):
    """Noise z and condition c to images in -1..1."""

    def __init__(self, shape: Shape, options: LightganOptions) -> None:
        super().__init__()
        widths = stage_widths(shape.resolution, options.width, options.max_width)
        self.latent = Latent(shape.z_dim, shape.c_dim)
        self.base = nn.Sequential(
            linear(self.latent.size, 2 * widths[0] * 16, bias=False),
            nn.Unflatten(1, (2 * widths[0], 4, 4)),
            nn.BatchNorm2d(2 * widths[0]),
            nn.GLU(dim=1),
        )
        self.stages = nn.ModuleList(Grow(wide, narrow) for wide, narrow in pairwise(widths))
        gated = zip(widths, widths[2:], strict=False)  # at 4 and 16, 8 and 32, ... pixels
        self.gates = nn.ModuleList(Excite(low, high) for low, high in gated)
        self.paint = conv(widths[-1], shape.channels, 3, gain=2.0)  # gates have halved the features

    def forward(self, z: Tensor, c: Tensor | None = None) -> Tensor:
        low = self.base(self.latent(z, c))
        x = self.stages[0](low)
        for stage, gate in zip(self.stages[1:], self.gates, strict=True):
            low, x = x, gate(low, stage(x))
        return self.paint(x).tanh()

    def affine(self) -> Tensor:
        """[R, latent.size], the weights that see the noise."""
        return weights(self.base[0])


class Shrink(nn.Module):
    """[N, inputs, H, W] -> [N, outputs, H/2, W/2] on two ways, by convolutions and by averages."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.fold = conv(4 * inputs, outputs, 1, gain=GAIN)
        self.conv = conv(outputs, outputs, 3, gain=GAIN)
        self.direct = conv(inputs, outputs, 1, gain=GAIN)

    def forward(self, x: Tensor) -> Tensor:
        seen = rectified(self.conv(rectified(self.fold(F.pixel_unshuffle(x, 2)))))
        return (seen + rectified(self.direct(F.avg_pool2d(x, 2)))) * math.sqrt(0.5)


class Decoder(nn.Module):
    """Features [N, inputs, 8, 8] to images in -1..1, twice the side for each of `widths`."""

    def __init__(self, inputs: int, widths: list[int], channels: int) -> None:
        super().__init__()
        self.stages = nn.Sequential(*(Grow(*pair) for pair in pairwise([inputs, *widths])))
        self.paint = conv(widths[-1], channels, 3, gain=1.0)

    def forward(self, x: Tensor) -> Tensor:
        return self.paint(self.stages(x)).tanh()


def quarters(x: Tensor) -> Tensor:
    """[N, C, H, W] -> [N, C, H/2, W/2]: of the image at place i its quarter i mod 4.

    The paper crops at random. Batches are shuffled, so each image is seen in all its parts by and
    by, and the same training gives the same weights.
    """
    place = torch.arange(len(x), device=x.device)
    parts = x.unflatten(3, (2, -1)).unflatten(2, (2, -1))  # [N, C, 2, H/2, 2, W/2]
    return parts[place, :, place // 2 % 2, :, place % 2]


class Discriminator(nn.Module):
    """Images to logits [N], given the condition; and decoders of its features, in the lesson.

    It starts at half the resolution, on 2 x 2 pixels stacked as channels.
    """

    def __init__(self, shape: Shape, options: LightganOptions) -> None:
        super().__init__()
        widths = stage_widths(shape.resolution, options.width, options.max_width)[
            -2::-1
        ]  # at half the side ... 4 pixels
        sixteen, eight, four = widths[-3:]
        self.open = conv(shape.channels * 4, widths[0], 3, gain=GAIN)
        self.to_sixteen = nn.Sequential(*(Shrink(*pair) for pair in pairwise(widths[:-2])))
        self.to_eight = Shrink(sixteen, eight)
        self.to_four = Shrink(eight, four)
        self.features = linear(four * 16, four, gain=GAIN)
        self.verdict = Verdict(four, shape.c_dim)
        painted = stage_widths(shape.resolution // 2, options.width, options.max_width)[
            2:
        ]  # at 16 ... half the side
        self.whole = Decoder(eight, painted, shape.channels)
        self.part = Decoder(sixteen, painted, shape.channels)

    def encoded(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Features of 16 x 16 and of 8 x 8 pixels."""
        sixteen = self.to_sixteen(rectified(self.open(F.pixel_unshuffle(images, 2))))
        return sixteen, self.to_eight(sixteen)

    def forward(self, images: Tensor, c: Tensor | None = None) -> Tensor:
        _, eight = self.encoded(images)
        return self.verdict(rectified(self.features(self.to_four(eight).flatten(1))), c)

    def lesson(self, images: Tensor, c: Tensor | None) -> Tensor:
        """How far reals are from what can be painted of their features: a mean square, a scalar.

        The whole at half its resolution from 8 x 8 features, a quarter at full resolution from its
        part of the 16 x 16 ones.
        """
        sixteen, eight = self.encoded(images)
        whole = self.whole(eight).float() - F.avg_pool2d(images, 2)
        part = self.part(quarters(sixteen)).float() - quarters(images)
        return whole.square().mean() + part.square().mean()


@register
class Lightgan:
    """For few images: gates across resolutions, and a discriminator that has to paint reals."""

    name = "lightgan"
    Options = LightganOptions
    generator = Generator
    discriminator = Discriminator
    recipe: Mapping[str, Any] = {
        "loss": "hinge",
        "batch": 8,
        "lr": 2e-4,
        "lr_final": 2e-4,
        "beta1": 0.5,
        "beta2": 0.999,
        "beta2_final": 0.999,
        "z_dim": 256,
    }
