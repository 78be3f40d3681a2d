"""A prepared data set, opened for training: uint8 images, labels, and the order they come in.

The folder holds `images-{res}.npy` uint8 [N, H, W, C], perhaps `labels.npy` int64 [N] (-1: none) or
`attributes.npy` int8 [N, A] (1: holds, 0: does not, -1: unknown), and `dataset.json` (images,
channels, resolutions, classes, perhaps attributes, sha256).
"""

import errno
import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from core.errors import DatasetChanged, Invalid, NotTrainable
from worker.combinations import Combination, combinations
from worker.stored import Stored

MEMORY_SHARE = 0.25  # of the memory for a training a set may fill before it is left on disk
CARD = ("images", "channels", "resolutions", "classes", "sha256")
LATER: dict[str, Any] = {"attributes": []}  # what records of earlier versions lack


@dataclass(frozen=True, kw_only=True)
class Rows:
    """Some images of a set: uint8 [N, H, W, C], and where there are any their labels int64 [N] or
    the marks of their attributes int8 [N, A]."""

    images: Tensor
    labels: Tensor | None
    classes: int
    marks: Tensor | None = None


@dataclass(frozen=True, kw_only=True)
class Dataset:
    """An opened set. `images` is uint8 [N, H, W, C], in memory or mapped from the file.

    Who wants some of many takes `rows`: a mapped image that was looked at stays in memory.
    """

    images: np.ndarray
    labels: np.ndarray | None
    classes: tuple[str, ...]
    sha256: str
    attributes: tuple[str, ...] = ()  # never beside classes
    marks: np.ndarray | None = None  # int8 [N, A]
    stored: Stored | None = None  # the same images, where they are left on disk

    def __len__(self) -> int:
        return len(self.images)

    @property
    def resolution(self) -> int:
        return self.images.shape[1]

    @property
    def channels(self) -> int:
        return self.images.shape[3]

    def rows(self, indices: np.ndarray) -> Rows:
        """The images at `indices` [N], copied. Raises `DatasetChanged` when they are gone."""
        labels = None if self.labels is None else torch.from_numpy(self.labels[indices])
        marks = None if self.marks is None else torch.from_numpy(self.marks[indices])
        images = torch.from_numpy(self.looked_up(indices))
        return Rows(images=images, labels=labels, classes=len(self.classes), marks=marks)

    @cached_property
    def combinations(self) -> tuple[Combination, ...]:
        """Which attributes hold together, the most frequent first; of large variety a sample."""
        return () if self.marks is None else combinations(self.marks)

    def looked_up(self, indices: np.ndarray) -> np.ndarray:
        """uint8 [N, H, W, C], copied."""
        if self.stored is None:
            return self.images[indices]
        try:
            return self.stored.rows(indices)
        except (OSError, EOFError) as error:
            raise changed("the images of the data set cannot be read any more") from error


def open_dataset(folder: Path, resolution: int, *, memory: int) -> Dataset:
    """Open the prepared set in `folder`; it may fill a part of `memory` bytes.

    Raises `NotTrainable` when it lacks the resolution, `DatasetChanged` when it is not whole.
    """
    card = card_of(folder)
    if resolution not in card["resolutions"]:
        raise NotTrainable(
            f"the data set has no images at {resolution} px; prepared are {card['resolutions']}"
        )
    images = array(folder / f"images-{resolution}.npy")
    wanted = (card["images"], resolution, resolution, card["channels"])
    if images.dtype != np.uint8 or images.shape != wanted:
        raise changed(f"{folder.name} holds images {images.shape}, its record says {wanted}")
    labelled = bool(card["classes"]) and (folder / "labels.npy").exists()
    labels = array(folder / "labels.npy") if labelled else None
    if labels is not None and len(labels) != len(images):
        raise changed(f"{folder.name} holds {len(labels)} labels for {len(images)} images")
    small = images.nbytes < MEMORY_SHARE * memory
    return Dataset(
        images=np.ascontiguousarray(images) if small else images,
        labels=None if labels is None else np.ascontiguousarray(labels),
        classes=tuple(card["classes"]) if labelled else (),
        sha256=card["sha256"],
        attributes=tuple(card["attributes"]),
        marks=_marks(folder, len(images), len(card["attributes"])),
        stored=None if small else Stored(folder / f"images-{resolution}.npy", images),
    )


def _marks(folder: Path, images: int, attributes: int) -> np.ndarray | None:
    """int8 [images, attributes], where there are attributes. Raises `DatasetChanged`."""
    if not attributes:
        return None
    marks = array(folder / "attributes.npy")
    if marks.dtype != np.int8 or marks.shape != (images, attributes):
        raise changed(f"{folder.name} holds marks {marks.shape} of {attributes} attributes")
    return np.ascontiguousarray(marks)


def card_of(folder: Path) -> dict[str, Any]:
    """The record of a prepared set. Raises `DatasetChanged` when it is gone."""
    try:
        card = LATER | json.loads((folder / "dataset.json").read_text())
        return {name: card[name] for name in (*CARD, *LATER)}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise changed(f"{folder.name} is gone or its record cannot be read") from error


def array(path: Path) -> np.memmap:
    """The array in a file, not read yet. Raises `DatasetChanged` when it is damaged."""
    try:
        return np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        if isinstance(error, OSError) and error.errno == errno.ENOMEM:
            raise MemoryError from error
        raise changed(f"{path.name} of {path.parent.name} is gone or damaged") from error


def changed(what: str) -> DatasetChanged:
    return DatasetChanged(f"{what}; upload the data set again and train on that")


class Sampler:
    """Endless indices: every epoch is a permutation made from (seed, epoch).

    Its whole state is the number of images handed out, so resuming is exact.
    """

    def __init__(self, count: int, seed: int, position: int = 0) -> None:
        if count < 1:
            raise Invalid("a sampler needs at least one image")
        self.count, self.seed, self.position = count, seed, position
        self._epoch, self._order = -1, np.empty(0, np.int64)

    def _permutation(self, epoch: int) -> np.ndarray:
        if epoch != self._epoch:
            bits = np.random.Philox(key=np.array([self.seed, epoch], np.uint64))
            self._order = np.random.Generator(bits).permutation(self.count)
            self._epoch = epoch
        return self._order

    def take(self, size: int) -> np.ndarray:
        """The next `size` indices, int64 [size], across epochs where needed."""
        taken = []
        while size:
            epoch, start = divmod(self.position, self.count)
            part = self._permutation(epoch)[start : start + size]
            taken.append(part)
            self.position += len(part)
            size -= len(part)
        return np.concatenate(taken)

    def ahead(self, size: int) -> np.ndarray:
        """What `take` will answer next."""
        position = self.position
        indices = self.take(size)
        self.position = position
        return indices
