"""Features of real images, kept from one evaluation to the next: `home/features/*.npy`.

A file is whole or absent and says by its name what it is of: data set, split, resolution, space and
number of images. Two evaluations that write the same one write the same bytes. Only the files used
last are kept.
"""

import logging
import os
from contextlib import suppress
from pathlib import Path

import numpy as np

from core.files import sync_file, sync_folder, temporary

MOST_FILES = 20
MOST_BYTES = 2 * 2**30
log = logging.getLogger(__name__)


def name_of(sha256: str, split: str, resolution: int, space: str, count: int) -> str:
    """The name of a file. sha256: of the data set; space: the SHA-256 of the space."""
    return f"{sha256[:24]}-{split}-{resolution}-{space[:16]}-n{count}.npy"


class FeatureStore:
    """`damaged` or missing files are computed again."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def load(self, name: str, shape: tuple[int, int]) -> np.ndarray | None:
        """float32 [N, dim] mapped from its file; None when it has to be computed."""
        path = self.folder / name
        try:
            found = np.load(path, mmap_mode="r", allow_pickle=False)
        except FileNotFoundError:
            return None
        except (OSError, ValueError, EOFError) as error:
            log.warning("%s is computed again: %s", name, error)
            return None
        if found.shape != shape or found.dtype != np.float32:
            return None
        with suppress(OSError):
            os.utime(path)
        return found

    def keep(self, name: str, features: np.ndarray) -> None:
        """Write a file and remove what was used longest ago. Raises OSError on a full disk."""
        self.folder.mkdir(mode=0o700, exist_ok=True)
        partial = temporary(self.folder / name)
        try:
            with open(partial, "xb") as file:
                np.save(file, features, allow_pickle=False)
            sync_file(partial)
            os.replace(partial, self.folder / name)
        except BaseException:
            partial.unlink(missing_ok=True)
            raise
        sync_folder(self.folder)
        self.prune()

    def prune(self) -> None:
        """Keep the newest files, up to MOST_FILES and MOST_BYTES. Who has one open keeps it."""
        known = [(path, stat) for path in self.folder.glob("[!.]*.npy") if (stat := _stat(path))]
        known.sort(key=lambda entry: entry[1].st_mtime_ns, reverse=True)
        total = 0
        for number, (path, stat) in enumerate(known):
            total += stat.st_size
            if number and (number >= MOST_FILES or total > MOST_BYTES):
                path.unlink(missing_ok=True)


def _stat(path: Path) -> os.stat_result | None:
    try:
        return path.stat()
    except FileNotFoundError:  # another evaluation was quicker
        return None
