"""What a pair of networks costs to train, counted without computing anything.

Per real image shown, in passes of multiply-adds M (a backward pass costs two): the generator M_G,
and with n turns of the discriminator for each of its own 2 M_G / n more; the discriminator 6 M_D in
its own turn, 2 M_D / n in the generator's, and 12 M_D / k for penalties on reals and fakes every
k-th step.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import torch
from torch.utils.flop_counter import FlopCounterMode

from models.registry import Shape, architectures
from worker.spec import Recipe


@dataclass(frozen=True, kw_only=True)
class Size:
    """Of one network: multiply-adds for one image, and learnt numbers."""

    macs: float
    parameters: int


@lru_cache(maxsize=256)
def measured(name: str, shape: Shape, options: Any) -> tuple[Size, Size]:
    """The sizes of generator and discriminator, without computing or storing anything."""
    architecture, count = architectures()[name], 2
    with torch.device("meta"):
        G, D = architecture.generator(shape, options), architecture.discriminator(shape, options)
        z = torch.empty(count, shape.z_dim)
        c = torch.empty(count, shape.c_dim) if shape.c_dim else None
        with FlopCounterMode(display=False) as of_generator:
            images = G(z, c)
        with FlopCounterMode(display=False) as of_discriminator:
            D(images, c)
    flops = (of_generator.get_total_flops(), of_discriminator.get_total_flops())
    numbers = [sum(p.numel() for p in network.parameters()) for network in (G, D)]
    first, second = (
        Size(macs=f / 2 / count, parameters=n) for f, n in zip(flops, numbers, strict=True)
    )
    return first, second


def cost(name: str, shape: Shape, options: Any, recipe: Recipe) -> float:
    """Multiply-adds per real image shown, by the model above."""
    generator, discriminator = measured(name, shape, options)
    turns = recipe.n_critic
    passes = 6 + 2 / turns + (12 / recipe.penalty_interval if recipe.gamma else 0)
    return (1 + 2 / turns) * generator.macs + passes * discriminator.macs


def parameters(name: str, shape: Shape, options: Any) -> dict[str, int]:
    """How many numbers each of the networks learns."""
    generator, discriminator = measured(name, shape, options)
    return {"generator": generator.parameters, "discriminator": discriminator.parameters}
