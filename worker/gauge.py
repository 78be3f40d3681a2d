"""Light evaluation of a training: now and then the averaged generator is compared with some reals.

When that happens is a matter of images shown, never of time, and no random number of the training
is used: what is chosen by it is the same in every run. It knows no files and no queue.
"""

import math
from collections.abc import Callable, Generator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import Tensor

from worker.data import Dataset
from worker.evaluation import neighbours
from worker.evaluation.distances import kernel_distance
from worker.evaluation.neighbours import coverage
from worker.evaluation.reals import spread
from worker.evaluation.spaces import rand64
from worker.evaluation.swd import sliced_wasserstein
from worker.events import Pulse
from worker.spec import TrainSpec
from worker.tasks import condition_of, levels

IMAGES = 512  # of each side; fewer when the data set has fewer
SOME = 256  # images in memory at once, where only their features are wanted
KNOWN = 2000  # training images among which copies are looked for
FEWEST_OF_CLASS = 8  # of a class, for its own diversity
FEWEST = 32  # below this nothing is measured: the figures would be noise
CHUNK = 32  # images painted between two looks at what is asked for
PATCHES, PROJECTIONS = 16, 64  # of the sliced Wasserstein distance; an evaluation takes more
KEY = 20_180_612  # of the choice of reals and of the noise: the same for every training
SHARE = 0.03  # of the time of a training, at most, for measuring
SECONDS, SECONDS_EACH = 0.3, 0.001  # of a measurement, and of one image besides painting it
CLEARLY = 2.0  # standard deviations by which another state must be better to be preferred

Paint = Callable[[Tensor, Tensor | None], Tensor]


@dataclass(frozen=True, kw_only=True)
class Figures:
    """One measurement. `kd` is unbiased: near zero it may be slightly negative."""

    step: int
    kimg: float
    kd: float
    kd_sd: float
    coverage: float
    swd: float
    diversity: float | None = None  # of pairs of images made, over that of pairs of reals
    class_diversity: float | None = None  # the same within the class where it is least
    authentic: float | None = None  # percent, as `authpct` of an evaluation

    def values(self) -> dict[str, float]:
        """The figures by name, for the series of the job."""
        told = {name: value for name, value in vars(self).items() if name not in ("step", "kimg")}
        return {name: value for name, value in told.items() if value is not None}

    def clearly_better(self, other: "Figures") -> bool:
        """Whether the distance is smaller by more than the noise of both."""
        return self.kd + CLEARLY * math.hypot(self.kd_sd, other.kd_sd) < other.kd


@dataclass(frozen=True, kw_only=True)
class Reference:
    """What every measurement of a training has in common; N rows each."""

    images: np.ndarray  # uint8 [N, H, W, C]
    features: np.ndarray  # [N, d]
    known: np.ndarray  # [T, d], of more training images
    alone: np.ndarray  # [T], how far each of those is from the nearest other one
    labels: np.ndarray | None  # int64 [N]
    z: Tensor  # [N, z_dim]
    c: Tensor | None  # [N, c_dim], the classes or attributes of the reals


