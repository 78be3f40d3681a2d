"""The images of an evaluation that a generator makes: their seeds and labels, and the file they
are kept in."""

from collections.abc import Generator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from torch import Tensor

from core.schemas import MAX_SEED
from worker.data import array
from worker.evaluation.reals import begin_array


class Paint(Protocol):
    """A generator: uint8 [N, H, W, C], an image for each seed and, with classes, its label."""

    @property
    def classes(self) -> tuple[str, ...]: ...

    @property
    def chunk(self) -> int: ...

    def __call__(self, seeds: Sequence[int], labels: Sequence[str | None]) -> np.ndarray: ...


class SmoothPaint(Paint, Protocol):
    """A generator that also takes latents, and tells what lies between the 256 levels."""

    @property
    def z_dim(self) -> int: ...

    def smooth(self, z: Tensor) -> Tensor:
        """z [N, z_dim] -> float [N, C, H, W], about -1..1, not rounded; classes in turn."""
        ...


@dataclass(frozen=True, kw_only=True)
class Fakes:
    """Images made: uint8 [N, H, W, C] mapped from a file, their seeds, and labels int64 [N]."""

    images: np.ndarray
    seeds: list[int]
    labels: np.ndarray | None


def seeds_from(first: int, count: int) -> list[int]:
    """`first` and those that follow; after the last possible one comes 0."""
    return [(first + i) % (MAX_SEED + 1) for i in range(count)]


def proportional(counts: np.ndarray, total: int, seed: int) -> np.ndarray:
    """`total` classes as frequent as in `counts` (largest remainders), shuffled: int64 [total]."""
    exact = counts / counts.sum() * total
    whole = np.floor(exact).astype(np.int64)
    behind = np.argsort(whole - exact, kind="stable")
    whole[behind[: total - whole.sum()]] += 1
    labels = np.repeat(np.arange(len(counts)), whole)
    return np.random.Generator(np.random.Philox(key=seed)).permutation(labels)


def class_counts(
    classes: Sequence[str], names: Sequence[str], labels: np.ndarray | None
) -> np.ndarray:
    """How often each of a model's `classes` occurs among the labels of a set whose classes are
    `names`; equally often where the set says nothing of them."""
    counts = np.zeros(len(classes))
    if labels is not None:
        found = np.bincount(labels[labels >= 0], minlength=len(names))
        own = dict(zip(names, found, strict=False))
        counts = np.array([float(own.get(name, 0)) for name in classes])
    return counts if counts.any() else np.ones(len(classes))


def make_fakes(
    path: Path, paint: Paint, seeds: list[int], labels: np.ndarray | None
) -> Generator[float, None, Fakes]:
    """Make an image for each seed, into a file at `path`; yields how much is done, 0 to 1."""
    with open(path, "wb") as file:
        for start in range(0, len(seeds), paint.chunk):
            own = seeds[start : start + paint.chunk]
            wanted = [None] * len(own) if labels is None else labels[start : start + len(own)]
            names = [None if label is None else paint.classes[label] for label in wanted]
            images = paint(own, names)
            if not start:
                begin_array(file, (len(seeds), *images.shape[1:]))
            file.write(np.ascontiguousarray(images).tobytes())
            yield (start + len(own)) / len(seeds)
    return Fakes(images=array(path), seeds=seeds, labels=labels)
