"""Several processes at one training: the same as one process with as many parts of the batch."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import torch

from tests.waiting import wait_for
from tests.worker.datasets import dataset
from tests.worker.team_member import trained
from tests.worker.trainings import Attempt, Desk
from worker.channel import DONE

ROOT = Path(__file__).parents[2]
STEPS = 12
OFTEN: dict[str, Any] = {"train_checkpoint_seconds": 0.001}
TOGETHER: dict[str, Any] = {"train_processes": 2}


@pytest.mark.service
@pytest.mark.parametrize("architecture", ["skip", "dcgan"])
def test_two_processes_under_torchrun_train_as_two_threads_do(
    architecture: str, tmp_path: Path
) -> None:
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    member = ["--nproc-per-node", "2", "-m", "tests.worker.team_member"]
    done = subprocess.run(
        [*launcher, *member, str(tmp_path), architecture], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr[-2000:]
    together = safetensors.torch.load_file(tmp_path / "last.safetensors")
    alone = trained(tmp_path / "alone", architecture)
    assert together.keys() == alone.keys()
    different = [name for name, value in alone.items() if not torch.equal(value, together[name])]
    assert different == []


def settled(root: Path) -> Desk:
    desk = Desk(root, dataset(count=40))
    desk.settle(STEPS, threads=2, batch=8)
    return desk


@pytest.mark.service
def test_a_killed_follower_and_another_number_of_processes_change_no_byte(tmp_path: Path) -> None:
    desk = settled(tmp_path / "home")
    alone = desk.again(tmp_path / "alone")
    with Attempt(alone, 1) as attempt:
        assert attempt.end() == DONE, attempt.seen
    with Attempt(desk, 1, **OFTEN, **TOGETHER) as attempt:
        attempt.until("checkpoint")
        (follower,) = children(attempt.process.pid)
        subprocess.run(["kill", "-9", str(follower)], check=True)
        assert attempt.end() != DONE  # the leader does not go on alone
    with Attempt(desk, 2, **OFTEN, **TOGETHER) as attempt:
        attempt.until("checkpoint")
        (follower,) = children(attempt.process.pid)
        attempt.process.kill()
        wait_for(lambda: not Path(f"/proc/{follower}").exists(), "the follower to leave")
    with Attempt(desk, 3) as attempt:  # goes on alone, with as many parts
        assert attempt.end() == DONE, attempt.seen
    assert desk.published(3) == alone.published(1)


def children(pid: int) -> list[int]:
    """The processes that `pid` has started, from /proc."""
    text = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    return [int(word) for word in text.split()]
