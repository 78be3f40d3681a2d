"""How far features move when the latent turns a little: smooth generators move little.

As the perceptual path length of arXiv 1812.04948, but in the features of any space, hence another
name: the two are never compared. It knows no model: whoever asks brings `paint`.
"""

import math
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

EPSILON = 1e-2  # radians; with 1e-4 differences of float32 features are mostly rounding
TRIM = 1.0  # percent of the paths dropped at either end, as usual


def path_length(
    paint: Callable[[Tensor], Tensor],
    z_dim: int,
    features_of: Callable[[Tensor], Tensor],
    *,
    count: int = 1000,
    epsilon: float = EPSILON,
    batch: int = 32,
    seed: int = 0,
) -> dict[str, float]:
    """E |f(G(z)) - f(G(z'))|^2 / epsilon^2, z' = z cos epsilon + w sin epsilon, z and w ~ N(0, I).

    `paint`: z [N, z_dim] -> float images [N, C, H, W], -1..1, not rounded to levels. `features_of`
    as in a `SmoothSpace`. The deviation is that of the mean.
    """
    random = np.random.Generator(np.random.Philox(key=seed))
    steps = []
    with torch.no_grad():
        for start in range(0, count, batch):
            size = (min(batch, count - start), z_dim)
            z, w = (torch.from_numpy(random.standard_normal(size)).float() for _ in range(2))
            turned = z * math.cos(epsilon) + w * math.sin(epsilon)
            moved = features_of(paint(turned)).double() - features_of(paint(z)).double()
            steps.append(moved.square().sum(1) / epsilon**2)
    lengths = torch.cat(steps).cpu().numpy()
    low = np.percentile(lengths, TRIM, method="lower")
    high = np.percentile(lengths, 100 - TRIM, method="higher")
    kept = lengths[(lengths >= low) & (lengths <= high)]
    deviation = float(kept.std()) / math.sqrt(len(kept))
    return {"path_length": float(kept.mean()), "path_length_sd": deviation}
