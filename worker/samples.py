"""The sample grid of a training: always the same 64 seeds, and when the next one is due."""

import math

import torch
from torch import Tensor

from core.samples import GRID, class_of_cell, combination_of_cell
from worker.latents import latents
from worker.spec import TrainSpec
from worker.tasks import conditions, holding

FIRST_KIMG = 0.25
FRACTION = 0.05  # of the budget between two grids, besides the doubling early ones


class Plan:
    """Early grids double the images shown between them, later ones are regular."""

    def __init__(self) -> None:
        self.kimg, self.fraction = FIRST_KIMG, FRACTION

    def reached(self, kimg: float, fraction: float) -> bool:
        """Whether the next grid is due."""
        return kimg >= self.kimg or fraction >= self.fraction

    def go_on(self, kimg: float, fraction: float) -> None:
        """Set the next grid after `kimg` thousand images and this part of the budget."""
        self.kimg = FIRST_KIMG
        while self.kimg <= kimg:
            self.kimg *= 2
        self.fraction = (math.floor(fraction / FRACTION) + 1) * FRACTION


def fixed_inputs(spec: TrainSpec) -> tuple[Tensor, Tensor | None]:
    """Latents of the seeds 0..63, and conditions: a class, or one of the most frequent combinations
    of attributes, for every row; or all in turn."""
    z = torch.from_numpy(latents(range(GRID * GRID), spec.shape.z_dim))
    classes, cells = len(spec.classes), range(GRID * GRID)
    if spec.attributes:
        known = spec.combinations
        chosen = [known[combination_of_cell(cell, len(known))][0] for cell in cells]
        return z, holding(chosen, len(spec.attributes))
    if not classes:
        return z, None
    return z, conditions(torch.tensor([class_of_cell(c, classes) for c in cells]), classes)
