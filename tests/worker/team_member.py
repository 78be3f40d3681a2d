"""One process of a team, as torchrun starts it: `-m tests.worker.team_member FOLDER ARCHITECTURE`.

The first trains and leaves its last state in FOLDER; the others follow.
"""

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
import torch.distributed as dist

from tests.worker.datasets import dataset
from tests.worker.games import CPU, Folder, tiny_spec
from worker.events import Checkpoint
from worker.follow import follow
from worker.spec import Budget, TrainSpec
from worker.team import ALONE, Team, join
from worker.train import train

TWO = replace(CPU, threads=2)
RECIPE: dict[str, Any] = {"batch": 8, "n_critic": 2, "flip": True, "lecam": 0.3, "penalty": "r1r2"}


def spec_of(architecture: str, steps: int = 5) -> TrainSpec:
    return tiny_spec(architecture, budget=Budget(steps=steps), classes=("a", "b"), **RECIPE)


def trained(folder: Path, architecture: str, team: Team = ALONE) -> dict[str, torch.Tensor]:
    """The tensors of the last checkpoint."""
    data = dataset(count=32, classes=("a", "b"))
    spec = spec_of(architecture)
    *_, last = train(spec, data, device=TWO, save=Folder(folder), team=team)
    assert isinstance(last, Checkpoint)
    return last.state.tensors


def main() -> None:
    folder, architecture = Path(sys.argv[1]), sys.argv[2]
    torch.use_deterministic_algorithms(True)
    team = join("cpu")
    if team.leads:
        tensors = trained(folder, architecture, team)
        safetensors.torch.save_file(tensors, folder / "last.safetensors")
        team.tell("end")
    else:
        data = dataset(count=32, classes=("a", "b"))
        follow(spec_of(architecture), data, TWO, team, None, {})
    dist.barrier()  # a connection that ends while another process leaves would abort that one
    dist.destroy_process_group()


if __name__ == "__main__":
    main()
