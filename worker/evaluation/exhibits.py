"""The pictures of an evaluation: images made, real ones, and the suspicious ones beside what they
may be copied from."""

from collections.abc import Generator, Sequence

import numpy as np

from worker.encode import encode, grid, to_image
from worker.evaluation.reals import spread

SHOWN = 64  # images of a sheet
SUSPECTS = 8  # rows of the picture of the nearest
NEIGHBOURS = 3  # training images that stand beside each, by features and by pixels
GAP = 4  # pixels between the groups of a row
CHUNK_BYTES = 2**23  # of images that are compared pixel by pixel at once


def sheet(images: np.ndarray) -> bytes:
    """A PNG of at most 64 of the images, uint8 [N, H, W, C]."""
    return png(grid(np.asarray(images[spread(len(images), SHOWN)])))


def png(pixels: np.ndarray) -> bytes:
    return encode(to_image(pixels), "png", 0, None)


def nearest_sheet(rows: Sequence[Sequence[np.ndarray]]) -> bytes:
    """Rows of groups of images, uint8 [K, H, W, C]: the fake, its neighbours in either sense."""
    return png(np.concatenate([_row(groups) for groups in rows]))


def nearest_by_pixels(
    queries: np.ndarray, images: np.ndarray, count: int
) -> Generator[float, None, np.ndarray]:
    """The `count` images nearest to each query by the difference of their pixels, nearest first.

    uint8 [Q, H, W, C] and [N, H, W, C], which may be mapped: it is read once. Returns int64
    [Q, count]; yields how much is done, 0 to 1.
    """
    wanted = queries.reshape(len(queries), -1).astype(np.float32)
    step = max(1, CHUNK_BYTES // wanted.shape[1])
    squared = np.empty((len(queries), len(images)), np.float32)
    for start in range(0, len(images), step):
        part = np.asarray(images[start : start + step]).reshape(-1, wanted.shape[1])
        rows = part.astype(np.float32)
        inner = np.einsum("nd,nd->n", rows, rows) - 2 * wanted @ rows.T
        squared[:, start : start + step] = inner + (wanted**2).sum(1)[:, None]
        yield min(1.0, (start + step) / len(images))
    return smallest(squared, min(count, len(images)))


def smallest(values: np.ndarray, count: int) -> np.ndarray:
    """The places of the `count` smallest of each row, smallest first; equal ones in order."""
    part = np.argpartition(values, count - 1, axis=1)[:, :count]
    order = np.lexsort((part, np.take_along_axis(values, part, 1)), axis=1)
    return np.take_along_axis(part, order, 1)


def _row(groups: Sequence[np.ndarray]) -> np.ndarray:
    """One row: groups of images with a gap between them."""
    parts: list[np.ndarray] = []
    for images in groups:
        height, channels = images.shape[1], images.shape[3]
        parts += [np.full((height, GAP, channels), 255, np.uint8), *images]
    return np.concatenate(parts[1:], axis=1)
