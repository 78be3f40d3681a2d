"""What is odd about a data set, told before anything is learnt from it."""

from collections.abc import Iterable

import numpy as np

from worker.alarms import Finding
from worker.data import Dataset
from worker.evaluation.reals import spread

LOOKED = 512  # images
UNIFORM = 1.0  # levels of standard deviation within an image: nothing to be seen
MOST_OF = 0.9  # of a set in one class, or uniform
SHOWN = 10  # names of attributes


def oddities(data: Dataset) -> list[Finding]:
    """What a user should know of `data`; only some of its images are looked at."""
    images = data.looked_up(spread(len(data), LOOKED))
    return [*_uniform(images), *_repeated(images), *_one_sided(data)]


def _one_sided(data: Dataset) -> Iterable[Finding]:
    """A class, or attributes, of nearly all images."""
    if data.labels is not None and len(data.classes) > 1:
        counts = np.bincount(data.labels[data.labels >= 0], minlength=len(data.classes))
        share = counts.max() / max(counts.sum(), 1)
        if share > MOST_OF:
            name = data.classes[int(counts.argmax())]
            text = f"{share:.0%} of the labelled images are {name}: the others will hardly be met."
            yield Finding(kind="data", message=text)
    if data.marks is not None:
        known = data.marks[data.marks[:, 0] >= 0]
        shares = (known == 1).sum(0) / max(len(known), 1)
        if often := [data.attributes[place] for place in np.flatnonzero(shares > MOST_OF)]:
            text = f"More than {MOST_OF:.0%} of the images have {', '.join(often[:SHOWN])}: "
            yield Finding(kind="data", message=text + "those without will hardly be met.")


def _uniform(images: np.ndarray) -> Iterable[Finding]:
    flat = np.array([image.std(dtype=np.float32) for image in images]) < UNIFORM
    if flat.mean() > MOST_OF:
        text = f"{flat.mean():.0%} of the images looked at show nothing but one colour."
        yield Finding(kind="data", message=text)


def _repeated(images: np.ndarray) -> Iterable[Finding]:
    different = len({image.tobytes() for image in images})
    if different < len(images) / 2:
        yield Finding(
            kind="data",
            message=f"Of {len(images)} images looked at only {different} differ: a training would "
            "learn them by heart.",
        )
