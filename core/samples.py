"""The sample grids of a training: always the same 64 seeds, 8 x 8; when each was drawn, and which
class or attributes each of its images has."""

import os
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from pydantic import Field

from core.files import json_lines
from core.labels import written
from core.schemas import Answer

SAMPLES, DRAWN = "samples", "samples.jsonl"  # {step:09d}.png in it; a line for each
GRID = 8  # images along a side


class Sample(Answer):
    """A grid of images of always the same seeds, drawn during the training.

    Jobs of before this was written down know only the step.
    """

    step: int
    kimg: float | None = Field(default=None, description="Thousands of images shown till then.")
    seconds: float | None = Field(default=None, description="Of training till then.")
    at: datetime | None = None
    url: str


def class_of_cell(cell: int, classes: int) -> int:
    """Of the image at `cell`, counted row by row: a class for each row, or all in turn."""
    return (cell // GRID if classes <= GRID else cell) % classes


def combination_of_cell(cell: int, combinations: int) -> int:
    """Which of the most frequent combinations of attributes it has: one for each row."""
    return cell // GRID % min(combinations, GRID)


def labels_of_cells(
    classes: Sequence[str],
    attributes: Sequence[str],
    combinations: Sequence[tuple[Sequence[int], int]],
) -> list[str] | None:
    """What `label=` of an image means each of the 64, row by row; None: they have no labels."""
    cells = range(GRID * GRID)
    if classes:
        return [classes[class_of_cell(cell, len(classes))] for cell in cells]
    if not attributes or not combinations:
        return None
    chosen = [combinations[combination_of_cell(cell, len(combinations))][0] for cell in cells]
    return [written(places, attributes) for places in chosen]


def samples_of(job_folder: Path, url: str) -> list[Sample]:
    """The grids of a job, oldest first; `url`: under which they are."""
    drawn = {line.get("step"): line for line in json_lines(job_folder / DRAWN)}  # the last counts
    return [
        Sample.model_validate(drawn.get(step, {}) | {"step": step, "url": f"{url}/{step}.png"})
        for step in sorted(steps_in(job_folder / SAMPLES))
    ]


def steps_in(folder: Path) -> list[int]:
    """The steps of which there is a grid in `folder`."""
    names = os.listdir(folder) if folder.exists() else []
    stems = [name.removesuffix(".png") for name in names if name.endswith(".png")]
    return [int(stem) for stem in stems if stem.isascii() and stem.isdigit()]
