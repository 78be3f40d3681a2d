"""The figures of an evaluation, each one registered function of two sides, real and fake.

A metric returns a flat record of figures whose names begin with its own. What is counted or said
is int or str; every float is also measured for reals against reals: its floor.
"""

import inspect
import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from worker.evaluation import chance, ssim
from worker.evaluation.distances import frechet_deviation, frechet_distance, kernel_distance
from worker.evaluation.neighbours import (
    authentic_percent,
    copied_rank,
    copied_rank_deviation,
    copied_share,
)
from worker.evaluation.sides import Sides
from worker.evaluation.swd import IMAGES, swd_levels

PAIRS = 256  # of images, for figures of diversity
MANY = 512  # features, beyond which the deviation of `fd` would take minutes

Figures = dict[str, float | int | str]
Function = Callable[[Sides], Figures]
Better = Literal["lower", "higher", "floor"]
Needs = Literal["features", "images"]


@dataclass(frozen=True, kw_only=True)
class Metric:
    """One way of judging. `better`: as in core.evaluations.BETTER; `fewest` images a side."""

    name: str
    better: Better
    summary: str
    needs: Needs
    fewest: int
    function: Function


_METRICS: dict[str, Metric] = {}


def register(
    better: Better, *, needs: Needs = "features", fewest: int = 2
) -> Callable[[Function], Function]:
    """Decorator: enter the function under its own name."""

    def enter(function: Function) -> Function:
        name = getattr(function, "__name__", "")
        summary = (inspect.getdoc(function) or "").partition("\n")[0]
        _METRICS[name] = Metric(
            name=name, better=better, summary=summary, needs=needs, fewest=fewest, function=function
        )
        return function

    return enter


def metrics() -> dict[str, Metric]:
    """Every metric by name."""
    return dict(_METRICS)


def measure(
    sides: Sides,
    names: Iterable[str] | None = None,
    progress: Callable[[float], None] = lambda done: None,
) -> dict[str, Any]:
    """The figures of these metrics, of all by default, and their floors; flat and ready for JSON.

    What too few images do not allow is None, with a `_reason`. `progress` hears 0..1.
    """
    chosen = [_METRICS[name] for name in (_METRICS if names is None else names)]
    floor = sides.floor()
    found: dict[str, Any] = {
        "space": sides.space,
        "n_real": len(sides.real),
        "n_fake": len(sides.fake),
        "floor_reference": "halves" if sides.told_apart is None else "held-out",
        "floor_n": len(floor.fake),
    }
    for done, metric in enumerate(chosen):
        found |= _figures(metric, sides)
        progress((done + 0.5) / len(chosen))
        found |= _as_floor(_figures(metric, floor))
        progress((done + 1) / len(chosen))
    return found


def _figures(metric: Metric, sides: Sides) -> dict[str, Any]:
    fewest = min(len(sides.real), len(sides.fake))
    if fewest < metric.fewest:
        reason = f"needs {metric.fewest} images on each side, there are {fewest}"
        return {metric.name: None, f"{metric.name}_reason": reason}
    return dict(metric.function(sides))


def _as_floor(figures: dict[str, Any]) -> dict[str, Any]:
    """`kd`, `kd_sd` -> `kd_floor`, `kd_floor_sd`; what is counted or said is left out."""
    renamed = {}
    for name, value in figures.items():
        stem, mark, rest = name.partition("_reason" if "_reason" in name else "_sd")
        if isinstance(value, float | None) or mark == "_reason":
            renamed[f"{stem}_floor{mark}{rest}"] = value
    return renamed


@register("lower", fewest=3)
def kd(sides: Sides) -> Figures:
    """Kernel distance: unbiased MMD^2, cubic polynomial kernel, with its jackknife deviation."""
    distance, deviation = kernel_distance(sides.real, sides.fake)
    return {"kd": distance, "kd_sd": deviation}


@register("lower", fewest=3)
def fd(sides: Sides) -> Figures:
    """Frechet distance of Gaussians in this feature space; not FID, and larger for few images."""
    distance: Figures = {"fd": frechet_distance(sides.real, sides.fake)}
    if sides.real.shape[1] > MANY:
        return distance
    return distance | {"fd_sd": frechet_deviation(sides.real, sides.fake)}


