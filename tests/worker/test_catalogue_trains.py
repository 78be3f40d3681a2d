"""Whatever is in the catalogue learns: a few steps bring what is painted nearer to the reals, and
the whole state has the same bytes a second time, and after it was saved and loaded."""

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from models.registry import architectures
from tests.worker.datasets import dataset
from tests.worker.games import CPU, Folder, tiny_spec
from worker import checkpoint
from worker.augment import operations
from worker.checkpoint import State
from worker.evaluation.distances import kernel_distance
from worker.evaluation.spaces import rand64
from worker.losses import losses, recipe_of
from worker.penalties import penalties
from worker.run import Run
from worker.spec import Budget
from worker.tasks import levels
from worker.train import AT_ONCE, unasked

DATA = dataset()
LOOKS, STEPS = 32, 6  # so often at most fakes are looked at, after so many steps each
NEARER = 0.8  # of the distance at first: then it has learnt
QUICK = {"batch": 8, "lr": 8e-3, "lr_final": 8e-3, "ema_kimg": 0.0, "augment_p": 0.0}
CALM = {"beta1": 0.5, "beta2": 0.99, "beta2_final": 0.99}
SLOW: dict[str, dict[str, Any]] = {  # what learns little in few of those steps
    "flow": CALM,
    "r3": CALM,
}


def started(name: str = "skip", **recipe: Any) -> Run:
    """A training with the recipe of its networks and its loss, in larger steps."""
    own = architectures()[name].recipe
    loss = losses()[recipe.get("loss", own.get("loss", "rpgan"))]
    options = {**own, **recipe_of(loss), **QUICK, **recipe, "z_dim": 8}
    spec = tiny_spec(name, budget=Budget(steps=10**6), **options)
    run = Run(spec, DATA, CPU, Folder(Path()), unasked, AT_ONCE, lambda: 0.0)
    run.begin(None, {}, 1e9)
    return run


@cache
def reals() -> np.ndarray:
    """Their features."""
    return rand64().features(DATA.images)


def distance(run: Run) -> float:
    z = torch.randn(64, run.game.spec.shape.z_dim, generator=torch.Generator().manual_seed(0))
    return kernel_distance(reals(), rand64().features(levels(run.game.paint(z, None))))[0]


def learns(run: Run) -> None:
    first, looks = distance(run), list[float]()
    for _ in range(LOOKS):
        for _ in range(STEPS):
            run.step()
        looks.append(distance(run))
        if looks[-1] < NEARER * first:
            return
    raise AssertionError(f"{first:.1f} at first, then {looks}")


@pytest.mark.parametrize("name", list(architectures()))
def test_every_architecture_learns(name: str) -> None:
    learns(started(name, **SLOW.get(name, {})))


@pytest.mark.parametrize("loss", list(losses()))
def test_every_loss_teaches(loss: str) -> None:
    learns(started(loss=loss))


@pytest.mark.parametrize("penalty", list(penalties()))
@pytest.mark.parametrize("sigma", [0.0, 0.03])
def test_every_penalty_lets_it_learn(penalty: str, sigma: float) -> None:
    made_for = {"loss": "wgan-gp", "n_critic": 1, **CALM} if penalty == "wgan-gp" else {}
    learns(started(**made_for, penalty=penalty, penalty_sigma=sigma))


@pytest.mark.parametrize("operation", list(operations()))
def test_every_augmentation_lets_it_learn(operation: str) -> None:
    learns(started(augment=(operation,), augment_p=0.5, adaptive=False))


@pytest.mark.parametrize("name", list(architectures()))
def test_a_state_has_the_same_bytes_twice_and_when_loaded(name: str, tmp_path: Path) -> None:
    first, again = (saved(started(name), tmp_path / str(k)) for k in range(2))
    assert first == again
    found = checkpoint.load(tmp_path / "0")
    assert found is not None
    planted = started(name)
    planted.load(found[1])
    assert checkpoint.save(tmp_path / "planted", 3, 1, planted.state()).sha256 == first


def saved(run: Run, folder: Path) -> str:
    """The digest of the state after three steps."""
    for _ in range(3):
        run.step()
    state: State = run.state()
    return checkpoint.save(folder, 3, 1, state).sha256
