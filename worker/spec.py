"""Everything that a training is told: one frozen, JSON-serialisable record, stored on the job.

`TrainSpec` also stands beside the weights: `asdict` writes it, `read_spec` reads it back. A job's
own is chosen once: every later attempt takes `spec.json`, so that widths never change on the way.
"""

import json
import os
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from core.errors import BadSpec
from core.files import read_json, sync_folder, temporary, write_atomic
from models.registry import Shape, option
from worker.combinations import Combination

SPEC = "spec.json"


@dataclass(frozen=True, kw_only=True)
class Budget:
    """How long to train: exactly one of the three is set."""

    minutes: float | None = None  # of this process's work, all attempts together
    kimg: float | None = None  # thousands of real images shown
    steps: int | None = None


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """How to train. Values with a `_final` partner move to it along a cosine over the budget."""

    loss: str = option("rpgan", "The game of the two players; see the catalogue's losses.")
    batch: int = option(16, "Real images in a step.", ge=2, le=1024)
    lr: float = option(1e-3, "Adam's step size of both players.", gt=0, le=0.1)
    lr_final: float = option(2e-4, "The same at the end.", gt=0, le=0.1)
    beta1: float = option(0.0, "Adam's momentum.", ge=0, lt=1)
    beta2: float = option(0.9, "Adam's memory of squared gradients.", ge=0, lt=1)
    beta2_final: float = option(0.99, "The same at the end.", ge=0, lt=1)
    n_critic: int = option(1, "Steps of the discriminator for one of the generator.", ge=1, le=16)
    penalty: str = option("r1r2", "What keeps the discriminator smooth; see the catalogue.")
    gamma: float = option(8.0, "Weight of the gradient penalty; 0: none.", ge=0, le=1000)
    gamma_final: float = option(8.0, "The same at the end.", ge=0, le=1000)
    penalty_interval: int = option(8, "Steps between penalties (weighted by it).", ge=1, le=64)
    penalty_sigma: float = option(
        0.0, "Step of penalties as differences, e.g. 0.01; 0: exact ones.", ge=0, le=1
    )
    lecam: float = option(0.0, "Weight of LeCam's pull on the logits, e.g. 0.3.", ge=0, le=10)
    spectral_norm: bool = option(False, "Bound the slope of every layer of the discriminator.")
    clip: float = option(0.0, "Largest weight of the discriminator; 0: any.", ge=0, le=10)
    ema_kimg: float = option(5.0, "Half-life of the averaged generator, in 1000 images.", ge=0)
    z_dim: int = option(64, "Length of the noise vector.", ge=2, le=1024)
    augment: tuple[str, ...] = option(
        ("translate", "colour", "cutout"), "Operations on what the discriminator sees."
    )
    augment_p: float = option(0.0, "Probability of each operation at the start.", ge=0, le=0.8)
    adaptive: bool = option(True, "Raise that probability while the discriminator overfits.")
    blur: float = option(
        0.0, "Blur of what the discriminator sees at first, as a share of the side.", ge=0, le=0.2
    )
    blur_until: float = option(
        0.3, "Part of the budget after which nothing is blurred.", ge=0, le=1
    )
    measure_kimg: float = option(
        4.0, "Between two comparisons with the reals, in 1000 images; 0: only at the end.", ge=0
    )
    stop_early: bool = option(
        False, "End when a quarter of the budget has brought nothing, instead of saying so."
    )
    flip: bool = option(False, "Show mirror images too. Wrong for digits and text.")


@dataclass(frozen=True, kw_only=True)
class TrainSpec:
    """A training, resolved: no value is left to guess."""

    task: str
    architecture: str
    options: dict[str, Any]  # of the architecture
    shape: Shape
    classes: tuple[str, ...]
    recipe: Recipe
    budget: Budget
    seed: int
    dtype: str  # of autocast; "float32": off
    dataset: dict[str, Any] = field(default_factory=dict)  # {"sha256": ..., "images": ...}
    device: dict[str, Any] = field(default_factory=dict)  # as probed
    parameters: dict[str, int] = field(default_factory=dict)  # of generator and discriminator
    attributes: tuple[str, ...] = ()  # any number hold for an image; never beside classes
    combinations: tuple[Combination, ...] = ()  # of attributes, as the data set has them


def read_spec(record: dict[str, Any]) -> TrainSpec:
    """The spec in `record` (`asdict` or its JSON). Raises `BadSpec` when it is none."""
    try:
        return TypeAdapter(TrainSpec).validate_python(record)
    except ValidationError as error:
        raise BadSpec(f"the stored training cannot be read: {error}") from error


def stored_spec(folder: Path) -> TrainSpec | None:
    """The spec that an earlier attempt chose. Raises `BadSpec` when it is damaged."""
    try:
        return read_spec(read_json(folder / SPEC))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise BadSpec(f"the stored training cannot be read: {error}") from error


def store_spec(folder: Path, spec: TrainSpec) -> TrainSpec:
    """Store the spec durably, unless another attempt was first; answers the one that holds."""
    partial = temporary(folder / SPEC)
    write_atomic(partial, json.dumps(asdict(spec), indent=1).encode())
    try:
        os.link(partial, folder / SPEC)  # fails where a rename would replace the other's
        sync_folder(folder)
    except FileExistsError:
        pass
    finally:
        partial.unlink()
    stored = stored_spec(folder)
    assert stored is not None, "it was just stored"
    return stored


def shrunk(spec: TrainSpec, times: int) -> TrainSpec:
    """The spec with its batch halved `times` times, because memory ran out; two images at least."""
    batch = max(spec.recipe.batch >> times, 2)
    return replace(spec, recipe=replace(spec.recipe, batch=batch)) if times else spec
