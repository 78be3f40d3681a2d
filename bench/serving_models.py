"""The two networks of the serving benchmark: DCGAN-shaped, 64 px, published as a training does."""

import shutil
from dataclasses import asdict
from pathlib import Path

import torch

from core.registry import ModelStore
from core.schemas import Model
from core.settings import Settings
from models.registry import Shape, architectures
from worker import checkpoint
from worker.generate import Studio
from worker.snapshot import kept
from worker.spec import Budget, Recipe, TrainSpec

STEPS = 50
WIDTHS = {"big": 64, "small": 18}  # 3.6 and 0.4 million parameters


def published(home: Path) -> dict[str, Model]:
    """Both models by name, in a home that is made anew."""
    shutil.rmtree(home, ignore_errors=True)
    settings = Settings(home=home)
    settings.folders.create()
    return {name: _publish(settings, name, width) for name, width in WIDTHS.items()}


def dtype_of(home: Path, model: Model) -> str:
    """The precision in which a generate worker runs the model on this machine."""
    studio = Studio(home, 2**40, torch.device("cpu"))
    folder = f"models/{model.name}/{model.version}"
    return studio.load(folder, model.digest).manner.dtype


def _publish(settings: Settings, name: str, width: int) -> Model:
    networks = architectures()["dcgan"]
    options = networks.Options(width=width)
    spec = TrainSpec(
        task="generate",
        architecture="dcgan",
        options=asdict(options),
        shape=Shape(resolution=64, channels=3, z_dim=100, c_dim=0),
        classes=(),
        recipe=Recipe(z_dim=100, batch=16),
        budget=Budget(steps=1),
        seed=0,
        dtype="float32",
        attributes=(),
        combinations=(),
    )
    torch.manual_seed(0)
    G = networks.generator(spec.shape, options)
    with torch.no_grad():  # what BatchNorm learns of its inputs: images with contrast
        for _ in range(STEPS):
            G(torch.randn(64, 100))
    tensors = {f"ema.{key}": kept(value) for key, value in G.state_dict().items()}
    folder = settings.home / "publish"
    facts = {"spec": asdict(spec), "step": 1, "kimg": 0.1}
    checkpoint.publish(folder, checkpoint.State(tensors=tensors, facts=facts))
    job = f"job-{name}"
    settings.folders.job(job).mkdir()
    return ModelStore(settings.folders).publish(folder, name, {"job": job})
