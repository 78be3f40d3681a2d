"""msg: the discriminator sees the picture of every resolution (MSG-GAN, arXiv 1903.06048).

So every layer that paints is taught by a short way. The pictures add up to the last one as in skip
(arXiv 1912.04958, section 4.1) and agree from the start, or their differences would betray them.
In training they travel as one tensor, the coarse ones enlarged by repetition: a penalty on the
gradient then weighs each by the area that it covers.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from models.layers import GAIN, Latent, Verdict, conv, linear, rectified
from models.registry import Shape, option, register
from models.skip import STYLE, Paint, activated, alikeness, normalised


@dataclass(frozen=True, kw_only=True)
class MsgOptions:
    """Sizes of the two networks."""

    width: int = option(
        12, "Channels at the full resolution; doubles with each halving.", ge=4, le=512
    )
    max_width: int = option(128, "Most channels a stage may have.", ge=16, le=1024)


def stage_widths(resolution: int, options: MsgOptions) -> list[int]:
    """Channels of the stages at 4, 8, ..., `resolution` pixels."""
    stages = int(math.log2(resolution)) - 1
    return [min(options.width * 2**k, options.max_width) for k in reversed(range(stages))]


def stacked(pictures: Sequence[Tensor]) -> Tensor:
    """Pictures [N, C, h, h] for h = 4, 8, ..., H as one tensor [N, C * scales, H, H]."""
    size = pictures[-1].shape[2:]
    return torch.cat([F.interpolate(picture, size, mode="nearest") for picture in pictures], dim=1)


class Generator(nn.Module):
    """Noise z and condition c to images, about -1..1 (linear at the output)."""

    def __init__(self, shape: Shape, options: MsgOptions) -> None:
        super().__init__()
        widths = stage_widths(shape.resolution, options)
        self.latent = Latent(shape.z_dim, shape.c_dim)
        self.map = linear(self.latent.size, STYLE)
        self.base = linear(STYLE, widths[0] * 16)
        self.stages = nn.ModuleList(
            Paint(inputs, width, shape.channels) for inputs, width in pairwise([0, *widths])
        )

    def forward(self, z: Tensor, c: Tensor | None = None) -> Tensor:
        return self.pictures(z, c)[-1]

    def pyramid(self, z: Tensor, c: Tensor | None = None) -> Tensor:
        """The pictures of all resolutions in one tensor, the finest last; see `stacked`."""
        return stacked(self.pictures(z, c))

    def pictures(self, z: Tensor, c: Tensor | None) -> list[Tensor]:
        """Of 4, 8, ... pixels."""
        w = activated(self.map(normalised(self.latent(z, c))))
        x, picture = self.base(w).unflatten(1, (-1, 4, 4)), None
        pictures: list[Tensor] = []
        for stage in self.stages:
            x, picture = stage(x, picture, w)
            pictures.append(picture)
        return pictures


class Look(nn.Module):
    """One residual stage of the discriminator, which sees the picture of its own resolution too.

    [N, inputs, H, W] and [N, channels, H, W] -> [N, outputs, H/2, W/2].
    """

    def __init__(self, inputs: int, outputs: int, channels: int) -> None:
        super().__init__()
        self.conv = conv(inputs + channels, inputs, 3, gain=GAIN)
        self.mix = conv(inputs, outputs, 1, gain=1.0)
        self.pass_on = conv(inputs, outputs, 1, gain=1.0, bias=False)

    def forward(self, x: Tensor, picture: Tensor) -> Tensor:
        joined = rectified(self.conv(torch.cat([x, picture], dim=1)))
        seen = self.mix(F.avg_pool2d(joined, 2))
        return rectified((seen + self.pass_on(F.avg_pool2d(x, 2))) * math.sqrt(0.5))


class Discriminator(nn.Module):
    """Images, or pyramids of them, to logits [N], given the condition.

    It starts at half the resolution, on 2 x 2 pixels stacked as channels: nothing is lost, and the
    most expensive stage is saved.
    """

    def __init__(self, shape: Shape, options: MsgOptions) -> None:
        super().__init__()
        widths = stage_widths(shape.resolution, options)[-2::-1]
        last, self.channels = widths[-1], shape.channels
        self.factors = [2**k for k in reversed(range(len(widths) + 1))]
        self.open = conv(shape.channels * 4, widths[0], 3, gain=GAIN)
        self.stages = nn.ModuleList(
            Look(narrow, wide, shape.channels) for narrow, wide in pairwise(widths)
        )
        self.compare = conv(last + shape.channels + 1, last, 3, gain=GAIN)
        self.features = linear(last * 16, last, gain=GAIN)
        self.verdict = Verdict(last, shape.c_dim)

    def forward(self, images: Tensor, c: Tensor | None = None) -> Tensor:
        smallest, *middle, full = self.pictures(images)
        x = rectified(self.open(F.pixel_unshuffle(full, 2)))
        for stage, picture in zip(self.stages, reversed(middle), strict=True):
            x = stage(x, picture)
        x = rectified(self.compare(torch.cat([x, smallest, alikeness(x)], dim=1)))
        return self.verdict(rectified(self.features(x.flatten(1))), c)

    def pyramid(self, images: Tensor) -> Tensor:
        """Images [N, C, H, W] as the generator's `pyramid` gives its own."""
        return stacked(self.pictures(images))

    def pictures(self, images: Tensor) -> list[Tensor]:
        """Images, or a pyramid, averaged down to 4, 8, ... pixels."""
        parts = images.split(self.channels, dim=1)
        if len(parts) == 1:
            parts *= len(self.factors)
        return [F.avg_pool2d(part, n) for part, n in zip(parts, self.factors, strict=True)]


@register
class Msg:
    """As skip, but the discriminator sees the picture of every resolution, not only the last."""

    name = "msg"
    Options = MsgOptions
    generator = Generator
    discriminator = Discriminator
