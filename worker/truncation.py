"""Truncation: less variety for fewer oddities, in the mapped space where a network has one.

w' = m + psi (w - m) with m the mean of w under the image's own condition (StyleGAN, arXiv
1812.04948, app. B); networks without a mapping get psi z, which shrinks towards the densest noise.
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor

from worker.latents import latents
from worker.styles import Style, fine_latents, mixed, require_mapping

MANY = 256  # latents whose mean is the middle: those of the strings "middle 0", "middle 1", ...
CONDITIONS = 1024  # whose middles are remembered


class Truncation:
    """A generator that makes images of z [N, z_dim] and c [N, c_dim], truncated by psi [N, 1].

    psi is in 0..1; what 1 makes is equal in every bit to an image without truncation, in any
    company. `styles` are what single images have besides (worker/styles.py).
    """

    def __init__(self, network: Any, z_dim: int) -> None:
        self.network, self.z_dim = network, z_dim
        self.middle = lru_cache(CONDITIONS)(self._middle)

    def __call__(
        self, z: Tensor, c: Tensor | None, psi: Tensor, styles: Sequence[Style | None] = ()
    ) -> Tensor:
        """Raises Invalid when the network cannot do what a style asks."""
        if not any(styles) and bool((psi == 1).all()):
            return self.network(z, c)
        fine = fine_latents(z, styles)
        if fine is not None:
            require_mapping(self.network)
        if not hasattr(self.network, "mapped"):
            return self.network(torch.where(psi == 1, z, psi * z), c)
        w = self._mapped(z, c, psi)
        if fine is not None:
            w = mixed(w, self._mapped(fine, c, psi), styles, len(self.network.stages))
        return self.network.painted(w)

    def _mapped(self, z: Tensor, c: Tensor | None, psi: Tensor) -> Tensor:
        """The truncated w [N, S]."""
        whole, w = psi == 1, self.network.mapped(z, c)
        if bool(whole.all()):
            return w
        rows = [None] * len(z) if c is None else map(tuple, c.tolist())
        middles = torch.stack([self.middle(row) for row in rows])
        return torch.where(whole, w, middles + psi * (w - middles))

    def _middle(self, condition: tuple[float, ...] | None) -> Tensor:
        """The mean of w [S] under a condition [c_dim]."""
        device = next(self.network.parameters()).device
        z = torch.from_numpy(latents([f"middle {k}" for k in range(MANY)], self.z_dim)).to(device)
        c = None if condition is None else torch.tensor([condition] * MANY, device=device)
        return self.network.mapped(z, c).mean(0)