class Gauge:
    """Measures every `recipe.measure_kimg` thousand images, and remembers the best and the last."""

    def __init__(self, spec: TrainSpec, data: Dataset) -> None:
        self.every = spec.recipe.measure_kimg
        self.count = min(IMAGES, len(data))
        self.next = self.every
        self.best: Figures | None = None
        self.last: Figures | None = None
        self._spec, self._data = spec, data

    def due(self, kimg: float) -> bool:
        """Whether as many images were shown as the next measurement wants."""
        return self.able and self.every > 0 and kimg >= self.next

    @property
    def able(self) -> bool:
        return self.count >= FEWEST

    def measure(self, paint: Paint, step: int, kimg: float) -> Generator[Pulse, None, Figures]:
        """The figures of what `paint` paints now. Yields often, so that its caller can stop it."""
        real = self.reference
        fakes, features = [], []
        for start in range(0, self.count, CHUNK):
            part = slice(start, start + CHUNK)
            c = None if real.c is None else real.c[part]
            fakes.append(levels(paint(real.z[part], c)))
            features.append(rand64().features(fakes[-1]))
            yield Pulse(step=step)
        of_fakes, made = np.concatenate(features), np.concatenate(fakes)
        diversity, of_classes = diversities(made, real.images, real.labels)
        indices, distances = neighbours.nearest(of_fakes, real.known)
        kd, kd_sd = kernel_distance(real.features, of_fakes)
        figures = Figures(
            step=step,
            kimg=kimg,
            kd=kd,
            kd_sd=kd_sd,
            coverage=coverage(real.features, of_fakes),
            swd=sliced_wasserstein(real.images, made, patches=PATCHES, projections=PROJECTIONS),
            diversity=diversity,
            class_diversity=of_classes,
            authentic=neighbours.authentic_percent(indices[:, 0], distances[:, 0], real.alone),
        )
        self.next = (math.floor(kimg / self.every) + 1) * self.every if self.every else math.inf
        self.last = figures
        return figures

    def state(self) -> dict[str, Any]:
        """What a checkpoint keeps, as JSON."""
        kept = {"best": self.best, "last": self.last}
        return {"next": self.next} | {k: vars(v) if v else None for k, v in kept.items()}

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from `state`; checkpoints from before there was one measure from here on."""
        self.next = state.get("next", self.every)
        self.best, self.last = (
            Figures(**state[name]) if state.get(name) else None for name in ("best", "last")
        )

    @cached_property
    def reference(self) -> "Reference":
        """The reals, and what the generator is asked for; made when it is first needed."""
        bits = [np.random.Generator(np.random.Philox(key=KEY + i)) for i in range(2)]
        rows = self._data.rows(np.sort(bits[0].permutation(len(self._data))[: self.count]))
        images, z_dim = rows.images.numpy(), self._spec.shape.z_dim
        known = self._known()
        z = bits[1].standard_normal((self.count, z_dim), dtype=np.float32)
        return Reference(
            images=images,
            features=rand64().features(images),
            known=known,
            alone=neighbours.lone_distances(known),
            labels=None if rows.labels is None else rows.labels.numpy(),
            z=torch.from_numpy(z),
            c=condition_of(rows),
        )

    def _known(self) -> np.ndarray:
        """Features of KNOWN training images, of which few are in memory at a time."""
        places = spread(len(self._data), KNOWN)
        parts = np.array_split(places, range(SOME, len(places), SOME))
        return np.concatenate([rand64().features(self._data.looked_up(part)) for part in parts])


def diversities(
    made: np.ndarray, real: np.ndarray, labels: np.ndarray | None
) -> tuple[float, float | None]:
    """How much images made differ from each other, over how much reals do, uint8 [N, H, W, C]: all
    together, and in the class where it is least; both have the same classes. Without classes
    (combinations of attributes are mostly too rare) only together."""
    whole = _difference(made) / max(_difference(real), 1e-12)
    if labels is None:
        return whole, None
    classes = [labels == label for label in np.unique(labels[labels >= 0])]
    parts = [own for own in classes if own.sum() >= FEWEST_OF_CLASS]
    ratios = [_difference(made[own]) / max(_difference(real[own]), 1e-12) for own in parts]
    return whole, min(ratios, default=None)


def _difference(images: np.ndarray) -> float:
    """Mean root mean square difference of each image and the next, in levels."""
    x = images.astype(np.float32)
    return float(np.sqrt(np.square(x - np.roll(x, 1, axis=0)).mean((1, 2, 3))).mean())


def selection(best: Figures | None, last: Figures | None) -> dict[str, Any]:
    """Which state becomes the model, and why: the last, unless an earlier one is clearly better."""
    if best is None or last is None:
        return {"from": "last", "reason": "nothing was measured"}
    if best.step != last.step and best.clearly_better(last):
        reason = (
            f"the kernel distance was {best.kd:.4f} at step {best.step} and "
            f"{last.kd:.4f} at the end, a difference beyond their noise"
        )
        return {"from": "best", "reason": reason, **vars(best)}
    return {"from": "last", "reason": "no earlier state was clearly better", **vars(last)}
