"""What several architectures are built from: initialised layers, and where a condition enters."""

import math
from typing import Any, TypeVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

SLOPE = 0.2  # of the leaky rectifier
GAIN = math.sqrt(2 / (1 + SLOPE**2))  # keeps the variance through it
L = TypeVar("L", nn.Conv2d, nn.Linear)


def conv(inputs: int, outputs: int, size: int, *, gain: float, bias: bool = True) -> nn.Conv2d:
    """A convolution that keeps the picture's size; weights N(0, gain^2 / fan_in), biases zero."""
    layer = nn.Conv2d(inputs, outputs, size, padding=size // 2, bias=bias)
    return _initialised(layer, gain / math.sqrt(inputs * size * size))


def linear(inputs: int, outputs: int, *, gain: float = 1.0, bias: bool = True) -> nn.Linear:
    """A linear layer; weights N(0, gain^2 / fan_in), biases zero."""
    return _initialised(nn.Linear(inputs, outputs, bias=bias), gain / math.sqrt(inputs))


def stage_widths(resolution: int, width: int, most: int) -> list[int]:
    """Channels of the stages at 4, 8, ..., `resolution` pixels: `width` at the last, twice as many
    with each halving, `most` at most."""
    stages = int(math.log2(resolution)) - 1
    return [min(width * 2**k, most) for k in reversed(range(stages))]


def rectified(x: Tensor) -> Tensor:
    return F.leaky_relu(x, SLOPE)


def doubled(x: Tensor) -> Tensor:
    """[N, C, H, W] -> [N, C, 2H, 2W], smoothly: no checkerboard."""
    return F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)


def weights(*layers: Any) -> Tensor:
    """Of linear layers that see the same vector: [all their outputs, inputs]."""
    return torch.cat([layer.weight for layer in layers])


class Latent(nn.Module):
    """Noise z [N, z_dim], and the embedded condition c [N, c_dim] beside it where there is one.

    `size` is the length of the result.
    """

    def __init__(self, z_dim: int, c_dim: int) -> None:
        super().__init__()
        self.embed = linear(c_dim, z_dim, bias=False) if c_dim else None
        self.size = z_dim * (2 if c_dim else 1)

    def forward(self, z: Tensor, c: Tensor | None) -> Tensor:
        if self.embed is None:
            return z
        assert c is not None, "this generator needs a condition"
        return torch.cat([z, self.embed(c) * math.sqrt(c.shape[1])], dim=1)


class Verdict(nn.Module):
    """Features [N, F] to logits [N]; with a condition by projection (arXiv 1802.05637)."""

    def __init__(self, features: int, c_dim: int) -> None:
        super().__init__()
        self.judge = linear(features, 1)
        self.project = linear(c_dim, features, bias=False) if c_dim else None

    def forward(self, features: Tensor, c: Tensor | None) -> Tensor:
        logits = self.judge(features).squeeze(1)
        if self.project is None:
            return logits
        assert c is not None, "this discriminator needs a condition"
        return logits + (features * self.project(c)).sum(1) / math.sqrt(features.shape[1])


class Attention(nn.Module):
    """Self-attention of a map: what is far away is looked at too (SAGAN, arXiv 1805.08318, 3).

    theta, phi: 1x1 to C / 8 (at least 4); g: 1x1 to C / 2; phi and g are pooled 2x2 to K = HW / 4
    keys. A = softmax(theta^T phi) [HW, K], y = x + scale * out(g A^T), the identity at the start.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        inner = max(width // 8, 4)
        gain = inner**-0.25  # of two, whose products theta^T phi then have about unit variance
        self.theta = conv(width, inner, 1, gain=gain, bias=False)
        self.phi = conv(width, inner, 1, gain=gain, bias=False)
        self.g = conv(width, width // 2, 1, gain=1.0, bias=False)
        self.out = conv(width // 2, width, 1, gain=1.0, bias=False)
        self.scale = nn.Parameter(torch.zeros(()))

    def forward(self, x: Tensor) -> Tensor:
        queries = self.theta(x).flatten(2)  # [N, C / 8, HW]
        keys, values = (F.max_pool2d(layer(x), 2).flatten(2) for layer in (self.phi, self.g))
        attention = torch.softmax(queries.mT @ keys, dim=2)  # [N, HW, K]
        seen = (values @ attention.mT).unflatten(2, x.shape[2:])
        return x + self.scale * self.out(seen)


def _initialised(layer: L, std: float) -> L:
    nn.init.normal_(layer.weight, std=std)
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)
    return layer
