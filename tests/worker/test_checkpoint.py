"""Checkpoints are whole or absent, verified, and fall back; models load as they were."""

from dataclasses import asdict
from pathlib import Path

import pytest
import torch

from core.errors import BadSpec
from tests.worker.games import tiny_game, tiny_spec
from worker import checkpoint
from worker.checkpoint import State
from worker.snapshot import capture


def state(value: float) -> State:
    return State(tensors={"w": torch.full((3,), value)}, facts={"value": value})


def test_a_checkpoint_loads_as_it_was_saved(tmp_path: Path) -> None:
    committed = checkpoint.save(tmp_path, 12, 3, state(1.5))
    assert committed.path.name == "000000012-f3.safetensors"
    found = checkpoint.load(tmp_path)
    assert found is not None
    assert found[0] == committed
    assert found[1].facts == {"value": 1.5}
    assert torch.equal(found[1].tensors["w"], torch.full((3,), 1.5))


def test_the_newest_intact_checkpoint_wins(tmp_path: Path) -> None:
    checkpoint.save(tmp_path, 1, 1, state(1))
    newest = checkpoint.save(tmp_path, 2, 1, state(2))
    newest.path.write_bytes(newest.path.read_bytes()[:-1])
    found = checkpoint.load(tmp_path)
    assert found is not None
    assert found[0].step == 1


def test_flipped_bits_are_noticed(tmp_path: Path) -> None:
    committed = checkpoint.save(tmp_path, 1, 1, state(1))
    content = bytearray(committed.path.read_bytes())
    content[-1] ^= 1
    committed.path.write_bytes(content)
    with pytest.raises(BadSpec, match="SHA-256"):
        checkpoint.read(committed)
    assert checkpoint.load(tmp_path) is None


def test_weights_without_their_header_do_not_exist(tmp_path: Path) -> None:
    committed = checkpoint.save(tmp_path, 1, 1, state(1))
    committed.path.with_suffix(".json").unlink()
    assert checkpoint.saved(tmp_path) == []
    assert checkpoint.load(tmp_path / "nowhere") is None


def test_damaged_headers_are_passed_over(tmp_path: Path) -> None:
    checkpoint.save(tmp_path, 1, 1, state(1))
    (tmp_path / "000000002-f1.json").write_text("{")
    (tmp_path / "000000003-f1.json").write_text("[]")
    assert [c.step for c in checkpoint.saved(tmp_path)] == [1]


def test_a_higher_fence_wins_at_the_same_step(tmp_path: Path) -> None:
    checkpoint.save(tmp_path, 5, 10, state(2))
    checkpoint.save(tmp_path, 5, 9, state(1))
    assert [c.fence for c in checkpoint.saved(tmp_path)] == [10, 9]


def test_pruning_keeps_the_last_two_and_the_best(tmp_path: Path) -> None:
    for step in range(1, 6):
        checkpoint.save(tmp_path, step, 1, state(step))
    removed = checkpoint.prune(tmp_path, keep=2, best=2)
    assert sorted(path.name for path in removed) == [
        "000000001-f1.safetensors",
        "000000003-f1.safetensors",
    ]
    assert [c.step for c in checkpoint.saved(tmp_path)] == [5, 4, 2]
    assert len(list(tmp_path.iterdir())) == 6


def test_nothing_but_whole_files_is_left(tmp_path: Path) -> None:
    checkpoint.save(tmp_path, 1, 1, state(1))
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == ["000000001-f1.json", "000000001-f1.safetensors"]


@pytest.mark.parametrize("architecture", ["r3", "dcgan"])
def test_a_published_generator_paints_the_same_images(tmp_path: Path, architecture: str) -> None:
    spec = tiny_spec(architecture, classes=("a", "b"))
    game = tiny_game(spec)
    header = checkpoint.publish(tmp_path, capture(game, {}))
    G, loaded = checkpoint.load_generator(tmp_path)
    assert loaded == header
    assert header["classes"] == ["a", "b"]
    assert header["shape"] == asdict(spec.shape)
    z, c = torch.randn(4, spec.shape.z_dim), torch.eye(2)[[0, 1, 0, 1]]
    torch.testing.assert_close(G(z, c), game.paint(z, c))  # memory layouts differ
    assert not G.training


def test_a_damaged_model_is_refused(tmp_path: Path) -> None:
    checkpoint.publish(tmp_path, capture(tiny_game(tiny_spec("r3")), {}))
    weights = tmp_path / checkpoint.WEIGHTS
    weights.write_bytes(weights.read_bytes()[:-4] + b"ruin")
    with pytest.raises(BadSpec, match="damaged"):
        checkpoint.load_generator(tmp_path)
