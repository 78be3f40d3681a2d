"""The real images of an evaluation: those of the training and the held-out ones, left on disk."""

import json
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from worker.data import array, changed, open_dataset


@dataclass(frozen=True, kw_only=True)
class Reals:
    """Images are uint8 [N, H, W, C], mapped from their files; labels int64 [N], -1: none."""

    folder: Path
    sha256: str
    classes: tuple[str, ...]
    images: np.ndarray
    labels: np.ndarray | None
    heldout: np.ndarray
    heldout_labels: np.ndarray | None


def open_reals(folder: Path, resolution: int, sha256: str | None) -> Reals:
    """Open a prepared set. sha256: what it was when the evaluation was asked for.

    Raises `DatasetChanged`, `NotTrainable`.
    """
    data = open_dataset(folder, resolution, memory=0)
    if sha256 is not None and data.sha256 != sha256:
        raise changed(f"{folder.name} holds other images than when it was asked for")
    path = folder / f"heldout-{resolution}.npy"
    heldout = array(path) if path.exists() else data.images[:0]
    return Reals(
        folder=folder,
        sha256=data.sha256,
        classes=data.classes,
        images=data.images,
        labels=data.labels,
        heldout=heldout,
        heldout_labels=_heldout_labels(folder, len(data), len(heldout), data.classes),
    )


def rows_of(folder: Path, wanted: Sequence[int]) -> dict[int, dict[str, Any]]:
    """Lines of `index.jsonl` by the place of their image; empty when there is no index."""
    places, found = set(wanted), dict[int, dict[str, Any]]()
    path = folder / "index.jsonl"
    if not path.exists():
        return found
    with open(path, encoding="utf-8") as file:
        for place, line in enumerate(file):
            if place in places:
                found[place] = json.loads(line)
    return found


def copy_rows(
    path: Path, images: np.ndarray, places: np.ndarray, chunk: int
) -> Generator[float, None, np.ndarray]:
    """The images at these places in a file of their own, mapped; yields how much is done."""
    with open(path, "wb") as file:
        begin_array(file, (len(places), *images.shape[1:]))
        for start in range(0, len(places), chunk):
            part = places[start : start + chunk]
            file.write(images[part].tobytes())
            yield (start + len(part)) / len(places)
    return array(path)


def begin_array(file: BinaryIO, shape: tuple[int, ...]) -> None:
    """The head of a .npy file of uint8. Written on, a full disk is an error, not a crash as it is
    for a file that is mapped."""
    header = {"descr": "|u1", "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(file, header)


def spread(total: int, most: int) -> np.ndarray:
    """At most `most` places of `total`, int64, evenly spread: the same ones every time."""
    if total <= most:
        return np.arange(total)
    return np.linspace(0, total - 1, most).round().astype(np.int64)


def _heldout_labels(
    folder: Path, before: int, count: int, classes: tuple[str, ...]
) -> np.ndarray | None:
    """They stand in the index only, behind those of the training images."""
    if not classes or not count:
        return None
    rows = rows_of(folder, range(before, before + count))
    numbers: dict[Any, int] = {name: number for number, name in enumerate(classes)}
    labels = [rows.get(place, {}).get("label") for place in range(before, before + count)]
    return np.array([numbers.get(label, -1) for label in labels], np.int64)
