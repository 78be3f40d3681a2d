"""Pictures of an evaluation, and the neighbours that they show."""

import io
from collections.abc import Generator
from typing import Any

import numpy as np
import pytest
from PIL import Image

from worker.evaluation import exhibits
from worker.evaluation.exhibits import nearest_by_pixels, nearest_sheet, sheet


def ended(work: Generator[float, None, Any]) -> Any:
    """The answer of `work`, whose progress has to rise to 1."""
    seen = [0.0]
    while True:
        try:
            seen.append(next(work))
        except StopIteration as end:
            assert seen == sorted(seen) and seen[-1] == 1.0
            return end.value


def size(data: bytes) -> tuple[int, int]:
    return Image.open(io.BytesIO(data)).size


def test_neighbours_by_pixels_are_those_of_a_full_comparison(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    random = np.random.default_rng(0)
    queries, images = (random.integers(0, 256, (n, 8, 8, 3), np.uint8) for n in (4, 30))
    monkeypatch.setattr(exhibits, "CHUNK_BYTES", 7 * 8 * 8 * 3)
    flat = [part.reshape(len(part), -1).astype(float) for part in (queries, images)]
    full = np.linalg.norm(flat[0][:, None] - flat[1], axis=2)
    places = ended(nearest_by_pixels(queries, images, 3))
    assert np.array_equal(places, np.argsort(full, axis=1)[:, :3])


def test_sets_smaller_than_what_is_asked_for_give_what_there_is() -> None:
    images = np.zeros((2, 4, 4, 1), np.uint8)
    assert ended(nearest_by_pixels(images, images, 3)).shape == (2, 2)


def test_sheets_show_at_most_64_images() -> None:
    images = np.zeros((100, 8, 8, 3), np.uint8)
    assert (size(sheet(images)), size(sheet(images[:5]))) == ((64, 64), (24, 16))
    assert size(sheet(images[..., :1])) == (64, 64)


def test_rows_of_the_nearest_stand_in_groups() -> None:
    group = np.zeros((3, 8, 8, 3), np.uint8)
    data = nearest_sheet([[group[:1], group, group]] * 4)
    assert size(data) == (7 * 8 + 2 * exhibits.GAP, 4 * 8)
