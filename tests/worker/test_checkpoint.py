"""Checkpoints are whole or absent, verified, and fall back; models load as they were."""

import resource
from dataclasses import asdict, replace
from pathlib import Path

import pytest
import torch

from core.errors import BadSpec, IncompatibleCheckpoint
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
    damaged: list[str] = []
    assert checkpoint.load(tmp_path, damaged.append) is None
    assert damaged == [committed.path.name]


def test_a_damaged_checkpoint_is_not_kept_in_place_of_an_intact_one(tmp_path: Path) -> None:
    for step in (1, 2, 9):
        newest = checkpoint.save(tmp_path, step, 1, state(step))
    newest.path.write_bytes(b"ruin")
    assert checkpoint.load(tmp_path) is not None
    checkpoint.save(tmp_path, 3, 2, state(3))
    checkpoint.prune(tmp_path, keep=2)
    assert [c.step for c in checkpoint.saved(tmp_path)] == [3, 2]


def test_other_formats_are_refused_not_passed_over(tmp_path: Path) -> None:
    checkpoint.save(tmp_path, 1, 1, state(1))
    (tmp_path / "000000002-f1.json").write_text('{"format": 2}')
    with pytest.raises(IncompatibleCheckpoint, match="format 2, this version reads format 1"):
        checkpoint.load(tmp_path)


def test_changed_facts_are_noticed(tmp_path: Path) -> None:
    committed = checkpoint.save(tmp_path, 1, 1, state(1.5))
    header = committed.path.with_suffix(".json")
    header.write_text(header.read_text().replace("1.5", "2.5"))
    with pytest.raises(BadSpec, match="facts"):
        checkpoint.read(committed)


def test_what_finds_no_room_leaves_nothing(tmp_path: Path) -> None:
    before = checkpoint.save(tmp_path, 1, 1, state(1))
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    for room in (10, before.bytes):  # for a part of the weights; for the weights only
        resource.setrlimit(resource.RLIMIT_FSIZE, (room, limits[1]))
        try:
            with pytest.raises(OSError, match="large"):
                checkpoint.save(tmp_path, 2, 1, state(2))
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        found = checkpoint.load(tmp_path)
        assert found is not None
        assert found[0] == before
        assert len(list(tmp_path.iterdir())) == 2


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


def test_pruning_keeps_the_last_two(tmp_path: Path) -> None:
    for step in range(1, 6):
        checkpoint.save(tmp_path, step, 1, state(step))
    removed = checkpoint.prune(tmp_path, keep=2)
    assert sorted(path.name for path in removed) == [
        "000000001-f1.safetensors",
        "000000002-f1.safetensors",
        "000000003-f1.safetensors",
    ]
    assert [c.step for c in checkpoint.saved(tmp_path)] == [5, 4]
    assert len(list(tmp_path.iterdir())) == 4


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


def test_the_bytes_of_a_model_depend_on_the_training_only(tmp_path: Path) -> None:
    spec = tiny_spec("r3")
    digests = set()
    for number, rate in enumerate((1.0, 2.0)):
        probed = replace(spec, device={"name": "cpu", "rate": rate})
        found = capture(tiny_game(probed), {"seconds": rate, "metrics": {"D": rate}})
        header = checkpoint.publish(tmp_path / str(number), found)
        assert header["resolved"]["device"]["rate"] == rate
        digests.add(header["sha256"])
    assert len(digests) == 1


def test_a_damaged_model_is_refused(tmp_path: Path) -> None:
    checkpoint.publish(tmp_path, capture(tiny_game(tiny_spec("r3")), {}))
    weights = tmp_path / checkpoint.WEIGHTS
    weights.write_bytes(weights.read_bytes()[:-4] + b"ruin")
    with pytest.raises(BadSpec, match="damaged"):
        checkpoint.load_generator(tmp_path)
