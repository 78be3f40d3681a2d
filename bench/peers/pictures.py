"""What every server of the comparison computes: seeds to PNG files, with one set of weights."""

import os
from collections.abc import Sequence
from pathlib import Path

import torch

from worker.checkpoint import load_generator
from worker.encode import encode, to_image
from worker.latents import latents
from worker.manner import Manner, cast
from worker.tasks import levels


class Pictures:
    """The model whose folder BENCH_MODEL names, on one thread, in the precision that ours uses."""

    def __init__(self) -> None:
        torch.set_num_threads(1)
        network, header = load_generator(Path(os.environ["BENCH_MODEL"]))
        self.manner = Manner(dtype=os.environ["BENCH_DTYPE"], together=16)
        self.network = cast(network.to(memory_format=torch.channels_last), self.manner)  # pyright: ignore
        self.z_dim: int = header["shape"]["z_dim"]
        self.made([0])

    @torch.inference_mode()
    def made(self, seeds: Sequence[int]) -> list[bytes]:
        """A PNG for each seed, made in one pass."""
        z = torch.from_numpy(latents(list(seeds), self.z_dim))
        with self.manner.entered(torch.device("cpu")):
            images = levels(self.network(z))
        return [encode(to_image(image), "png", 90, None) for image in images]
