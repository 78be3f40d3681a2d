"""Pairs that work side by side: the same step as one pair, and the same bits every time."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from tests.worker.datasets import dataset
from tests.worker.games import CPU, Folder, tiny_spec
from worker import checkpoint
from worker.checkpoint import BEST, State
from worker.device import Device
from worker.events import Checkpoint
from worker.game import Game
from worker.spec import Budget, TrainSpec
from worker.tasks import Batch, conditions
from worker.train import train

TWO = replace(CPU, threads=2)


def played(spec: TrainSpec, device: Device, steps: int = 4) -> tuple[Game, list[dict[str, Tensor]]]:
    game, rng = Game(spec, device), torch.Generator().manual_seed(4)
    told = []
    for _ in range(steps):
        images = torch.rand(spec.recipe.batch, 3, 32, 32, generator=rng) * 2 - 1
        labels = torch.arange(spec.recipe.batch) % 2
        c = conditions(labels, 2) if spec.classes else None
        told.append(game.play([Batch(target=images, condition=c)] * spec.recipe.n_critic, 0.5))
    return game, told


@pytest.mark.parametrize("batch", [8, 9, 12])
@pytest.mark.parametrize("more", [{}, {"n_critic": 2}, {"lecam": 0.3}, {"penalty": "r1"}])
def test_two_pairs_take_the_step_of_one(batch: int, more: dict[str, Any]) -> None:
    # An architecture whose images are not compared with each other, as groups would differ.
    spec = tiny_spec("r3", batch=batch, augment_p=0.0, adaptive=False, classes=("a", "b"), **more)
    (one, of_one), (two, of_two) = played(spec, CPU), played(spec, TWO)
    assert (len(one.pairs), len(two.pairs)) == (1, 2)
    for alone, together in zip(of_one, of_two, strict=True):
        assert alone.keys() == together.keys()
        for name, value in alone.items():
            assert float(together[name]) == pytest.approx(float(value), rel=1e-3, abs=1e-4), name
    pairs = zip(one.ema.parameters(), two.ema.parameters(), strict=True)
    assert all(torch.allclose(a, b, atol=2e-4) for a, b in pairs)


def test_two_pairs_in_lower_precision_take_the_same_steps_every_time() -> None:
    device, spec = replace(TWO, dtype="bfloat16"), tiny_spec(batch=8)
    first, *others = [played(spec, device, steps=8)[0] for _ in range(4)]
    for other in others:
        pairs = zip(first.D.parameters(), other.D.parameters(), strict=True)
        assert all(torch.equal(a, b) for a, b in pairs)


def test_pairs_share_their_weights_and_not_their_gradients() -> None:
    game, _ = played(tiny_spec(batch=8), TWO)
    first, second = game.pairs
    for player in ("G", "D"):
        own, theirs = (list(getattr(p, player).parameters()) for p in (first, second))
        assert [p.data_ptr() for p in own] == [p.data_ptr() for p in theirs]
        assert all(a is not b for a, b in zip(own, theirs, strict=True))


def test_running_means_are_those_of_the_first_pair() -> None:
    game, _ = played(tiny_spec("dcgan", batch=8), TWO)
    first, second = game.pairs
    second.follow(first)
    for mine, its in zip(second.D.buffers(), first.D.buffers(), strict=True):
        assert torch.equal(mine, its) and mine.data_ptr() != its.data_ptr()


def test_no_pair_gets_less_than_is_worth_a_thread() -> None:
    many = replace(CPU, threads=16)
    assert [many.hands(batch) for batch in (2, 7, 8, 16, 256)] == [1, 1, 2, 4, 16]
    assert replace(many, name="cuda").hands(256) == 1


@pytest.mark.parametrize("name", ["skip", "dcgan"])
@pytest.mark.parametrize("more", [{}, {"spectral_norm": True, "lecam": 0.3}])
def test_side_by_side_and_resumed_the_weights_are_identical(
    name: str, more: dict[str, Any], tmp_path: Path
) -> None:
    spec = tiny_spec(name, batch=8, budget=Budget(steps=6), **more)
    through = last_state(spec, tmp_path / "through", None)
    last_state(replace(spec, budget=Budget(steps=3)), tmp_path / "cut", None)
    found = checkpoint.load(tmp_path / "cut")
    assert found is not None and found[0].step == 3
    again = last_state(spec, tmp_path / "cut", found[1])
    lasting = [name for name in through.tensors if not name.startswith(BEST)]
    assert all(torch.equal(again.tensors[name], through.tensors[name]) for name in lasting)


@pytest.mark.parametrize("name", ["skip", "dcgan"])
def test_in_low_precision_the_bits_do_not_depend_on_which_thread_is_faster(name: str) -> None:
    low = replace(TWO, dtype="bfloat16")
    first, second = (played(tiny_spec(name, batch=8), low, steps=10)[0] for _ in range(2))
    for player in ("G", "D"):
        pairs = zip(first.pairs[0].weights[player], second.pairs[0].weights[player], strict=True)
        assert all(torch.equal(one, other) for one, other in pairs)


def last_state(spec: TrainSpec, folder: Path, resume: State | None) -> State:
    flat = replace(spec, recipe=replace(spec.recipe, lr_final=spec.recipe.lr, beta2_final=0.9))
    *_, last = train(flat, dataset(), device=TWO, save=Folder(folder), resume=resume)
    assert isinstance(last, Checkpoint)
    return last.state
