"""Truncation: less variety for fewer oddities, in the mapped space where a network has one.

w' = m + psi (w - m) with m the mean of w under the image's own condition (StyleGAN, arXiv
1812.04948, app. B); networks without a mapping get psi z, which shrinks towards the densest noise.
"""

from functools import lru_cache
from typing import Any

import torch
from torch import Tensor

from worker.latents import latents

MANY = 256  # latents whose mean is the middle: those of the strings "middle 0", "middle 1", ...
CONDITIONS = 1024  # whose middles are remembered


class Truncation:
    """A generator that makes images of z [N, z_dim] and c [N, c_dim], truncated by psi [N, 1].

    psi is in 0..1; what 1 makes is equal in every bit to an image without truncation, in any
    company.
    """

    def __init__(self, network: Any, z_dim: int) -> None:
        self.network, self.z_dim = network, z_dim
        self.middle = lru_cache(CONDITIONS)(self._middle)

    def __call__(self, z: Tensor, c: Tensor | None, psi: Tensor) -> Tensor:
        whole = psi == 1
        if bool(whole.all()):
            return self.network(z, c)
        if not hasattr(self.network, "mapped"):
            return self.network(torch.where(whole, z, psi * z), c)
        w = self.network.mapped(z, c)
        rows = [None] * len(z) if c is None else map(tuple, c.tolist())
        middles = torch.stack([self.middle(row) for row in rows])
        return self.network.painted(torch.where(whole, w, middles + psi * (w - middles)))

    def _middle(self, condition: tuple[float, ...] | None) -> Tensor:
        """The mean of w [S] under a condition [c_dim]."""
        device = next(self.network.parameters()).device
        z = torch.from_numpy(latents([f"middle {k}" for k in range(MANY)], self.z_dim)).to(device)
        c = None if condition is None else torch.tensor([condition] * MANY, device=device)
        return self.network.mapped(z, c).mean(0)
