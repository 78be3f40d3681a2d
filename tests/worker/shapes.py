"""Drawn shapes with classes, for whatever learns from images."""

import numpy as np

from worker.evaluation.classifier import Labelled

SHAPES = ("disc", "cross", "ring", "stripes")


def shapes(count: int, seed: int, side: int = 32, noise: float = 12.0) -> Labelled:
    """Bright shapes of random place, size and brightness on dark, noisy ground; grey."""
    random = np.random.default_rng(seed)
    y, x = np.mgrid[:side, :side] / side
    labels = random.integers(0, len(SHAPES), count)
    drawn = np.empty((count, side, side))
    for k, label in enumerate(labels):
        dy, dx = random.uniform(0.35, 0.65, 2)
        size = random.uniform(0.22, 0.34)
        disc, box = np.hypot(x - dx, y - dy) < size, np.maximum(abs(x - dx), abs(y - dy)) < size
        cross = box & (np.minimum(abs(x - dx), abs(y - dy)) < 0.3 * size)
        ring = disc & (np.hypot(x - dx, y - dy) > 0.6 * size)
        drawn[k] = (disc, cross, ring, box & (y * 10 % 2 < 1))[label] * random.uniform(120, 220)
    drawn += 30 + noise * random.standard_normal(drawn.shape)
    return Labelled(images=drawn.clip(0, 255).astype(np.uint8)[..., None], labels=labels)
