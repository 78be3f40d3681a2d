"""What an evaluation asks the classifiers: its images, with the classes that both sides know."""

from collections.abc import Generator

import numpy as np

from worker.attend import attend
from worker.evaluation.classifier import (
    FIGURES,
    HELD_OUT,
    MOST,
    GanScores,
    Labelled,
    gan_scores,
    split,
)
from worker.evaluation.fakes import Fakes, Paint
from worker.evaluation.reals import Reals, spread

BYTES = 2**28  # of the images of one kind that are taken into memory


def scores_of(
    reals: Reals, fakes: Fakes, paint: Paint, seed: int
) -> Generator[float, None, GanScores]:
    """The scores; without common classes null with a reason. Yields how much is done, 0 to 1."""
    if reals.labels is None or fakes.labels is None:
        side = "data set" if reals.labels is None else "model"
        return nothing(f"the {side} has no classes")
    numbers = {name: number for number, name in enumerate(reals.classes)}
    known = np.array([numbers.get(name, -1) for name in paint.classes], np.int64)
    if not (known >= 0).any():
        return nothing("model and data set have no class of the same name")
    real = taken(reals.images, reals.labels)
    fake = taken(fakes.images, known[fakes.labels])
    if reals.heldout_labels is not None and (reals.heldout_labels >= 0).any():
        heldout = taken(reals.heldout, reals.heldout_labels)
    else:
        real, heldout = split(real, seed)
    sides = {"real": real, "heldout": heldout, "fake": fake}
    return (
        yield from attend(
            lambda tell: gan_scores(**sides, classes=reals.classes, seed=seed, progress=tell)
        )
    )


def nothing(reason: str) -> GanScores:
    missing: dict[str, float | str | None] = dict.fromkeys(FIGURES.values())
    return GanScores(flat=missing | {f"{name}_reason": reason for name in missing}, classes={})


def taken(images: np.ndarray, labels: np.ndarray) -> Labelled:
    """As many of the images as a classifier makes use of, as far as memory allows."""
    most = MOST * HELD_OUT // (HELD_OUT - 1)
    bound = BYTES // int(np.prod(images.shape[1:]))
    places = spread(len(labels), min(most, bound))
    return Labelled(images=np.asarray(images[places]), labels=np.asarray(labels[places]))
