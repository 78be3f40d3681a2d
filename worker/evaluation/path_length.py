"""How far features move when the latent turns a little: smooth generators move little.

As the perceptual path length of arXiv 1812.04948, but in the features of any space, hence another
name: the two are never compared.
"""

import math
from collections.abc import Callable, Generator
from typing import Any

import numpy as np
import torch
from torch import Tensor

from worker.attend import attend
from worker.evaluation.fakes import SmoothPaint
from worker.evaluation.spaces import SmoothSpace, Space
from worker.hands import side_by_side
from worker.machine import usable_cores

PATHS = 500
EPSILON = 1e-2  # radians; with 1e-4 differences of float32 features are mostly rounding
TRIM = 1.0  # percent of the paths dropped at either end, as usual


def path_length_of(
    paint: SmoothPaint, space: Space, most: int, seed: int
) -> Generator[float, None, dict[str, Any]]:
    """The figures of a generator in a space, from at most `most` paths; null with a reason where
    the space takes whole levels only. Yields how much is done, 0 to 1."""
    if not isinstance(space, SmoothSpace):
        reason = f"the space {space.name} takes no images between the 256 levels"
        return {"path_length": None, "path_length_reason": reason}

    def look(z: Tensor) -> Tensor:
        parts = z.chunk(usable_cores())
        return torch.cat(side_by_side(lambda part: space.features_of(paint.smooth(part)), parts))

    return (
        yield from attend(
            lambda tell: path_length(
                look, paint.z_dim, count=min(most, PATHS), seed=seed, progress=tell
            )
        )
    )


def path_length(
    look: Callable[[Tensor], Tensor],
    z_dim: int,
    *,
    count: int = 1000,
    epsilon: float = EPSILON,
    batch: int = 32,
    seed: int = 0,
    progress: Callable[[float], None] = lambda done: None,
) -> dict[str, float | int]:
    """E |f(G(z)) - f(G(z'))|^2 / epsilon^2, z' = z cos epsilon + w sin epsilon, z and w ~ N(0, I).

    `look`: z [N, z_dim] -> features [N, dim] of the images, which are not rounded to levels; rows
    of the same place have the same class. The deviation is that of the mean.
    """
    random = np.random.Generator(np.random.Philox(key=seed))
    steps = []
    with torch.no_grad():
        for start in range(0, count, batch):
            size = (min(batch, count - start), z_dim)
            z, w = (torch.from_numpy(random.standard_normal(size)).float() for _ in range(2))
            turned = z * math.cos(epsilon) + w * math.sin(epsilon)
            moved = look(turned).double() - look(z).double()
            steps.append(moved.square().sum(1) / epsilon**2)
            progress((start + len(z)) / count)
    lengths = torch.cat(steps).cpu().numpy()
    low = np.percentile(lengths, TRIM, method="lower")
    high = np.percentile(lengths, 100 - TRIM, method="higher")
    kept = lengths[(lengths >= low) & (lengths <= high)]
    deviation = float(kept.std()) / math.sqrt(len(kept))
    figures = {"path_length": float(kept.mean()), "path_length_sd": deviation}
    return figures | {"path_length_n": len(lengths)}
