"""A published model for evaluation: its images are exactly those that are served for a seed."""

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from core.generation import MAX_BATCH, Picture
from core.home import Home
from worker.checkpoint import load_generator
from worker.device import best_device
from worker.generate import Studio
from worker.hands import side_by_side
from worker.machine import usable_cores

CAPACITY = 2**40  # one model is held, whatever its size


class Painter:
    """Batches as those of a generate worker, each on one thread, as many at once as cores."""

    def __init__(self, home: Home, folder: Path, digest: str, precision: str = "auto") -> None:
        """Raises NotFound, BadSpec."""
        self.folder = folder
        device = torch.device(best_device())
        torch.backends.cudnn.allow_tf32 = False  # as worker/studio.py does
        self.studio = Studio(home.root, CAPACITY, device, precision)
        self.loaded = self.studio.load(str(folder.relative_to(home.root)), digest)
        self.classes = self.loaded.wishes.classes
        self.z_dim = self.loaded.z_dim
        self.chunk = MAX_BATCH * usable_cores()  # images of one call that keeps every hand busy

    def __call__(self, seeds: Sequence[int], labels: Sequence[str | None]) -> np.ndarray:
        """uint8 [N, H, W, C], an image for each seed and, with classes, its label. Attributes are
        those that the seeds mean: as frequent as in the data of the training."""
        pictures = [
            Picture(seeds=(seed,), label=label) for seed, label in zip(seeds, labels, strict=True)
        ]
        parts = [pictures[i : i + MAX_BATCH] for i in range(0, len(pictures), MAX_BATCH)]
        return np.concatenate(side_by_side(self._part, parts))

    @torch.inference_mode()
    def smooth(self, z: Tensor) -> Tensor:
        """z [N, z_dim] -> float32 [N, C, H, W], about -1..1, on one thread; classes, or
        combinations of attributes, in turn. In float32 whatever serves: small steps of z count."""
        device, c = self.studio.device, self.loaded.wishes.turns(len(z))
        return self.precise(z.to(device), None if c is None else c.to(device))

    @cached_property
    def precise(self) -> nn.Module:
        """The network with the weights as they were published."""
        return load_generator(self.folder)[0].to(self.studio.device)

    def _part(self, pictures: list[Picture]) -> np.ndarray:
        return self.studio.pixels(self.loaded, tuple(pictures))
