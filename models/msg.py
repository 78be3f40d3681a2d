"""msg: the discriminator sees the picture of every resolution (MSG-GAN, arXiv 1903.06048).

So every layer that paints is taught by a short way. The pictures add up to the last one as in skip
(arXiv 1912.04958, section 4.1) and agree from the start, or their differences would betray them.
In training they travel as one tensor, the coarse ones enlarged by repetition: a penalty on the
gradient then weighs each by the area that it covers.
"""

from collections.abc import Sequence
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from models import skip
from models.layers import GAIN, Verdict, conv, linear, rectified
from models.registry import Shape, register


def stacked(pictures: Sequence[Tensor]) -> Tensor:
    """Pictures [N, C, h, h] for h = 4, 8, ..., H as one tensor [N, C * scales, H, H]."""
    size = pictures[-1].shape[2:]
    return torch.cat([F.interpolate(picture, size, mode="nearest") for picture in pictures], dim=1)


class Generator(skip.Generator):
    """That of skip; for training it shows the pictures of all resolutions."""

    def pyramid(self, z: Tensor, c: Tensor | None = None) -> Tensor:
        """The pictures of all resolutions in one tensor, the finest last; see `stacked`."""
        return stacked(self.pictures(self.mapped(z, c)))


class Discriminator(nn.Module):
    """Images, or pyramids of them, to logits [N], given the condition.

    It starts at half the resolution, on 2 x 2 pixels stacked as channels: nothing is lost, and the
    most expensive stage is saved.
    """

    def __init__(self, shape: Shape, options: skip.SkipOptions) -> None:
        super().__init__()
        widths = options.widths(shape.resolution)[-2::-1]
        last, self.channels = widths[-1], shape.channels
        self.factors = [2**k for k in reversed(range(len(widths) + 1))]
        self.open = conv(shape.channels * 4, widths[0], 3, gain=GAIN)
        self.stages = nn.ModuleList(
            skip.Look(narrow, wide, options.convs, seen=shape.channels)
            for narrow, wide in pairwise(widths)
        )
        self.compare = conv(last + shape.channels + 1, last, 3, gain=GAIN)
        self.features = linear(last * 16, last, gain=GAIN)
        self.verdict = Verdict(last, shape.c_dim)

    def forward(self, images: Tensor, c: Tensor | None = None) -> Tensor:
        smallest, *middle, full = self.pictures(images)
        x = rectified(self.open(F.pixel_unshuffle(full, 2)))
        for stage, picture in zip(self.stages, reversed(middle), strict=True):
            x = stage(x, picture)
        x = rectified(self.compare(torch.cat([x, smallest, skip.alikeness(x)], dim=1)))
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
    Options = skip.SkipOptions
    generator = Generator
    discriminator = Discriminator
