"""dcgan: the classic of Radford et al., arXiv 1511.06434: strided 4x4 convolutions and BatchNorm.

Conditional by a label embedding beside z and a projection in the discriminator (1802.05637).
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn

from models.registry import Shape, option, register


@dataclass(frozen=True, kw_only=True)
class DcganOptions:
    """Sizes of the two networks."""

    width: int = option(32, "Channels at half the resolution; doubles per halving.", ge=4, le=512)
    max_width: int = option(512, "Most channels a layer may have.", ge=16, le=2048)


def layer_widths(resolution: int, options: DcganOptions) -> list[int]:
    """Channels at 4, 8, ..., resolution / 2 pixels."""
    layers = int(math.log2(resolution)) - 2
    return [min(options.width * 2**k, options.max_width) for k in reversed(range(layers))]


def classic_init(module: nn.Module) -> None:
    """N(0, 0.02) weights, as in the paper; normalisation scales around one."""
    if isinstance(module, (nn.Conv2d, nn.ConvTranspose2d, nn.Linear)):
        nn.init.normal_(module.weight, std=0.02)
    elif isinstance(module, nn.BatchNorm2d):
        nn.init.normal_(module.weight, mean=1.0, std=0.02)


class Generator(nn.Module):
    """Noise z and condition c to images in -1..1 by transposed convolutions."""

    def __init__(self, shape: Shape, options: DcganOptions) -> None:
        super().__init__()
        widths = layer_widths(shape.resolution, options)
        inputs = shape.z_dim * (2 if shape.c_dim else 1)
        self.embed = nn.Linear(shape.c_dim, shape.z_dim, bias=False) if shape.c_dim else None
        layers: list[nn.Module] = [nn.ConvTranspose2d(inputs, widths[0], 4, bias=False)]
        for wide, narrow in pairwise(widths):
            layers += [nn.BatchNorm2d(wide), nn.ReLU()]
            layers += [nn.ConvTranspose2d(wide, narrow, 4, 2, 1, bias=False)]
        layers += [nn.BatchNorm2d(widths[-1]), nn.ReLU()]
        layers += [nn.ConvTranspose2d(widths[-1], shape.channels, 4, 2, 1), nn.Tanh()]
        self.layers = nn.Sequential(*layers)
        self.apply(classic_init)
        if self.embed is not None:
            nn.init.normal_(self.embed.weight)

    def forward(self, z: Tensor, c: Tensor | None = None) -> Tensor:
        if self.embed is not None:
            assert c is not None, "this generator needs a condition"
            z = torch.cat([z, self.embed(c)], dim=1)
        return self.layers(z[:, :, None, None])

    def affine(self) -> Tensor:
        """[R, inputs], the weights that see the noise: of 4 x 4 pixels, a linear layer."""
        first: Any = self.layers[0]
        return first.weight.flatten(1).T


class Discriminator(nn.Module):
    """Images to logits [N] by strided convolutions, with BatchNorm between them."""

    def __init__(self, shape: Shape, options: DcganOptions) -> None:
        super().__init__()
        widths = layer_widths(shape.resolution, options)[::-1]
        layers: list[nn.Module] = [nn.Conv2d(shape.channels, widths[0], 4, 2, 1), nn.LeakyReLU(0.2)]
        for narrow, wide in pairwise(widths):
            layers += [nn.Conv2d(narrow, wide, 4, 2, 1, bias=False), nn.BatchNorm2d(wide)]
            layers += [nn.LeakyReLU(0.2)]
        self.layers = nn.Sequential(*layers)
        self.judge = nn.Linear(widths[-1] * 16, 1)
        self.project = nn.Linear(shape.c_dim, widths[-1], bias=False) if shape.c_dim else None
        self.apply(classic_init)

    def forward(self, images: Tensor, c: Tensor | None = None) -> Tensor:
        features = self.layers(images)
        logits = self.judge(features.flatten(1)).squeeze(1)
        if self.project is None:
            return logits
        assert c is not None, "this discriminator needs a condition"
        return logits + (features.sum((2, 3)) * self.project(c)).sum(1)


@register
class Dcgan:
    """The classic strided convolutions with BatchNorm: fast, forgiving, less sharp."""

    name = "dcgan"
    Options = DcganOptions
    generator = Generator
    discriminator = Discriminator
    recipe: Mapping[str, Any] = {
        "loss": "bce",
        "lr": 2e-4,
        "lr_final": 2e-4,
        "beta1": 0.5,
        "beta2": 0.999,
        "beta2_final": 0.999,
        "z_dim": 100,
    }
