"""Tiny published models for tests: real files, random weights."""

import shutil
from dataclasses import asdict, fields
from pathlib import Path

import torch

from core.registry import ModelStore
from core.schemas import Model
from core.settings import Settings
from models.registry import Shape, architectures
from tests.worker.datasets import dataset
from worker import checkpoint
from worker.snapshot import kept
from worker.spec import Budget, Recipe, TrainSpec

OPTIONS = {"width": 8, "max_width": 16, "couplings": 2}  # as far as networks have them
# Where weights were first published: what was found out about them there need not be tried again.
FIRST: dict[str, Path] = {}


def tiny_spec(
    classes: tuple[str, ...] = (),
    channels: int = 3,
    resolution: int = 32,
    architecture: str = "r3",
    attributes: tuple[str, ...] = (),
) -> TrainSpec:
    """A training of the smallest networks."""
    networks = architectures()[architecture]
    known = {field.name for field in fields(networks.Options)}
    options = networks.Options(**{name: OPTIONS[name] for name in OPTIONS.keys() & known})
    z_dim = networks.noise(resolution, channels, 16)
    return TrainSpec(
        task="generate",
        architecture=architecture,
        options=asdict(options),
        shape=Shape(
            resolution=resolution,
            channels=channels,
            z_dim=z_dim,
            c_dim=len(classes) or len(attributes),
        ),
        classes=classes,
        recipe=Recipe(z_dim=16, batch=4),
        budget=Budget(steps=2),
        seed=0,
        dtype="float32",
        attributes=attributes,
        combinations=dataset(attributes=attributes).combinations,
    )


def publish_tiny(
    settings: Settings,
    name: str = "tiny",
    *,
    classes: tuple[str, ...] = (),
    channels: int = 3,
    architecture: str = "r3",
    attributes: tuple[str, ...] = (),
) -> Model:
    """A version of a model with random weights, as a finished training leaves it."""
    spec = tiny_spec(classes, channels, architecture=architecture, attributes=attributes)
    networks = architectures()[spec.architecture]
    torch.manual_seed(1)
    G = networks.generator(spec.shape, networks.Options(**spec.options))
    with torch.no_grad():  # away from the quiet initialisation: seeds have to look different
        for parameter in G.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.1)
    tensors = {f"ema.{key}": kept(value) for key, value in G.state_dict().items()}
    facts = {"spec": asdict(spec), "step": 2, "kimg": 0.008}
    folder = settings.home / "publish"
    checkpoint.publish(folder, checkpoint.State(tensors=tensors, facts=facts))
    store = ModelStore(settings.folders)
    job = f"job-{name}-{len(store.versions(name))}"
    settings.folders.job(job).mkdir()
    model = store.publish(folder, name, {"job": job})
    own = store.folder(model)
    if (first := FIRST.setdefault(model.digest, own)) != own:
        for found in first.glob("manner-*"):
            shutil.copy(found, own)
    return model
