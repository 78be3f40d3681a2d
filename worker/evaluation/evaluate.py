"""Evaluation of a generator: its images against real ones, as a sequence of steps.

Whoever follows the steps may leave between any two. Nothing grows with the number of images but
features: real images stay on disk, those made are written there. Knows no queue and no model
format: `Paint` makes the images. The process has to have set torch to one thread.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from worker.attend import Tell, attend
from worker.course import Course, Steps
from worker.evaluation import neighbours
from worker.evaluation.exhibits import (
    NEIGHBOURS,
    SHOWN,
    SUSPECTS,
    nearest_by_pixels,
    nearest_sheet,
    sheet,
)
from worker.evaluation.fakes import (
    Fakes,
    SmoothPaint,
    class_counts,
    make_fakes,
    proportional,
    seeds_from,
)
from worker.evaluation.feature_store import FeatureStore, name_of
from worker.evaluation.metrics import measure, metrics
from worker.evaluation.official import official_metrics
from worker.evaluation.path_length import PATHS, path_length_of
from worker.evaluation.reals import Reals, copy_rows, rows_of, spread
from worker.evaluation.recognition import scores_of
from worker.evaluation.sides import Sides
from worker.evaluation.spaces import Space
from worker.hands import side_by_side

TRAINING = 10_000  # training images that copies are looked for in; more when more are made
CHUNK = 64  # images that are read or looked at together
HANDFULS = 2  # parts of a chunk that are looked at side by side
KINDS = ("features", "images")


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What there is to tell. `pictures` are PNGs by name."""

    metrics: dict[str, Any]
    classes: dict[str, Any]
    nearest: list[dict[str, Any]]
    pictures: dict[str, bytes]


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """What is compared with what. `scratch` is a folder for files that are removed afterwards,
    `weights` that of networks which the owner provides, if it exists."""

    reals: Reals
    paint: SmoothPaint
    space: Space
    n: int
    seed: int
    store: FeatureStore
    scratch: Path
    weights: Path

    @cached_property
    def course(self) -> Course:
        """What each phase costs, in seconds of one core of a usual machine, roughly."""
        looked = min(len(self.reals.images), max(self.n, TRAINING))
        labelled = self.paint.classes and self.reals.labels is not None
        return Course(
            {
                "reading reals": 0.0001 * self.n,
                "real features": 0.001 * looked if self._missing("train", looked) else 0.01,
                "generating": 0.005 * self.n,
                "fake features": 0.001 * self.n,
                "measuring": 4 + 2e-7 * self.n * (self.n + looked),
                "path length": 0.012 * min(self.n, PATHS),
                "classifying": 12.0 if labelled else 0.01,
                "official figures": 0.1 * self.n if self.weights.exists() else 0.01,
                "pictures": 0.2,
            }
        )

    def steps(self) -> Steps[Outcome]:
        """Do everything; the outcome is the generator's value."""
        reals = self.reals
        looked = spread(len(reals.images), max(self.n, TRAINING))
        own = spread(len(looked), self.n)
        held = spread(len(reals.heldout), self.n)
        real_images = yield from self._reading("real", reals.images, looked[own])
        held_images = yield from self._reading("heldout", reals.heldout, held)
        known = yield from self._known("train", reals.images, looked, 0.0, 0.9)
        held_known = yield from self._known("heldout", reals.heldout, held, 0.9, 1.0)
        fakes = yield from self._fakes()
        made = yield from self._seen("fake features", fakes.images, np.arange(self.n), 0.0, 1.0)
        sides = Sides(
            real=known[own],
            fake=made,
            real_images=real_images,
            fake_images=fakes.images,
            heldout=held_known if len(held) else None,
            heldout_images=held_images if len(held) else None,
            train=known,
            space=self.space.name,
            seed=self.seed,
        )
        found = yield from self.course.part("measuring", attend(lambda tell: measured(sides, tell)))
        smooth = yield from self.course.part(
            "path length", path_length_of(self.paint, self.space, self.n, self.seed)
        )
        scores = yield from self.course.part(
            "classifying", scores_of(reals, fakes, self.paint, self.seed)
        )
        known_figures = yield from self.course.part(
            "official figures",
            attend(lambda tell: official_metrics(real_images, fakes.images, self.weights, tell)),
        )
        suspects, pictures = yield from self._exhibits(sides, fakes, looked)
        facts = {"space_sha256": self.space.sha256, "resize": self.space.resize}
        return Outcome(
            metrics=presentable(
                found | facts | {"n_heldout": len(held)} | smooth | scores.flat | known_figures
            ),
            classes=scores.classes,
            nearest=suspects,
            pictures=pictures,
        )

    def _reading(self, name: str, images: np.ndarray, places: np.ndarray) -> Steps[np.ndarray]:
        """The images at these places, left on disk: as they are, or copied into one file."""
        if len(places) == len(images):
            return images
        work = copy_rows(self.scratch / f"{name}.npy", images, places, CHUNK)
        return (yield from self.course.part("reading reals", work))

    def _known(
        self, split: str, images: np.ndarray, places: np.ndarray, begin: float, end: float
    ) -> Steps[np.ndarray]:
        """Features of reals, from an earlier evaluation if there was one."""
        if not len(places):
            return np.empty((0, self.space.dim), np.float32)
        name = self._name(split, len(places))
        found = self.store.load(name, (len(places), self.space.dim))
        if found is None:
            found = yield from self._seen("real features", images, places, begin, end)
            self.store.keep(name, found)
        return found

    def _name(self, split: str, count: int) -> str:
        side = self.reals.images.shape[1]
        return name_of(self.reals.sha256, split, side, self.space.sha256, count)

    def _missing(self, split: str, count: int) -> bool:
        return self.store.load(self._name(split, count), (count, self.space.dim)) is None

    def _seen(
        self, phase: str, images: np.ndarray, places: np.ndarray, begin: float, end: float
    ) -> Steps[np.ndarray]:
        """float32 [N, dim] of the images at these places; the phase goes from `begin` to `end`."""
        features = np.empty((len(places), self.space.dim), np.float32)

        def look(tell: Tell) -> None:
            for start in range(0, len(places), CHUNK):
                part = images[places[start : start + CHUNK]]
                seen = side_by_side(self.space.features, np.array_split(part, HANDFULS))
                features[start : start + CHUNK] = np.concatenate(seen)
                tell(begin + (end - begin) * (start + len(part)) / len(places))

        yield from self.course.part(phase, attend(look))
        return features

    def _fakes(self) -> Steps[Fakes]:
        """The images made, with classes as frequent as among the reals."""
        labels = None
        if self.paint.classes:
            counts = class_counts(self.paint.classes, self.reals.classes, self.reals.labels)
            labels = proportional(counts, self.n, self.seed)
        seeds = seeds_from(self.seed, self.n)
        work = make_fakes(self.scratch / "fakes.npy", self.paint, seeds, labels)
        return (yield from self.course.part("generating", work))

    def _exhibits(
        self, sides: Sides, fakes: Fakes, looked: np.ndarray
    ) -> Steps[tuple[list[dict[str, Any]], dict[str, bytes]]]:
        """The fakes that are nearest to a training image, as records and as a picture."""
        (_, distances), images = sides.copies, self.reals.images
        worst = np.argsort(distances, kind="stable")[:SUSPECTS]
        count = min(NEIGHBOURS, len(images))
        places, near = neighbours.nearest(sides.fake[worst], sides.known, count)
        by_features, made = looked[places], np.asarray(fakes.images[worst])
        work = nearest_by_pixels(made, images, count)
        by_pixels = yield from self.course.part("pictures", work)
        rows = rows_of(self.reals.folder, by_features[:, 0].tolist())
        records = [
            {
                "seed": fakes.seeds[which],
                "label": None if fakes.labels is None else self.paint.classes[fakes.labels[which]],
                "index": int(by_features[row, 0]),
                "file": rows.get(int(by_features[row, 0]), {}).get("file"),
                "distance": float(near[row, 0]),
            }
            for row, which in enumerate(worst)
        ]
        groups = [
            (made[row : row + 1], images[by_features[row]], images[by_pixels[row]])
            for row in range(len(worst))
        ]
        return records, {
            "samples": sheet(fakes.images[:SHOWN]),
            "reals": sheet(images),
            "nearest": nearest_sheet(groups),
        }


def measured(sides: Sides, tell: Tell) -> dict[str, Any]:
    """All figures: those of features and those of images side by side."""
    groups = [[name for name, m in metrics().items() if m.needs == kind] for kind in KINDS]
    done = [0.0] * len(groups)

    def part(number: int) -> dict[str, Any]:
        def told(value: float) -> None:
            done[number] = value
            tell(sum(done) / len(done))

        return measure(sides, groups[number], progress=told)

    first, second = side_by_side(part, range(len(groups)))
    return first | second


def presentable(found: Mapping[str, Any]) -> dict[str, Any]:
    """Figures that JSON can hold: what is no number is null and has a reason."""
    told: dict[str, Any] = {}
    for name, value in found.items():
        if isinstance(value, float) and not math.isfinite(value):
            told |= {name: None, f"{name}_reason": "it is no number for these images"}
        else:
            told[name] = value
    return told