@register("higher", fewest=6)
def precision(sides: Sides) -> Figures:
    """Share of fakes that lie among the reals (k = 3): how many look right."""
    return _share("precision", sides.overlap.precision, len(sides.fake))


@register("higher", fewest=6)
def recall(sides: Sides) -> Figures:
    """Share of reals that lie among the fakes (k = 3): how much is covered."""
    return _share("recall", sides.overlap.recall, len(sides.real))


@register("floor", fewest=6)
def density(sides: Sides) -> Figures:
    """How densely reals surround the fakes (k = 5); 1 for reals, more where modes are favoured."""
    return {"density": sides.overlap.density, "density_sd": sides.overlap.density_sd}


@register("higher", fewest=6)
def coverage(sides: Sides) -> Figures:
    """Share of reals that have a fake among their nearest (k = 5)."""
    return _share("coverage", sides.overlap.coverage, len(sides.real))


@register("lower", needs="images")
def swd(sides: Sides) -> Figures:
    """Sliced Wasserstein distance of 7x7 patches x 1000, mean over pyramid levels; no network."""
    levels = swd_levels(sides.real_images, sides.fake_images, seed=sides.seed)
    count = min(IMAGES, len(sides.real_images), len(sides.fake_images))
    mean = float(np.mean([level.distance for level in levels.values()]))
    whole = chance.of_left_out(np.mean([level.without for level in levels.values()], axis=0))
    figures: Figures = {"swd": mean, "swd_sd": whole, "swd_n": count}
    for side, level in levels.items():
        deviation = chance.of_left_out(level.without)
        figures |= {f"swd_{side}": level.distance, f"swd_{side}_sd": deviation}
    return figures


@register("floor", needs="images")
def ms_ssim(sides: Sides) -> Figures:
    """Mean MS-SSIM of random pairs of fakes, 0..1: the higher, the more alike they are."""
    one, other = _pairs(sides.fake_images, sides.random(2))
    scales = ssim.scales_of(min(one.shape[1:3]))
    likeness = ssim.ms_ssim(one, other)
    figures: Figures = {"ms_ssim": float(likeness.mean()), "ms_ssim_sd": chance.of_mean(likeness)}
    return figures | {"ms_ssim_scales": scales}


@register("floor", needs="images")
def diversity(sides: Sides) -> Figures:
    """Mean distance of random pairs of fakes, pixel by pixel, over that of reals."""
    both = [
        _distances(*_pairs(images, sides.random(3)))
        for images in (sides.fake_images, sides.real_images)
    ]
    fake, real = (max(float(found.mean()), 1e-12) for found in both)
    relative = math.hypot(chance.of_mean(both[0]) / fake, chance.of_mean(both[1]) / real)
    return {"diversity": fake / real, "diversity_sd": fake / real * relative}


@register("lower")
def copied(sides: Sides) -> Figures:
    """Share of fakes nearer to a training image than 99 % of honest images are; 0.01 by chance.

    Honest are held-out images, else training images beside all others. `copied_rank` is how often
    a fake is nearer than an honest image; 0.5 by chance.
    """
    _, distances = sides.copies
    return {
        **_share("copied", copied_share(distances, sides.honest), len(distances)),
        "copied_rank": copied_rank(distances, sides.honest),
        "copied_rank_sd": copied_rank_deviation(distances, sides.honest),
        "copied_reference": "leave-one-out" if sides.told_apart is None else "held-out",
    }


@register("higher")
def authpct(sides: Sides) -> Figures:
    """Percentage of fakes farther from the nearest training image than that is from the others."""
    percent = authentic_percent(*sides.copies, sides.lone)
    deviation = chance.of_share(percent / 100, len(sides.fake))
    return {"authpct": percent, "authpct_sd": 100 * deviation}


def _share(name: str, share: float, count: int) -> Figures:
    """A share of `count` images with its deviation."""
    return {name: share, f"{name}_sd": chance.of_share(share, count)}


def _pairs(images: np.ndarray, random: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """PAIRS random pairs of different images of [N, H, W, C], N at least 2."""
    one = random.integers(len(images), size=PAIRS)
    other = (one + random.integers(1, len(images), size=PAIRS)) % len(images)
    return images[one], images[other]


def _distances(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """The root mean square difference of each pair, in levels."""
    squared = [np.square(a.astype(np.float32) - b).mean() for a, b in zip(one, other, strict=True)]
    return np.sqrt(squared)
