"""What is asked of an image besides its z: other styles for finer stages, a step in a direction.

Style mixing (StyleGAN, arXiv 1812.04948, section 3.1): the stages up to some resolution are styled
by the w of one z, those from there on by that of another.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from core.errors import Invalid
from core.generation import Point
from worker.latents import latent

SMALLEST = 4  # pixels a side of the first stage


@dataclass(frozen=True, kw_only=True)
class Style:
    """What one image has besides its z. `fine`: another z, float32 [z_dim], whose styles the stages
    from number `stage` on have. `amount`: of standard deviations along a direction."""

    fine: np.ndarray | None = None
    stage: int = 0
    direction: int | None = None
    amount: float = 0.0

    @classmethod
    def of(cls, point: Point | None, z_dim: int) -> "Style | None":
        """None for an image of its z alone."""
        if point is None or (point.mix is None and point.direction is None):
            return None
        return cls(
            fine=None if point.mix is None else latent(point.mix, z_dim),
            stage=(point.mix_from // SMALLEST).bit_length() - 1,
            direction=point.direction,
            amount=point.amount,
        )


def mixed(w: Tensor, fine: Tensor, styles: Sequence[Style | None], stages: int) -> Tensor:
    """w and what finer stages have instead, [N, S] each, as [N, stages, S]."""
    every = w[:, None].repeat(1, stages, 1)
    for row, style in enumerate(styles):
        if style is not None and style.fine is not None:
            every[row, style.stage :] = fine[row]
    return every


def fine_latents(z: Tensor, styles: Sequence[Style | None]) -> Tensor | None:
    """z [N, z_dim] of the finer stages; None when no image mixes."""
    rows = [k for k, style in enumerate(styles) if style is not None and style.fine is not None]
    if not rows:
        return None
    other = z.clone()
    for row in rows:
        other[row] = torch.from_numpy(styles[row].fine).to(z.device)  # type: ignore[union-attr]
    return other


def require_mapping(network: object) -> None:
    """Raise Invalid for a network that has no styles."""
    if not hasattr(network, "painted"):
        raise Invalid(
            "The network of this model has no styles that could be mixed: leave mix away."
        )
