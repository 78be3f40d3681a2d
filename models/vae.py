"""vae: a variational autoencoder whose decoder plays the game, Larsen et al., arXiv 1512.09300.

The decoder paints from N(0, I) as `skip` does; an encoder q(z | x) = N(mu, sigma^2) beside it
learns to find the z of an image. Every real has to be painted again, so no kind of image is
forgotten, and "again" is judged by what the discriminator sees: the generator's lesson is, for x~
painted from z ~ q(z | x), kl KL(q || N(0, I)) + match |D_l(x) - D_l(x~)|^2 + pixel |x - x~|^2.
"""

import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from models import skip
from models.layers import GAIN, Latent, Verdict, conv, linear, rectified
from models.registry import Shape, option, register

EPSILON = 1e-6


@dataclass(frozen=True, kw_only=True)
class VaeOptions(skip.SkipOptions):
    """Sizes of the networks, and the weights of what is learnt from painting reals again."""

    kl: float = option(0.002, "Weight of each nat that the noise tells of an image.", ge=0, le=10)
    match: float = option(
        1.0, "Weight of what the discriminator sees change in an image painted again.", ge=0, le=100
    )
    pixel: float = option(1.0, "Weight of the mean squared change of its pixels.", ge=0, le=100)


class Trunk(nn.Module):
    """Images to the features of every stage, from half the resolution to 4 pixels, and a vector."""

    def __init__(self, shape: Shape, options: VaeOptions) -> None:
        super().__init__()
        widths = options.widths(shape.resolution)[-2::-1]
        self.size = widths[-1]
        self.open = conv(shape.channels * 4, widths[0], 3, gain=GAIN)
        self.stages = nn.ModuleList(skip.Look(a, b, options.convs) for a, b in pairwise(widths))
        self.close = linear(self.size * 16, self.size, gain=GAIN)

    def seen(self, images: Tensor) -> list[Tensor]:
        """[N, C, H, W] of every stage."""
        seen = [rectified(self.open(F.pixel_unshuffle(images, 2)))]
        for stage in self.stages:
            seen.append(stage(seen[-1]))
        return seen

    def forward(self, images: Tensor) -> Tensor:
        return rectified(self.close(self.seen(images)[-1].flatten(1)))


class Encoder(nn.Module):
    """Images and their condition to mu and log sigma^2 of q(z | x), [N, z_dim] each."""

    def __init__(self, shape: Shape, options: VaeOptions) -> None:
        super().__init__()
        self.trunk = Trunk(shape, options)
        self.latent = Latent(self.trunk.size, shape.c_dim)
        self.tell = linear(self.latent.size, 2 * shape.z_dim, gain=0.3)

    def forward(self, images: Tensor, c: Tensor | None = None) -> tuple[Tensor, Tensor]:
        told = self.tell(self.latent(self.trunk(images), c)).float()
        mu, log_variance = told.chunk(2, dim=1)
        return mu, log_variance


class Generator(skip.Generator):
    """The decoder, painting as `skip` does. The encoder serves lessons and `encode` alone."""

    def __init__(self, shape: Shape, options: VaeOptions) -> None:
        super().__init__(shape, options)
        self.options = options
        self.encoder = Encoder(shape, options)

    def mapped(self, z: Tensor, c: Tensor | None = None) -> Tensor:
        """As in skip, but the noise keeps its length: mu is shorter than a draw, and has to stay
        what it is."""
        return self.styles(self.latent(z, c))

    def encode(self, images: Tensor, c: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """mu and log sigma^2 [N, z_dim] of the noise that paints images [N, C, H, W]."""
        return self.encoder(images, c)

    def lesson(self, images: Tensor, c: Tensor | None, D: "Discriminator") -> Tensor:
        """What is lost when reals pass through the noise, a scalar."""
        mu, log_variance = self.encode(images, c)
        again = self(mu + torch.exp(log_variance / 2) * noise_for(mu), c)
        with torch.no_grad():
            wanted = D.features(images)
        seen = change(D.features(again), wanted)
        painted = F.mse_loss(again.float(), images)
        told = divergence(mu, log_variance).mean()
        return self.options.kl * told + self.options.match * seen + self.options.pixel * painted


def divergence(mu: Tensor, log_variance: Tensor) -> Tensor:
    """KL(N(mu, sigma^2) || N(0, I)) in nats, [N, z_dim] -> [N] (arXiv 1312.6114, app. B)."""
    return (mu.square() + log_variance.exp() - log_variance - 1).sum(1) / 2


def change(features: list[Tensor], wanted: list[Tensor]) -> Tensor:
    """Mean squared difference in units of what was wanted, averaged over the stages.

    Relative, because the discriminator is free to scale its features as it learns.
    """
    parts = [
        (one.float() - other.float()).square().mean() / (other.float().square().mean() + EPSILON)
        for one, other in zip(features, wanted, strict=True)
    ]
    return torch.stack(parts).mean()


def noise_for(mu: Tensor) -> Tensor:
    """N(0, 1) like `mu`, seeded by its numbers: fresh at every step, and the same when repeated.

    So a resumed training draws what the interrupted one would have drawn, whatever else runs.
    """
    seed = zlib.crc32(repr(mu.detach().double().sum(1).tolist()).encode())
    rng = torch.Generator().manual_seed(seed)
    return torch.randn(mu.shape, generator=rng).to(mu.device)


class Discriminator(nn.Module):
    """Images to logits [N], given the condition; and the features that lessons compare."""

    def __init__(self, shape: Shape, options: VaeOptions) -> None:
        super().__init__()
        self.trunk = Trunk(shape, options)
        self.verdict = Verdict(self.trunk.size, shape.c_dim)

    def features(self, images: Tensor) -> list[Tensor]:
        """What is seen of images [N, C, H, W] at every stage."""
        return self.trunk.seen(images)

    def forward(self, images: Tensor, c: Tensor | None = None) -> Tensor:
        return self.verdict(self.trunk(images), c)


@register
class Vae:
    """VAE-GAN: paints every training image again too; forgets none of them, and can encode."""

    name = "vae"
    Options = VaeOptions
    generator = Generator
    discriminator = Discriminator
    recipe: Mapping[str, Any] = {}
