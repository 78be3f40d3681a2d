"""A prepared data set, opened for training: uint8 images, labels, and the order they come in.

The folder holds `images-{res}.npy` uint8 [N, H, W, C], perhaps `labels.npy` int64 [N] (-1: none),
and `dataset.json` (images, channels, resolutions, classes, sha256).
"""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from core.errors import Invalid, NotTrainable
from worker.machine import memory_bytes

MEMORY_SHARE = 0.25  # of the machine's memory a set may fill before it is left on disk


@dataclass(frozen=True, kw_only=True)
class Rows:
    """Some images of a set: uint8 [N, H, W, C], and their labels int64 [N] where there are any."""

    images: Tensor
    labels: Tensor | None
    classes: int


@dataclass(frozen=True, kw_only=True)
class Dataset:
    """An opened set. `images` is uint8 [N, H, W, C], in memory or mapped from the file."""

    images: np.ndarray
    labels: np.ndarray | None
    classes: tuple[str, ...]
    sha256: str

    def __len__(self) -> int:
        return len(self.images)

    @property
    def resolution(self) -> int:
        return self.images.shape[1]

    @property
    def channels(self) -> int:
        return self.images.shape[3]

    def rows(self, indices: np.ndarray) -> Rows:
        """The images at `indices` [N], copied."""
        labels = None if self.labels is None else torch.from_numpy(self.labels[indices])
        images = torch.from_numpy(self.images[indices])
        return Rows(images=images, labels=labels, classes=len(self.classes))


def open_dataset(folder: Path, resolution: int) -> Dataset:
    """Open the prepared set in `folder`. Raises `NotTrainable` when it lacks the resolution."""
    card = json.loads((folder / "dataset.json").read_text())
    file = folder / f"images-{resolution}.npy"
    if not file.exists():
        raise NotTrainable(
            f"the data set has no images at {resolution} px; prepared are {card['resolutions']}"
        )
    images = np.load(file, mmap_mode="r", allow_pickle=False)
    if images.nbytes < MEMORY_SHARE * memory_bytes():
        images = np.ascontiguousarray(images)
    labels_file = folder / "labels.npy"
    labelled = bool(card["classes"]) and labels_file.exists()
    return Dataset(
        images=images,
        labels=np.load(labels_file, allow_pickle=False) if labelled else None,
        classes=tuple(card["classes"]) if labelled else (),
        sha256=card["sha256"],
    )


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
