"""classic: the textbook pair, fully connected layers and convolutions, one stage per resolution.

The game of Goodfellow et al. (arXiv 1406.2661) with the layers that teaching uses: noise goes
through fully connected layers to a map of 4 x 4 pixels, which grows by upsampling and convolutions
(no checkerboard, doi 10.23915/distill.00003) with BatchNorm (arXiv 1502.03167) between them; images
shrink by strided convolutions and end in fully connected layers. Initialised after 1502.01852.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import torch.nn.functional as F
from torch import Tensor, nn

from models.dcgan import Dcgan
from models.layers import GAIN, SLOPE, Latent, Verdict, conv, doubled, linear, stage_widths, weights
from models.registry import Shape, option, register


@dataclass(frozen=True, kw_only=True)
class ClassicOptions:
    """Sizes of the two networks."""

    width: int = option(
        12, "Channels at the full resolution; doubles with each halving.", ge=4, le=512
    )
    max_width: int = option(256, "Most channels a stage may have.", ge=16, le=1024)


class Grow(nn.Module):
    """[N, inputs, H, W] -> [N, outputs, 2H, 2W]: upsample, convolve, normalise, rectify."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.conv = conv(inputs, outputs, 3, gain=GAIN, bias=False)  # BatchNorm has a bias
        self.norm = nn.BatchNorm2d(outputs)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.norm(self.conv(doubled(x))))


class Generator(nn.Module):
    """Noise z and condition c to images in -1..1.

    Only maps are normalised: over the few images of a batch alone, statistics would be guesses.
    """

    def __init__(self, shape: Shape, options: ClassicOptions) -> None:
        super().__init__()
        widths = stage_widths(shape.resolution, options.width, options.max_width)
        first = widths[0]
        self.latent = Latent(shape.z_dim, shape.c_dim)
        self.dense = nn.Sequential(
            linear(self.latent.size, first, gain=GAIN),
            nn.ReLU(),
            linear(first, first * 16, gain=GAIN, bias=False),
            nn.Unflatten(1, (first, 4, 4)),
            nn.BatchNorm2d(first),
            nn.ReLU(),
        )
        self.stages = nn.Sequential(*(Grow(wide, narrow) for wide, narrow in pairwise(widths)))
        self.paint = conv(widths[-1], shape.channels, 3, gain=1.0)

    def forward(self, z: Tensor, c: Tensor | None = None) -> Tensor:
        return self.paint(self.stages(self.dense(self.latent(z, c)))).tanh()

    def affine(self) -> Tensor:
        """[R, latent.size], the weights that see the noise."""
        return weights(self.dense[0])


def shrink(inputs: int, outputs: int) -> nn.Conv2d:
    """[N, inputs, H, W] -> [N, outputs, H/2, W/2] by a strided convolution."""
    layer = nn.Conv2d(inputs, outputs, 4, stride=2, padding=1)
    nn.init.kaiming_normal_(layer.weight, a=SLOPE)
    assert layer.bias is not None
    nn.init.zeros_(layer.bias)
    return layer


class Discriminator(nn.Module):
    """Images to logits [N], given the condition; nothing is normalised, so penalties mean one."""

    def __init__(self, shape: Shape, options: ClassicOptions) -> None:
        super().__init__()
        widths = stage_widths(shape.resolution, options.width, options.max_width)[-2::-1]
        last = widths[-1]
        layers: list[nn.Module] = []
        for narrow, wide in pairwise([shape.channels, *widths]):
            layers += [shrink(narrow, wide), nn.LeakyReLU(SLOPE)]
        self.stages = nn.Sequential(*layers)
        self.dense = nn.Sequential(
            nn.Flatten(), linear(last * 16, last, gain=GAIN), nn.LeakyReLU(SLOPE)
        )
        self.verdict = Verdict(last, shape.c_dim)

    def forward(self, images: Tensor, c: Tensor | None = None) -> Tensor:
        return self.verdict(self.dense(self.stages(images)), c)


@register
class Classic:
    """The textbook pair, dense layers and convolutions: easy to read, a yardstick for others."""

    name = "classic"
    Options = ClassicOptions
    generator = Generator
    discriminator = Discriminator
    recipe: Mapping[str, Any] = Dcgan.recipe  # textbooks train it alike
