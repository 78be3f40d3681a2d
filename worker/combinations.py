"""Which attributes of images hold together, and how often: what is worth asking a generator for."""

import numpy as np

MOST = 128  # combinations that are kept

Combination = tuple[tuple[int, ...], int]  # the places of the attributes that hold, and how often


def combinations(marks: np.ndarray) -> tuple[Combination, ...]:
    """Those among int8 [N, A] (1: holds, 0: does not, -1: unknown), the most frequent first.

    Of more than MOST those of that many images, evenly spread over the set: the rare ones, too, are
    met as often as in the data.
    """
    known = marks[marks[:, 0] >= 0] == 1
    found, counts = _distinct(known)
    if len(found) > MOST:
        known = known[np.linspace(0, len(known) - 1, MOST).round().astype(np.int64)]
        found, counts = _distinct(known)
    pairs = [
        (tuple(np.flatnonzero(row).tolist()), int(count))
        for row, count in zip(found, counts, strict=True)
    ]
    return tuple(sorted(pairs, key=lambda pair: (-pair[1], pair[0]))) or (((), 1),)


def _distinct(rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The different rows of bool [N, A], and how often each occurs."""
    packed = np.packbits(rows, axis=1)
    whole = np.ascontiguousarray(packed).view(np.dtype((np.void, packed.shape[1])))[:, 0]
    _, first, counts = np.unique(whole, return_index=True, return_counts=True)
    return rows[first], counts
