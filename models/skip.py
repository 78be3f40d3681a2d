"""skip: the picture is painted coarse to fine, a layer of it at every resolution.

After StyleGAN2's skip generator and residual discriminator (arXiv 1912.04958, section 4.1): noise
scales and shifts the features of every stage (arXiv 1709.07871), which pixel normalisation keeps
in bounds; the discriminator sees how alike a group of images is (both arXiv 1710.10196). One
convolution a stage: on a small budget, more steps are worth more than deeper networks.
"""

import math
from dataclasses import dataclass
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from models.layers import GAIN, Latent, Verdict, conv, doubled, linear, rectified
from models.registry import Shape, option, register

STYLE = 128  # length of the mapped noise
GROUP = 4  # images that are compared with each other
EPSILON = 1e-6


@dataclass(frozen=True, kw_only=True)
class SkipOptions:
    """Sizes of the two networks."""

    width: int = option(
        12, "Channels at the full resolution; doubles with each halving.", ge=4, le=512
    )
    max_width: int = option(128, "Most channels a stage may have.", ge=16, le=1024)


def stage_widths(resolution: int, options: SkipOptions) -> list[int]:
    """Channels of the stages at 4, 8, ..., `resolution` pixels."""
    stages = int(math.log2(resolution)) - 1
    return [min(options.width * 2**k, options.max_width) for k in reversed(range(stages))]


def normalised(x: Tensor) -> Tensor:
    """Every feature vector (dimension 1) scaled to unit root mean square."""
    return x * torch.rsqrt(x.square().mean(1, keepdim=True) + EPSILON)


def activated(x: Tensor) -> Tensor:
    """The rectifier, with the variance restored."""
    return rectified(x) * GAIN


class Paint(nn.Module):
    """One stage of the generator: grow, convolve, style; and what it adds to the picture."""

    def __init__(self, inputs: int, width: int, channels: int) -> None:
        super().__init__()
        self.mix = conv(inputs, width, 1, gain=1.0, bias=False) if inputs else None
        self.conv = conv(width, width, 3, gain=1.0)
        self.style = linear(STYLE, 2 * width, gain=0.5)
        self.paint = conv(width, channels, 1, gain=0.3)

    def forward(self, x: Tensor, picture: Tensor | None, w: Tensor) -> tuple[Tensor, Tensor]:
        if self.mix is not None:
            x = doubled(self.mix(x))
        scale, shift = self.style(w)[:, :, None, None].chunk(2, dim=1)
        x = activated(normalised(self.conv(x)) * (1 + scale) + shift)
        layer = self.paint(x)
        return x, layer if picture is None else doubled(picture) + layer


class Generator(nn.Module):
    """Noise z and condition c to images, about -1..1 (linear at the output)."""

    def __init__(self, shape: Shape, options: SkipOptions) -> None:
        super().__init__()
        widths = stage_widths(shape.resolution, options)
        self.latent = Latent(shape.z_dim, shape.c_dim)
        self.map = linear(self.latent.size, STYLE)
        self.base = linear(STYLE, widths[0] * 16)
        self.stages = nn.ModuleList(
            Paint(inputs, width, shape.channels) for inputs, width in pairwise([0, *widths])
        )

    def forward(self, z: Tensor, c: Tensor | None = None) -> Tensor:
        w = activated(self.map(normalised(self.latent(z, c))))
        x = self.base(w).unflatten(1, (-1, 4, 4))
        x, picture = self.stages[0](x, None, w)
        for stage in self.stages[1:]:
            x, picture = stage(x, picture, w)
        return picture


class Look(nn.Module):
    """One residual stage of the discriminator: [N, inputs, H, W] -> [N, outputs, H/2, W/2]."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.conv = conv(inputs, inputs, 3, gain=GAIN)
        self.mix = conv(inputs, outputs, 1, gain=1.0)
        self.pass_on = conv(inputs, outputs, 1, gain=1.0, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        seen = self.mix(F.avg_pool2d(rectified(self.conv(x)), 2))
        return rectified((seen + self.pass_on(F.avg_pool2d(x, 2))) * math.sqrt(0.5))


def alikeness(x: Tensor) -> Tensor:
    """[N, C, H, W] -> [N, 1, H, W]: mean standard deviation within groups of GROUP images."""
    n, _, height, width = x.shape
    group = GROUP if n % GROUP == 0 else n
    variance = x.unflatten(0, (-1, group)).var(1, correction=0)
    spread = (variance + EPSILON).sqrt().mean((1, 2, 3)).repeat_interleave(group)
    return spread[:, None, None, None].expand(n, 1, height, width)


class Discriminator(nn.Module):
    """Images to logits [N], given the condition.

    It starts at half the resolution, on 2 x 2 pixels stacked as channels: nothing is lost, and the
    most expensive stage is saved.
    """

    def __init__(self, shape: Shape, options: SkipOptions) -> None:
        super().__init__()
        widths = stage_widths(shape.resolution, options)[-2::-1]
        last = widths[-1]
        self.open = conv(shape.channels * 4, widths[0], 3, gain=GAIN)
        self.stages = nn.Sequential(*(Look(narrow, wide) for narrow, wide in pairwise(widths)))
        self.compare = conv(last + 1, last, 3, gain=GAIN)
        self.features = linear(last * 16, last, gain=GAIN)
        self.verdict = Verdict(last, shape.c_dim)

    def forward(self, images: Tensor, c: Tensor | None = None) -> Tensor:
        x = self.stages(rectified(self.open(F.pixel_unshuffle(images, 2))))
        x = rectified(self.compare(torch.cat([x, alikeness(x)], dim=1)))
        return self.verdict(rectified(self.features(x.flatten(1))), c)


@register
class Skip:
    """Pictures painted coarse to fine; the default: the most quality for few images and minutes."""

    name = "skip"
    Options = SkipOptions
    generator = Generator
    discriminator = Discriminator
