"""Figures that are comparable with published ones, from networks that the owner provides.

FID (arXiv 1706.08500), KID (1801.01401), Inception Score (1606.03498), and the Frechet distance of
DINOv2 features (2306.04675). Without the official weights, or with too few images, they are null.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from worker.attend import Tell
from worker.evaluation.distances import frechet_distance, kernel_distance
from worker.evaluation.inception import InceptionSpace
from worker.evaluation.reals import spread
from worker.evaluation.spaces import Space
from worker.evaluation.weights import DINO, INCEPTION, OFFICIAL, Official, official
from worker.hands import side_by_side

FEWEST = {"fid": 2048, "kid": 100, "is": 100, "fd_dinov2": 2048}  # images on each side
MOST_PAIRED = 5000  # images a side whose pairs are all compared
SPLITS = 10
CHUNK = 64  # images between two words of progress
HANDFULS = 4  # parts of a chunk that are looked at side by side
SHUFFLE = 20_160_610  # of the images, before they are split

Figures = dict[str, Any]


def official_metrics(
    real_images: np.ndarray,
    fake_images: np.ndarray,
    folder: Path | None,
    progress: Tell,
    known: tuple[Official, ...] = OFFICIAL,
) -> Figures:
    """`fid`, `kid`, `kid_sd`, `is`, `is_sd`, `fd_dinov2` of uint8 [N, H, W, C] and [M, H, W, C].

    What cannot be computed is null, with the reason in `{name}_reason`. `progress` is told 0..1
    and may raise to end the work. The process has to have set torch to one thread.
    """
    count = min(len(real_images), len(fake_images))
    found: Figures = {}
    for place, network in enumerate(known):
        names = FIGURES[network.name]
        possible = [name for name in names if count >= FEWEST[name]]
        few = (name for name in names if name not in possible)
        found |= _missing({name: f"needs >= {FEWEST[name]} images" for name in few})
        space = official(network, folder) if possible else ""
        if isinstance(space, str):
            found |= _missing(dict.fromkeys(possible, space))
            continue

        def tell(done: float, place: int = place) -> None:
            progress((place + done) / len(known))

        real, fake = _features(space, (real_images, fake_images), tell)
        for name in possible:
            found |= FUNCTIONS[name](space, real, fake)
    progress(1.0)
    return found


def inception_score(logits: np.ndarray, splits: int = SPLITS) -> tuple[float, float]:
    """exp of the mean KL(p(y|x) || p(y)) of logits [N, K]: mean and deviation over the splits."""
    order = np.random.Generator(np.random.Philox(key=SHUFFLE)).permutation(len(logits))
    scores = []
    for part in np.array_split(logits[order].astype(np.float64), splits):
        shifted = part - part.max(1, keepdims=True)
        log_p = shifted - np.log(np.exp(shifted).sum(1, keepdims=True))
        p = np.exp(log_p)
        scores.append(np.exp((p * (log_p - np.log(p.mean(0)))).sum(1).mean()))
    return float(np.mean(scores)), float(np.std(scores))


def _fid(space: Space, real: np.ndarray, fake: np.ndarray) -> Figures:
    return {"fid": frechet_distance(real, fake)}


def _kid(space: Space, real: np.ndarray, fake: np.ndarray) -> Figures:
    distance, deviation = kernel_distance(
        *(side[spread(len(side), MOST_PAIRED)] for side in (real, fake))
    )
    return {"kid": distance, "kid_sd": deviation}


def _is(space: Space, real: np.ndarray, fake: np.ndarray) -> Figures:
    assert isinstance(space, InceptionSpace)
    score, deviation = inception_score(space.logits(fake), SPLITS)
    return {"is": score, "is_sd": deviation}


def _fd_dinov2(space: Space, real: np.ndarray, fake: np.ndarray) -> Figures:
    return {"fd_dinov2": frechet_distance(real, fake)}


FUNCTIONS: dict[str, Callable[[Space, np.ndarray, np.ndarray], Figures]] = {
    "fid": _fid,
    "kid": _kid,
    "is": _is,
    "fd_dinov2": _fd_dinov2,
}
FIGURES = {INCEPTION.name: ("fid", "kid", "is"), DINO.name: ("fd_dinov2",)}
SPREADS = {"kid": "kid_sd", "is": "is_sd"}


def _features(
    space: Space, sides: tuple[np.ndarray, np.ndarray], tell: Tell
) -> tuple[np.ndarray, np.ndarray]:
    """float32 [N, dim] and [M, dim]."""
    whole, done = sum(len(images) for images in sides), 0
    found = tuple(np.empty((len(images), space.dim), np.float32) for images in sides)
    for images, features in zip(sides, found, strict=True):
        for start in range(0, len(images), CHUNK):
            parts = np.array_split(images[start : start + CHUNK], HANDFULS)
            features[start : start + CHUNK] = np.concatenate(side_by_side(space.features, parts))
            done += sum(len(part) for part in parts)
            tell(done / whole)
    return found[0], found[1]


def _missing(reasons: dict[str, str]) -> Figures:
    """Null for these figures and their deviations, and why."""
    found: Figures = {}
    for name, reason in reasons.items():
        for key in (name, SPREADS.get(name, name)):
            found |= {key: None, f"{key}_reason": reason}
    return found
