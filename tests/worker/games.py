"""Tiny trainings for tests: 32 px, four channels, a few steps."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

from models.registry import Shape, architectures
from tests.worker.datasets import dataset
from worker import checkpoint
from worker.checkpoint import Committed, State
from worker.device import Device
from worker.game import Game
from worker.spec import Budget, Recipe, TrainSpec

CPU = Device(name="cpu", dtype="float32", channels_last=True, threads=1, rate=1.0)
SIX_STEPS = Budget(steps=6)


def tiny_spec(
    architecture: str = "skip",
    *,
    budget: Budget = SIX_STEPS,
    channels: int = 3,
    classes: tuple[str, ...] = (),
    attributes: tuple[str, ...] = (),
    **recipe: Any,
) -> TrainSpec:
    networks = architectures()[architecture]
    z_dim = networks.noise(32, channels, 8)
    defaults = {"batch": 4, "z_dim": 8, "penalty_interval": 2, "augment_p": 0.3}
    return TrainSpec(
        task="generate",
        architecture=architecture,
        options=asdict(networks.Options(width=4, max_width=16)),
        shape=Shape(
            resolution=32, channels=channels, z_dim=z_dim, c_dim=len(classes) or len(attributes)
        ),
        classes=classes,
        recipe=Recipe(**{**defaults, **recipe}),
        budget=budget,
        seed=1,
        dtype="float32",
        dataset={"sha256": "0" * 64, "images": 64},
        attributes=attributes,
        combinations=dataset(attributes=attributes).combinations,
    )


def tiny_game(spec: TrainSpec) -> Game:
    return Game(spec, CPU)


class Folder:
    """A `save` for `train` that remembers what it wrote."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.steps: list[int] = []

    def __call__(self, step: int, state: State) -> Committed:
        self.steps.append(step)
        return checkpoint.save(self.path, step, 1, state)
