"""The frozen mapping from a seed to a latent vector: the same seed, for ever the same z.

An integer 0..2**32-1 is the seed of `numpy.random.RandomState` (Mersenne Twister); z is its
`randn(1, z_dim)`. Any string is hashed: SHA-256 of its UTF-8 bytes; the first 16 bytes of the
digest, read as two little-endian 64-bit unsigned integers, are the key of a `numpy.random.Philox`
(counter zero); z is `Generator(Philox(key)).standard_normal(z_dim)`. Both are drawn in float64 and
rounded to float32. "7" and 7 are different seeds. Golden tests hold the mapping in place.
"""

import hashlib
from collections.abc import Sequence

import numpy as np

from core.errors import Invalid
from core.generation import Picture, steps
from core.schemas import MAX_SEED

STRAIGHT = 1e-6  # sine of an angle that is none


def latent(seed: int | str, z_dim: int) -> np.ndarray:
    """The latent of `seed`: float32 [z_dim], from N(0, I). Raises `Invalid` for other integers."""
    if isinstance(seed, str):
        digest = hashlib.sha256(seed.encode()).digest()
        key = np.frombuffer(digest[:16], dtype="<u8").astype(np.uint64)
        drawn = np.random.Generator(np.random.Philox(key=key)).standard_normal(z_dim)
        return drawn.astype(np.float32)
    if not 0 <= seed <= MAX_SEED:
        raise Invalid(f"seed {seed} is outside 0..{MAX_SEED}; use a string for other seeds")
    return np.random.RandomState(seed).randn(1, z_dim)[0].astype(np.float32)


def points(picture: Picture, z_dim: int) -> list[tuple[int | str, np.ndarray]]:
    """z of every image of a picture, and the seed that means its label. Raises Invalid."""
    seeds, point = picture.seeds, picture.point
    if point is None:
        return [(seed, latent(seed, z_dim)) for seed in seeds]
    if point.latent:
        if len(point.latent) != z_dim:
            raise Invalid(f"A latent vector of this model has {z_dim} numbers.")
        return [("", np.asarray(point.latent, np.float64).astype(np.float32))]
    if point.weights:
        return [(seeds[0], blend([latent(seed, z_dim) for seed in seeds], point.weights))]
    if point.t is not None or point.frames is not None:
        start, end = (latent(seed, z_dim) for seed in seeds)
        places = [point.t] if point.t is not None else steps(point.frames or 2)
        return [(seeds[0], slerp(start, end, t)) for t in places]
    return [(seed, latent(seed, z_dim)) for seed in seeds]


def blend(parts: Sequence[np.ndarray], weights: Sequence[float]) -> np.ndarray:
    """sum w_i z_i / sqrt(sum w_i^2), float32 [z_dim]: N(0, I) again, when the z_i are independent.

    Summed in float64 in the order given, so equal blends are equal in every bit.
    """
    w = np.asarray(weights, np.float64)
    total = sum(own * part.astype(np.float64) for own, part in zip(w, parts, strict=True))
    return np.asarray(total / np.sqrt(np.square(w).sum())).astype(np.float32)


def slerp(start: np.ndarray, end: np.ndarray, t: float) -> np.ndarray:
    """So far, 0..1, on the arc from z `start` to z `end`, float32 [z_dim].

    The direction turns evenly (Shoemake, SIGGRAPH 1985: sin((1 - t) a) / sin(a) and sin(t a) /
    sin(a) of the two directions, a apart), the length changes evenly; the ends are exact. Where
    there is no one arc, between equal or opposite directions, the way is the straight line.
    """
    a, b = start.astype(np.float64), end.astype(np.float64)
    lengths = np.linalg.norm(a), np.linalg.norm(b)
    cosine = float(np.clip(a @ b / max(lengths[0] * lengths[1], STRAIGHT), -1, 1))
    sine = float(np.sqrt(1 - cosine**2))
    if sine < STRAIGHT:
        return ((1 - t) * a + t * b).astype(np.float32)
    angle, length = float(np.arccos(cosine)), (1 - t) * lengths[0] + t * lengths[1]
    first = np.sin((1 - t) * angle) / np.sin(angle) * length / lengths[0]
    second = np.sin(t * angle) / np.sin(angle) * length / lengths[1]
    return (first * a + second * b).astype(np.float32)


def latents(seeds: list[int] | list[str] | range, z_dim: int) -> np.ndarray:
    """The latents of several seeds: float32 [len(seeds), z_dim]."""
    return np.stack([latent(seed, z_dim) for seed in seeds])
