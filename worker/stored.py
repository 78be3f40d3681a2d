"""Rows of an array that is too large for memory, read from its file where they stand.

Not mapped: pages of a mapped file count as memory of the process until the system wants them back,
and a file that has become too short would end the process without a word.
"""

import os
import weakref
from pathlib import Path

import numpy as np


class Stored:
    """The array of a .npy file of uint8 [N, ...]. `mapped` is the same array, as numpy maps it."""

    def __init__(self, path: Path, mapped: np.memmap) -> None:
        assert mapped.dtype == np.uint8 and mapped.flags.c_contiguous
        self._begin, self._shape = mapped.offset, mapped.shape[1:]
        self._size = int(np.prod(self._shape))
        self._file = os.open(path, os.O_RDONLY)
        weakref.finalize(self, os.close, self._file)
        self._advise(0, 0, "RANDOM")  # what follows a row will not be wanted next

    def rows(self, indices: np.ndarray) -> np.ndarray:
        """The rows at `indices` [M], copied. Raises `EOFError` when the file has been cut off."""
        found = np.empty((len(indices), self._size), np.uint8)
        for row, index in zip(found, indices.tolist(), strict=True):
            data = os.pread(self._file, self._size, self._begin + index * self._size)
            if len(data) < self._size:
                raise EOFError(f"row {index} is not in the file any more")
            row[:] = np.frombuffer(data, np.uint8)
        return found.reshape(len(indices), *self._shape)

    def expect(self, indices: np.ndarray) -> None:
        """Let the system fetch these rows while something else is computed."""
        for index in indices.tolist():
            self._advise(self._begin + index * self._size, self._size, "WILLNEED")

    def _advise(self, begin: int, size: int, what: str) -> None:
        if hasattr(os, "posix_fadvise"):  # not on every system
            os.posix_fadvise(self._file, begin, size, getattr(os, f"POSIX_FADV_{what}"))
