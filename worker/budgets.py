"""What a training will need of memory and disk, before its first step, and whether that is there.

The model of memory is fitted to the measured peaks of 18 trainings on two cores (skip, r3, dcgan;
32, 64 and 128 px; widths 8 to 64; batches 8 to 32; float32 and bfloat16; with penalties,
checkpoints and samples): most estimates are within 12 %, the worst 20 % too high, 18 % too low.
"""

import os
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor, nn

from core.errors import DiskFull, OutOfMemory
from models.registry import architectures
from worker.cost import parameters
from worker.shelf import SNAPSHOTS
from worker.spec import TrainSpec

MEGA = 1_000_000
FLOAT = 4  # bytes
WORKSPACE = 97 * MEGA  # of the libraries, and what their heap does not give back
COPIES = 3.5  # of a checkpoint: the last good one, the new one, its bytes, what the heap keeps
GRAPHS = 2.1  # what a step keeps, in forward passes of both networks: reals, fakes, penalties
CHECKPOINTS = 3  # on the disk at once: two, and the one that is being written
MODELS = SNAPSHOTS + 1


@dataclass(frozen=True, kw_only=True)
class Need:
    """Bytes. `memory` is what comes to the process that has opened its data."""

    memory: int
    checkpoint: int
    model: int

    @property
    def disk(self) -> int:
        return CHECKPOINTS * self.checkpoint + MODELS * self.model


def need(spec: TrainSpec) -> Need:
    """What the training needs, from its networks' sizes and one forward pass without numbers."""
    architecture = architectures()[spec.architecture]
    options = architecture.Options(**spec.options)
    count = parameters(spec.architecture, spec.shape, options)
    generator = FLOAT * count["generator"]
    both = generator + FLOAT * count["discriminator"]
    checkpoint = 3 * both + 2 * generator  # weights, Adam's two moments; the averages now, at best
    lasting = 4 * both + 2 * generator  # the same, and gradients
    passing = WORKSPACE + COPIES * checkpoint + GRAPHS * (kept_by_a_pass(spec) - both)
    return Need(memory=int(lasting + passing), checkpoint=checkpoint, model=generator)


def kept_by_a_pass(spec: TrainSpec) -> int:
    """Bytes that one forward pass of each network keeps for its backward pass, weights included."""
    architecture, shape, count = architectures()[spec.architecture], spec.shape, spec.recipe.batch
    options = architecture.Options(**spec.options)
    with torch.device("meta"):
        G, D = architecture.generator(shape, options), architecture.discriminator(shape, options)
        images = torch.empty(count, shape.channels, shape.resolution, shape.resolution)
        z = torch.empty(count, shape.z_dim)
        c = torch.empty(count, shape.c_dim) if shape.c_dim else None
    return kept(G, z, c) + kept(D, images, c)


def kept(network: nn.Module, inputs: Tensor, c: Tensor | None) -> int:
    """Bytes of the tensors that autograd saves, each storage once."""
    saved: dict[int, tuple[object, int]] = {}

    def pack(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()  # held, or its address would be used again
        saved[storage._cdata] = (storage, storage.nbytes())
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        network(inputs, c)
    return sum(size for _, size in saved.values())


def require_memory(spec: TrainSpec, limit: int, *, used: int, processes: int = 1) -> None:
    """Raise OutOfMemory unless the training fits `limit` bytes; each of its processes has a part of
    the batch, and has taken `used` already."""
    part = replace(spec, recipe=replace(spec.recipe, batch=-(-spec.recipe.batch // processes)))
    needed = processes * (used + need(part).memory)
    if spec.device.get("name", "cpu") != "cpu" or needed <= limit:
        return  # the other devices have a memory of their own
    raise OutOfMemory(
        f"the training needs about {mega(needed)}, {mega(limit)} are available; ask for a smaller "
        f"width, batch (now {spec.recipe.batch}) or resolution (now {spec.shape.resolution})"
    )


def require_disk(spec: TrainSpec, folder: Path) -> None:
    """Raise DiskFull unless the checkpoints and models of the training fit beside `folder`."""
    file_system = os.statvfs(folder)
    free, needed = file_system.f_bavail * file_system.f_frsize, need(spec).disk
    if free < needed:
        raise DiskFull(
            f"the training needs about {mega(needed)} in HOME, {mega(free)} are free; remove old "
            "models, data sets or finished jobs, or ask for a smaller width"
        )


def mega(size: int) -> str:
    return f"{max(size, 0) / MEGA:.0f} MB"
