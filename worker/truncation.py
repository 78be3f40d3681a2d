"""Truncation: less variety for fewer oddities, in the mapped space where a network has one.

w' = m + psi (w - m) with m the mean of w under the image's own condition (StyleGAN, arXiv
1812.04948, app. B); networks without a mapping get psi z, which shrinks towards the densest noise.
"""

from collections.abc import Callable, Sequence
from functools import cached_property, lru_cache
from typing import Any

import numpy as np
import torch
from torch import Tensor

from core.directions import Directions
from core.errors import Invalid
from worker.directions import listed, strongest
from worker.latents import latents
from worker.styles import Style, fine_latents, mixed, require_mapping

MANY = 256  # latents whose mean is the middle: those of the strings "middle 0", "middle 1", ...
CONDITIONS = 1024  # whose middles are remembered
Condition = tuple[float, ...] | None


class Truncation:
    """A generator that makes images of z [N, z_dim] and c [N, c_dim], truncated by psi [N, 1].

    psi is in 0..1; what 1 makes is equal in every bit to an image without truncation, in any
    company. `styles` are what single images have besides (worker/styles.py). `published` reads the
    network with the weights as they were published, whatever `network` runs with: directions are
    those of the former.
    """

    def __init__(self, network: Any, z_dim: int, published: Callable[[], Any]) -> None:
        self.network, self.z_dim, self.published = network, z_dim, published
        self.middle = lru_cache(CONDITIONS)(self._middle)
        self.spread = lru_cache(CONDITIONS)(self._spread)

    @property
    def mapped(self) -> bool:
        return hasattr(self.network, "mapped")

    def __call__(
        self, z: Tensor, c: Tensor | None, psi: Tensor, styles: Sequence[Style | None] = ()
    ) -> Tensor:
        """Raises Invalid when the network cannot do what a style asks."""
        if not any(styles) and bool((psi == 1).all()):
            return self.network(z, c)
        fine = fine_latents(z, styles)
        if fine is not None:
            require_mapping(self.network)
        if not self.mapped:
            z = torch.where(psi == 1, z, psi * z)
            return self.network(self._moved(z, c, styles), c)
        w = self._mapped(z, c, psi, styles)
        if fine is not None:
            w = mixed(w, self._mapped(fine, c, psi, styles), styles, len(self.network.stages))
        return self.network.painted(w)

    def listed(self) -> Directions:
        """The directions of the space that is truncated. Raises Invalid when there are none,
        NotFound."""
        return listed(self._affine(), "w" if self.mapped else "z")

    @cached_property
    def vectors(self) -> Tensor:
        """The unit vectors [K, S] of the directions. Raises Invalid, NotFound."""
        return torch.from_numpy(strongest(self._affine())[0].astype(np.float32))

    def _affine(self) -> np.ndarray:
        """[R, S], what sees w, or z, first."""
        if not hasattr(self.network, "affine"):
            raise Invalid("The network of this model has no directions: leave direction away.")
        weights = self.published().affine().detach().double().numpy()
        return weights if self.mapped else weights[:, : self.z_dim]

    def _mapped(
        self, z: Tensor, c: Tensor | None, psi: Tensor, styles: Sequence[Style | None]
    ) -> Tensor:
        """w [N, S], truncated and then moved."""
        whole, w = psi == 1, self._w(z, c)
        if not bool(whole.all()):
            middles = torch.stack([self.middle(row) for row in _rows(c, len(z))])
            w = torch.where(whole, w, middles + psi * (w - middles))
        return self._moved(w, c, styles)

    def _moved(self, x: Tensor, c: Tensor | None, styles: Sequence[Style | None]) -> Tensor:
        """x, w or z, with each image's step along its direction; the others as they are."""
        moving = [k for k, style in enumerate(styles) if style is not None and style.amount]
        if not moving:
            return x
        x, conditions = x.clone(), _rows(c, len(x))
        for row in moving:
            style = styles[row]
            assert style is not None and style.direction is not None
            if style.direction >= len(self.vectors):
                raise Invalid(f"The directions of this model are 0 to {len(self.vectors) - 1}.")
            step = style.amount * self.spread(conditions[row])[style.direction]
            x[row] += (step * self.vectors[style.direction]).to(x)
        return x

    def _middle(self, condition: Condition) -> Tensor:
        """The mean of w [S] under a condition [c_dim]."""
        return self._cloud(condition).mean(0)

    def _spread(self, condition: Condition) -> Tensor:
        """The standard deviations [K] of w along the directions under a condition; those of z are
        one."""
        if not self.mapped:
            return torch.ones(len(self.vectors))
        away = (self._cloud(condition) - self.middle(condition)).double().cpu().numpy()
        along = away @ self.vectors.double().numpy().T
        return torch.from_numpy(np.sqrt(np.square(along).mean(0)).astype(np.float32))

    def _cloud(self, condition: Condition) -> Tensor:
        """w [MANY, S] of latents of its own."""
        device = next(self.network.parameters()).device
        z = torch.from_numpy(latents([f"middle {k}" for k in range(MANY)], self.z_dim)).to(device)
        c = None if condition is None else torch.tensor([condition] * MANY, device=device)
        return self._w(z, c)

    def _w(self, z: Tensor, c: Tensor | None) -> Tensor:
        """w [N, S] in float32, also of a network in bfloat16: the same in any company."""
        return self.network.mapped(z, c).float()


def _rows(c: Tensor | None, count: int) -> list[Condition]:
    """The condition of each image."""
    return [None] * count if c is None else [tuple(row) for row in c.tolist()]
