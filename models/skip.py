"""skip: the picture is painted coarse to fine, a layer of it at every resolution.

After StyleGAN2's skip generator and residual discriminator (arXiv 1912.04958, section 4.1): noise
scales and shifts the features of every stage (arXiv 1709.07871), which normalisation keeps in
bounds; the discriminator sees how alike a group of images is (both arXiv 1710.10196). One
convolution a stage: on a small budget, more steps are worth more than deeper networks.
"""

import math
from dataclasses import dataclass
from itertools import pairwise

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
    convs: int = option(1, "Convolutions of 3 x 3 in a stage.", ge=1, le=4)
    mapping: int = option(1, "Layers between the noise and what styles the stages.", ge=1, le=8)

    def widths(self, resolution: int) -> list[int]:
        """Channels of the stages at 4, 8, ..., `resolution` pixels."""
        return stage_widths(resolution, self.width, self.max_width)


def normalised(x: Tensor) -> Tensor:
    """Every feature vector (dimension 1) scaled to unit root mean square."""
    return x * torch.rsqrt(x.square().mean(1, keepdim=True) + EPSILON)


def normalised_map(x: Tensor) -> Tensor:
    """[N, C, H, W]: the channels of every pixel to mean 0 and variance 1 (arXiv 1607.06450): a
    quarter of the time of scaling them alone, as it is one kernel."""
    return F.layer_norm(x.permute(0, 2, 3, 1), x.shape[1:2], eps=EPSILON).permute(0, 3, 1, 2)


def activated(x: Tensor) -> Tensor:
    """The rectifier, with the variance restored."""
    return rectified(x) * GAIN


class Styled(nn.Module):
    """Convolve, normalise, scale and shift by w, rectify."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv = conv(width, width, 3, gain=1.0)
        self.style = linear(STYLE, 2 * width, gain=0.5)

    def forward(self, x: Tensor, w: Tensor) -> Tensor:
        scale, shift = self.style(w)[:, :, None, None].chunk(2, dim=1)
        x = normalised_map(self.conv(x))
        # `activated`, but the gain multiplies two vectors instead of a map.
        return rectified(torch.addcmul(GAIN * shift, x, GAIN * (1 + scale)))


class Paint(nn.Module):
    """One stage of the generator: grow, convolve, style; and what it adds to the picture."""

    def __init__(self, inputs: int, width: int, channels: int, convs: int) -> None:
        super().__init__()
        self.mix = conv(inputs, width, 1, gain=1.0, bias=False) if inputs else None
        self.layers = nn.ModuleList(Styled(width) for _ in range(convs))
        self.paint = conv(width, channels, 1, gain=0.3)

    def forward(self, x: Tensor, picture: Tensor | None, w: Tensor) -> tuple[Tensor, Tensor]:
        if self.mix is not None:
            x = doubled(self.mix(x))
        for layer in self.layers:
            x = layer(x, w)
        painted = self.paint(x)
        return x, painted if picture is None else doubled(picture) + painted


class Generator(nn.Module):
    """Noise z and condition c to images, about -1..1 (linear at the output).

    In two halves: the mapping from z to w [N, STYLE], and the painting of w.
    """

    def __init__(self, shape: Shape, options: SkipOptions) -> None:
        super().__init__()
        widths = options.widths(shape.resolution)
        self.latent = Latent(shape.z_dim, shape.c_dim)
        sizes = [self.latent.size, *[STYLE] * options.mapping]
        self.map = nn.ModuleList(
            linear(a, b, gain=GAIN if k else 1.0) for k, (a, b) in enumerate(pairwise(sizes))
        )
        self.base = linear(STYLE, widths[0] * 16)
        self.stages = nn.ModuleList(
            Paint(inputs, width, shape.channels, options.convs)
            for inputs, width in pairwise([0, *widths])
        )

    def forward(self, z: Tensor, c: Tensor | None = None) -> Tensor:
        return self.painted(self.mapped(z, c))

    def mapped(self, z: Tensor, c: Tensor | None = None) -> Tensor:
        """z [N, z_dim] and c to w [N, STYLE]; the length of z means nothing."""
        return self.styles(normalised(self.latent(z, c)))

    def styles(self, latent: Tensor) -> Tensor:
        *inner, last = self.map
        for layer in inner:
            latent = rectified(layer(latent))
        return activated(last(latent))

    def affine(self) -> Tensor:
        """[R, STYLE], the weights of all that sees w."""
        styled = (layer for layer in self.modules() if isinstance(layer, Styled))
        return weights(self.base, *(layer.style for layer in styled))

    def painted(self, w: Tensor) -> Tensor:
        """w [N, STYLE], or [N, stages, STYLE], one for each stage, to images."""
        return self.pictures(w)[-1]

    def pictures(self, w: Tensor) -> list[Tensor]:
        """The pictures of 4, 8, ... pixels."""
        styles = w.unbind(1) if w.dim() == 3 else [w] * len(self.stages)
        x, picture = self.base(styles[0]).unflatten(1, (-1, 4, 4)), None
        pictures: list[Tensor] = []
        for stage, style in zip(self.stages, styles, strict=True):
            x, picture = stage(x, picture, style)
            pictures.append(picture)
        return pictures


class Look(nn.Module):
    """One residual stage of the discriminator: [N, inputs, H, W] -> [N, outputs, H/2, W/2].

    `seen`: channels of a picture that its convolutions see besides.
    """

    def __init__(self, inputs: int, outputs: int, convs: int = 1, seen: int = 0) -> None:
        super().__init__()
        self.convs = nn.ModuleList(
            conv(inputs + (0 if k else seen), inputs, 3, gain=GAIN) for k in range(convs)
        )
        half = math.sqrt(0.5)  # of two ways whose sum is to have the variance of one
        self.mix = conv(inputs, outputs, 1, gain=half)
        self.pass_on = conv(inputs, outputs, 1, gain=half, bias=False)

    def forward(self, x: Tensor, picture: Tensor | None = None) -> Tensor:
        inner = x if picture is None else torch.cat([x, picture], dim=1)
        for layer in self.convs:
            inner = rectified(layer(inner))
        return rectified(self.mix(F.avg_pool2d(inner, 2)) + self.pass_on(F.avg_pool2d(x, 2)))


def alikeness(x: Tensor) -> Tensor:
    """[N, C, H, W] -> [N, 1, H, W]: mean standard deviation within groups of GROUP images."""
    n, _, height, width = x.shape
    group = GROUP if n % GROUP == 0 else n
    x = x.unflatten(0, (-1, group)).float()
    variance = (x - x.mean(1, keepdim=True)).square().mean(1)
    spread = (variance + EPSILON).sqrt().mean((1, 2, 3)).repeat_interleave(group)
    return spread[:, None, None, None].expand(n, 1, height, width)


class Discriminator(nn.Module):
    """Images to logits [N], given the condition.

    It starts at half the resolution, on 2 x 2 pixels stacked as channels: nothing is lost, and the
    most expensive stage is saved.
    """

    def __init__(self, shape: Shape, options: SkipOptions) -> None:
        super().__init__()
        widths = options.widths(shape.resolution)[-2::-1]
        last = widths[-1]
        self.open = conv(shape.channels * 4, widths[0], 3, gain=GAIN)
        self.stages = nn.Sequential(
            *(Look(narrow, wide, options.convs) for narrow, wide in pairwise(widths))
        )
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
