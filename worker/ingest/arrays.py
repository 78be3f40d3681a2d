"""Pixels on their way to disk: staged by slot as they come, then written in order as `.npy`.

Plain reads and writes, no mapping: the address space of this process is limited and the set may be
larger than memory. Staging is raw RGB; whether the set is grey is known only at the end.
"""

import errno
import hashlib
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from PIL import Image

_STAGED = ".staged-{}"
_PREVIEW_SIDE, _PREVIEW_COUNT, _PREVIEW_COLUMNS = 64, 64, 8


class Staging:
    """One raw file per resolution; row `slot` is [res, res, 3] uint8. Removed at the end."""

    def __init__(self, folder: Path, resolutions: tuple[int, ...]) -> None:
        self.paths = {side: folder / _STAGED.format(side) for side in resolutions}
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL
        self.files = {side: os.open(path, flags, 0o600) for side, path in self.paths.items()}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for side in list(self.files):
            self.drop(side)

    def put(self, slot: int, pixels: bytes) -> None:
        """Keep one image: its resolutions one after the other, as the decoders send them."""
        view, at = memoryview(pixels), 0
        for side, file in self.files.items():
            size = side * side * 3
            written = os.pwrite(file, view[at : at + size], slot * size)
            if written != size:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            at += size
        assert at == len(pixels), "the decoder sent other resolutions than were ordered"

    def get(self, slot: int, side: int) -> NDArray[np.uint8]:
        """[side, side, 3]"""
        size = side * side * 3
        data = os.pread(self.files[side], size, slot * size)
        return np.frombuffer(data, np.uint8).reshape(side, side, 3)

    def drop(self, side: int) -> None:
        os.close(self.files.pop(side))
        self.paths[side].unlink()


class Shelf:
    """Writes the arrays of a data set and hashes their content as it passes."""

    def __init__(self, folder: Path, channels: int) -> None:
        self.folder = folder
        self.channels = channels
        self.hash = hashlib.sha256(f"ganvas data set 1, {channels} channels".encode())
        self.alike = True  # no image of the set has differed from the first one so far

    def write(self, name: str, staging: Staging, slots: list[int], side: int) -> Iterator[int]:
        """Write `{name}-{side}.npy` [N, side, side, C] in the order of `slots`; yields N so far."""
        if not slots:
            return
        self.hash.update(f"{name}-{side}: {len(slots)}".encode())
        first = staging.get(slots[0], side)
        with open(self.folder / f"{name}-{side}.npy", "wb") as file:
            shape = (len(slots), side, side, self.channels)
            header: dict[str, Any] = {"descr": "|u1", "fortran_order": False, "shape": shape}
            np.lib.format.write_array_header_1_0(file, header)
            for done, slot in enumerate(slots, 1):
                image = staging.get(slot, side)
                self.alike = self.alike and bool((image == first).all())
                row = np.ascontiguousarray(image[..., : self.channels]).data
                self.hash.update(row)
                file.write(row)
                yield done

    def write_labels(self, labels: list[int], classes: Sequence[str]) -> None:
        array = np.array(labels, np.int64)
        np.save(self.folder / "labels.npy", array, allow_pickle=False)
        self.hash.update("\0".join(["labels", *classes]).encode(errors="replace"))
        self.hash.update(array.astype("<i8").tobytes())

    def write_marks(self, marks: NDArray[np.int8], attributes: Sequence[str]) -> None:
        np.save(self.folder / "attributes.npy", marks, allow_pickle=False)
        self.hash.update("\0".join(["attributes", *attributes]).encode(errors="replace"))
        self.hash.update(marks.tobytes())


def write_preview(path: Path, staging: Staging, slots: list[int], side: int) -> None:
    """A contact sheet of up to 64 images, evenly spread over the set."""
    count = min(len(slots), _PREVIEW_COUNT)
    columns = min(count, _PREVIEW_COLUMNS)
    size = (columns * _PREVIEW_SIDE, -(-count // columns) * _PREVIEW_SIDE)
    sheet = Image.new("RGB", size, "white")
    for place in range(count):
        image = Image.fromarray(staging.get(slots[place * len(slots) // count], side))
        if side < _PREVIEW_SIDE:
            image = image.resize((_PREVIEW_SIDE, _PREVIEW_SIDE), Image.Resampling.NEAREST)
        row, column = divmod(place, columns)
        sheet.paste(image, (column * _PREVIEW_SIDE, row * _PREVIEW_SIDE))
    sheet.save(path, "PNG")
