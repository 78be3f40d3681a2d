"""Architectures, registered where they are defined: one new file here is one new architecture.

A module of this package decorates a class with `@register`; `architectures()` imports them all.
"""

import importlib
import pkgutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from torch import nn


@dataclass(frozen=True, kw_only=True)
class Shape:
    """What goes in and out of the networks: square images, noise and condition lengths."""

    resolution: int
    channels: int
    z_dim: int
    c_dim: int


@dataclass(frozen=True, kw_only=True)
class Architecture:
    """A pair of networks.

    `generator(shape, options)`: `forward(z [N, z_dim], c [N, c_dim] | None)` gives images
    [N, C, H, W], about -1..1. `discriminator(shape, options)`: `forward(images, c)` gives logits
    [N]. A network may have a method `lesson` with a loss that is added to its own: the
    discriminator's takes (images, c), the generator's (images, c, discriminator), all of reals.
    A generator in two halves has `mapped(z, c)` to w [N, S] and `painted(w)`: there w is truncated;
    `painted` also takes [N, L, S], a w for each of its L `stages` of 4, 8, ... pixels.
    `affine()` gives the weights [R, S] of the linear layers that see w first, or z (and behind it
    the embedded condition) where there is no mapping.
    `recipe` holds the training options its paper trains it with, over the general defaults.
    `resolutions` are those it can make; None: all. `z_dim(resolution, channels)` is the length of
    noise it prescribes; None: any.
    """

    name: str
    summary: str
    Options: type[Any]
    generator: Callable[[Shape, Any], nn.Module]
    discriminator: Callable[[Shape, Any], nn.Module]
    recipe: Mapping[str, Any]
    resolutions: tuple[int, ...] | None = None
    z_dim: Callable[[int, int], int] | None = None

    def paints(self, resolution: int) -> bool:
        """Whether images of `resolution` can be made."""
        return self.resolutions is None or resolution in self.resolutions

    @property
    def abilities(self) -> tuple[str, ...]:
        """What its generators can do besides making images of noise."""
        return tuple(name for name, half in ABILITIES.items() if hasattr(self.generator, half))

    def noise(self, resolution: int, channels: int, wanted: int) -> int:
        """The length of z: `wanted`, unless the architecture prescribes one."""
        return wanted if self.z_dim is None else self.z_dim(resolution, channels)


ABILITIES = {"mix": "painted", "directions": "affine"}  # and the methods that they need
C = TypeVar("C", bound=type[Any])
_ARCHITECTURES: dict[str, Architecture] = {}


def option(default: Any, description: str, **bounds: Any) -> Any:
    """A documented field of an `Options` record; `bounds` are `ge`, `le`, `multiple_of`."""
    return field(default=default, metadata={"description": description, **bounds})


def register(definition: C) -> C:
    """Class decorator: enter the class's networks under its `name`."""
    name: str = definition.name
    assert name not in _ARCHITECTURES, f"two architectures are called {name}"
    _ARCHITECTURES[name] = Architecture(
        name=name,
        summary=(definition.__doc__ or name).strip().splitlines()[0],
        Options=definition.Options,
        generator=definition.generator,
        discriminator=definition.discriminator,
        recipe=getattr(definition, "recipe", {}),
        resolutions=getattr(definition, "resolutions", None),
        z_dim=getattr(definition, "z_dim", None),
    )
    return definition


def architectures() -> dict[str, Architecture]:
    """Every architecture of this package by name, sorted."""
    package = __name__.rpartition(".")[0]
    folder = importlib.import_module(package).__path__
    for module in pkgutil.iter_modules(folder):
        importlib.import_module(f"{package}.{module.name}")
    return dict(sorted(_ARCHITECTURES.items()))
