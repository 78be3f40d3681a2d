"""Fine-tuning of models with attributes: each keeps its effect, whatever comes beside it."""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from core.errors import Invalid
from models import flow
from models.registry import architectures
from tests.worker.datasets import dataset
from tests.worker.games import CPU, tiny_game, tiny_spec
from worker import checkpoint, plan
from worker.game import Game
from worker.snapshot import capture, plant
from worker.tasks import holding

OLD = ("hat", "sad", "wet")


def source(job: Path, architecture: str) -> Game:
    """A model with attributes in the folder `init` of a job, and the game that made it."""
    game = tiny_game(tiny_spec(architecture, attributes=OLD))
    rng = torch.Generator().manual_seed(5)
    with torch.no_grad():
        for parameter in [*game.ema.parameters(), *game.D.parameters()]:
            parameter.add_(torch.randn(parameter.shape, generator=rng) * 0.2)
    state = capture(game, {"sampler": 0, "seconds": 0.0})
    checkpoint.publish(job / "init", state)
    saved = checkpoint.save(job / "elsewhere", 3, 1, state).path
    for suffix in (".safetensors", ".json"):
        saved.with_suffix(suffix).rename(job / "init" / f"checkpoint{suffix}")
    return game


def begun(job: Path, label_map: Any = None, **fields: Any) -> Game:
    request = {"budget": {"steps": 4}, "options": {}, "label_map": label_map, "seed": 9}
    made = plan.make(job, request, dataset(**fields), 0, job)
    game = Game(made.spec, CPU)
    plant(game, dict(made.weights or {}))
    return game


@pytest.fixture
def job(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(plan, "known_device", lambda _: CPU)
    return tmp_path


def painted(network: nn.Module, c: Tensor) -> Tensor:
    z_dim = 3 * 32 * 32 if isinstance(network, flow.Generator) else 8
    z = torch.randn(2, z_dim, generator=torch.Generator().manual_seed(3))
    with torch.no_grad():
        return network.eval()(z, c.expand(2, -1))


def judged(network: nn.Module, c: Tensor) -> Tensor:
    images = torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(4))
    with torch.no_grad():
        return network.eval()(images, c.expand(2, -1))


def alike(one: Tensor, other: Tensor) -> bool:
    """Equal but for the rounding of other factors, which a flow magnifies."""
    return float((one - other).abs().max()) < 2e-3 * float(other.abs().max())


@pytest.mark.parametrize("architecture", list(architectures()))
def test_attributes_keep_their_effect_in_another_order_and_beside_new_ones(
    architecture: str, job: Path
) -> None:
    before = source(job, architecture)
    after = begun(job, {"new": None}, attributes=("wet", "new", "hat", "sad"))
    for old, new in (((), ()), ((0,), (2,)), ((0, 2), (0, 2)), ((0, 2), (0, 1, 2))):
        was, now = holding([old], 3), holding([new], 4)
        assert alike(painted(after.ema, now), painted(before.ema, was))
        assert alike(judged(after.D, now), judged(before.D, was))
    assert not alike(painted(before.ema, holding([()], 3)), painted(before.ema, holding([(0,)], 3)))


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"classes": OLD}, "the model has attributes, the data set has classes"),
        ({}, "the model has attributes, the data set has none"),
        ({"attributes": ("hat", "cap")}, "attribute 'cap': which the model does not know"),
    ],
)
def test_what_does_not_fit_is_refused(fields: dict[str, Any], says: str, job: Path) -> None:
    source(job, "skip")
    with pytest.raises(Invalid) as caught:
        begun(job, **fields)
    assert says in caught.value.detail
