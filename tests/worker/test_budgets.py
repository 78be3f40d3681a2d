"""What a training will need, and the refusal of what cannot end well."""

import errno
import os
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from core.errors import DiskFull, OutOfMemory
from models.registry import architectures
from tests.worker.games import Folder, tiny_game, tiny_spec
from worker import budgets
from worker.machine import available_bytes, memory_bytes, out_of_memory, resident_bytes
from worker.snapshot import capture, kept
from worker.spec import TrainSpec


def wider(spec: TrainSpec) -> TrainSpec:
    return replace(spec, options=spec.options | {"width": 64, "max_width": 256})


@pytest.mark.parametrize("name", list(architectures()))
def test_the_size_of_a_checkpoint_is_foreseen(name: str, tmp_path: Path) -> None:
    spec = wider(tiny_spec(name, classes=("a", "b")))
    game = tiny_game(spec)
    game.adjust(0.0)
    for network, player in ((game.G, "G"), (game.D, "D")):
        for parameter in network.parameters():
            parameter.grad = parameter.detach().clone()
        game.advance(player)
    state = capture(game, {})
    best = {f"best.{name}": kept(value) for name, value in game.ema.state_dict().items()}
    committed = Folder(tmp_path)(1, replace(state, tensors=state.tensors | best))
    assert budgets.need(spec).checkpoint == pytest.approx(committed.bytes, rel=0.03)


@pytest.mark.parametrize("name", list(architectures()))
def test_more_images_and_wider_networks_need_more(name: str) -> None:
    spec = tiny_spec(name, classes=("a", "b"))
    larger = replace(spec, recipe=replace(spec.recipe, batch=256))
    needs = [budgets.need(s).memory for s in (spec, larger, wider(larger))]
    assert needs == sorted(set(needs))


def test_a_batch_twice_as_large_keeps_twice_as_much() -> None:
    spec = tiny_spec("skip")
    sizes = [
        budgets.kept_by_a_pass(replace(spec, recipe=replace(spec.recipe, batch=batch)))
        for batch in (32, 64, 128)
    ]
    assert sizes[2] - sizes[1] == 2 * (sizes[1] - sizes[0])


def test_too_little_memory_is_refused_with_the_figures() -> None:
    spec = tiny_spec()
    needed = 10**8 + budgets.need(spec).memory
    budgets.require_memory(spec, needed, used=10**8)
    with pytest.raises(OutOfMemory, match=r"about \d+ MB, 50 MB are available; .* batch \(now 4\)"):
        budgets.require_memory(spec, 5 * 10**7, used=10**8)


def test_each_process_of_a_team_needs_memory() -> None:
    spec = tiny_spec()
    alone = 10**8 + budgets.need(spec).memory
    budgets.require_memory(spec, alone, used=10**8)
    with pytest.raises(OutOfMemory):
        budgets.require_memory(spec, alone, used=10**8, processes=2)
    budgets.require_memory(spec, 2 * alone - 1, used=10**8, processes=2)  # with half a batch


def test_too_little_disk_is_refused_with_the_figures(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = wider(tiny_spec())
    budgets.require_disk(spec, tmp_path)
    full = os.statvfs_result((4096, 4096, 10**6, 3000, 3000, 0, 0, 0, 0, 255))
    monkeypatch.setattr(os, "statvfs", lambda path: full)
    with pytest.raises(DiskFull, match=r"needs about \d+ MB in HOME, 12 MB are free"):
        budgets.require_disk(spec, tmp_path)


@pytest.mark.parametrize(
    ("error", "lacking"),
    [
        (MemoryError(), True),
        (torch.OutOfMemoryError("Allocation on device"), True),
        (RuntimeError("CUDA error: out of memory"), True),
        (RuntimeError("std::bad_alloc"), True),
        (OSError(errno.ENOMEM, os.strerror(errno.ENOMEM)), True),
        (OSError(errno.ENOSPC, "out of memory"), False),
        (ValueError("out of memory"), False),
        (RuntimeError("shapes do not match"), False),
    ],
)
def test_a_failed_allocation_is_known_by_its_kind_or_its_words(
    error: Exception, lacking: bool
) -> None:
    assert out_of_memory(error) is lacking


def test_the_machine_says_what_it_has() -> None:
    assert 0 < available_bytes() <= memory_bytes()
    assert 10**7 < resident_bytes() < memory_bytes()
