"""Which images an evaluation makes: seeds, labels in proportion, and the file that holds them."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from core.schemas import MAX_SEED
from worker.evaluation.fakes import class_counts, make_fakes, proportional, seeds_from


class Flat:
    """Paints the seed as a colour, and the label beside it."""

    classes = ("a", "b")
    chunk = 4

    def __call__(self, seeds: Sequence[int], labels: Sequence[str | None]) -> np.ndarray:
        images = np.zeros((len(seeds), 2, 2, 1), np.uint8)
        images[:, 0] = np.array(seeds)[:, None, None]
        images[:, 1] = np.array([ord(label or " ") for label in labels])[:, None, None]
        return images


def test_seeds_begin_anew_after_the_last() -> None:
    assert seeds_from(5, 3) == [5, 6, 7]
    assert seeds_from(MAX_SEED, 2) == [MAX_SEED, 0]


@pytest.mark.parametrize(
    ("counts", "total", "expected"),
    [([1, 1], 5, [3, 2]), ([6, 3, 1], 10, [6, 3, 1]), ([2, 1], 10, [7, 3]), ([1, 0], 4, [4, 0])],
)
def test_labels_are_as_frequent_as_counted(
    counts: list[int], total: int, expected: list[int]
) -> None:
    labels = proportional(np.array(counts, float), total, seed=0)
    assert np.bincount(labels, minlength=len(counts)).tolist() == expected


def test_labels_are_mixed_and_depend_on_the_seed_alone() -> None:
    first, again, other = (proportional(np.ones(2), 100, seed) for seed in (1, 1, 2))
    assert np.array_equal(first, again) and not np.array_equal(first, other)
    assert 10 < first[:50].sum() < 40


def test_classes_are_counted_by_name() -> None:
    labels = np.array([0, 0, 1, -1, 2])
    assert class_counts(("dog", "cat"), ("cat", "dog", "cow"), labels).tolist() == [1, 2]
    assert class_counts(("x", "y"), ("cat", "dog"), labels).tolist() == [1, 1]
    assert class_counts(("x", "y"), (), None).tolist() == [1, 1]


def test_images_stand_in_a_file_in_the_order_of_their_seeds(tmp_path: Path) -> None:
    work = make_fakes(tmp_path / "fakes.npy", Flat(), list(range(10)), np.arange(10) % 2)
    done = []
    while True:
        try:
            done.append(next(work))
        except StopIteration as end:
            fakes = end.value
            break
    assert done == [0.4, 0.8, 1.0]
    assert isinstance(fakes.images, np.memmap) and fakes.images.shape == (10, 2, 2, 1)
    assert fakes.images[:, 0, 0, 0].tolist() == list(range(10))
    assert bytes(fakes.images[:, 1, 0, 0]) == b"ab" * 5
