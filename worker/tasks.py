"""What a GAN can learn. A task turns rows of a data set into batches and names what follows."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import one_hot

from worker.data import Rows


@dataclass(frozen=True, kw_only=True)
class Batch:
    """What the networks see: the images to imitate and, per task, what they depend on."""

    target: Tensor  # [N, C, H, W], -1..1
    image: Tensor | None = None  # [N, C', H, W], an input image
    condition: Tensor | None = None  # [N, c_dim] of length 1 each; zeros: unknown
    weight: Tensor | None = None  # [N, 1, H, W], a mask


@dataclass(frozen=True, kw_only=True)
class Task:
    """One kind of learning. `needs` are columns of the data set; `losses` maps names to weights."""

    name: str
    summary: str
    needs: frozenset[str]
    batch: Callable[[Rows, torch.Generator], Batch]
    losses: dict[str, float]
    metrics: tuple[str, ...]
    verbs: frozenset[str]


def pixels(images: Tensor) -> Tensor:
    """uint8 [N, H, W, C] -> float32 [N, C, H, W], -1..1 (channels last in memory)."""
    return images.permute(0, 3, 1, 2).float() / 127.5 - 1


def levels(images: Tensor) -> np.ndarray:
    """The inverse, rounded: [N, C, H, W], about -1..1 -> uint8 [N, H, W, C] on the CPU."""
    rounded = ((images.float().clamp(-1, 1) + 1) * 127.5).round().to(torch.uint8)
    return rounded.permute(0, 2, 3, 1).cpu().numpy()


def conditions(labels: Tensor, classes: int) -> Tensor:
    """int64 [N] -> one-hot float32 [N, classes]; a label of -1 gives zeros."""
    return one_hot(labels + 1, classes + 1)[:, 1:].float()


def signs(marks: Tensor) -> Tensor:
    """int8 [N, A] -> float32 [N, A]: +1 / sqrt(A) for what holds, -1 / sqrt(A) for what does not.

    As long as the one-hot vector of a class, whatever holds: embeddings, which are linear, have the
    same variance for every combination, and an attribute that is absent counts as one that is
    there. Marks of -1 (unknown) give zeros.
    """
    known = (marks >= 0).float()
    return known * (2 * marks.float() - 1) / marks.shape[1] ** 0.5


def holding(places: Sequence[Sequence[int]], attributes: int) -> Tensor:
    """The conditions float32 [N, attributes] under which those at `places` hold, and no others."""
    marks = torch.zeros(len(places), attributes, dtype=torch.int8)
    for row, own in zip(marks, places, strict=True):
        row[list(own)] = 1
    return signs(marks)


def condition_of(rows: Rows) -> Tensor | None:
    """What is asked for of each image, float32 [N, c_dim]; None in a set that says nothing."""
    if rows.marks is not None:
        return signs(rows.marks)
    return None if rows.labels is None else conditions(rows.labels, rows.classes)


def generate_batch(rows: Rows, rng: torch.Generator) -> Batch:
    """Images, with their class or attributes as the condition where there are any."""
    return Batch(target=pixels(rows.images), condition=condition_of(rows))


GENERATE = Task(
    name="generate",
    summary="New images like those of the data set, by seed and, where there are labels, by label.",
    needs=frozenset({"image"}),
    batch=generate_batch,
    losses={"adv": 1.0},
    metrics=("kid",),
    verbs=frozenset({"generate"}),
)

TASKS = {task.name: task for task in (GENERATE,)}
