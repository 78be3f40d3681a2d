"""Several processes at one training: the same as one process with as many parts of the batch."""

import subprocess
from pathlib import Path
from typing import Any

import pytest
import torch

from core.checkpoints import checkpoint_records
from core.settings import Settings
from tests.waiting import wait_for
from tests.worker.datasets import dataset
from tests.worker.trainings import Attempt, Desk
from worker.channel import DONE
from worker.train_run import most_processes

STEPS = 12
OFTEN: dict[str, Any] = {"train_checkpoint_seconds": 0.001}
TOGETHER: dict[str, Any] = {"train_processes": 2}
RECIPE: dict[str, Any] = {"batch": 8, "n_critic": 2, "flip": True, "lecam": 0.3, "penalty": "r1r2"}


class Launched(Attempt):
    """Two processes under torchrun."""

    launcher = ("torch.distributed.run", "--standalone", "--nproc-per-node", "2", "-m")


@pytest.mark.service
@pytest.mark.parametrize("architecture", ["skip", "dcgan"])
def test_two_processes_under_torchrun_train_as_two_threads_do(
    architecture: str, tmp_path: Path
) -> None:
    together = Desk(tmp_path / "home", dataset(count=32, classes=("a", "b")))
    together.settle(5, threads=2, architecture=architecture, **RECIPE)
    alone = together.again(tmp_path / "alone")
    for kind, desk in ((Attempt, alone), (Launched, together)):
        with kind(desk, 1) as attempt:
            assert attempt.end() == DONE, (desk.folder / "log.txt").read_text()[-2000:]
    ends = [checkpoint_records(desk.folder)[0] for desk in (alone, together)]
    assert [end.step for end in ends] == [5, 5]
    assert ends[0].sha256 == ends[1].sha256
    assert together.published(1) == alone.published(1)


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
        assert attempt.end() == -9  # the attempt was killed: it is made again, and did not fail
        assert attempt.of("error") == []
    with Attempt(desk, 2, **OFTEN, **TOGETHER) as attempt:
        attempt.until("checkpoint")
        (follower,) = children(attempt.process.pid)
        attempt.process.kill()
        wait_for(lambda: not Path(f"/proc/{follower}").exists(), "the follower to leave")
    with Attempt(desk, 3) as attempt:  # goes on alone, with as many parts
        assert attempt.end() == DONE, attempt.seen
    assert desk.published(3) == alone.published(1)


def test_memory_is_divided_by_all_who_may_open_the_data_set(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert most_processes(settings) == max(1, torch.cuda.device_count())
    four = settings.model_copy(update={"train_processes": 4})
    assert most_processes(four) == 4
    monkeypatch.setenv("RANK", "0")
    monkeypatch.setenv("WORLD_SIZE", "3")  # torchrun knows better
    assert most_processes(four) == 3


def children(pid: int) -> list[int]:
    """The processes that `pid` has started, from /proc."""
    text = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    return [int(word) for word in text.split()]
