"""Checkpoints that resume a training, and published models: safetensors and JSON, never pickle.

A checkpoint is `{step:09d}-f{fence}.safetensors` and, written last, `.json` with its SHA-256: what
has no JSON does not exist. Files are whole or absent (`core.files`).
"""

import hashlib
import json
import platform
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy
import safetensors
import safetensors.torch
import torch
from torch import Tensor, nn

from core.errors import BadSpec
from core.files import read_json, write_atomic, write_json
from core.registry import HEADER, WEIGHTS
from models.registry import Shape, architectures

FORMAT = 1
AVERAGED = "ema."  # prefix of the tensors that become a model


@dataclass(frozen=True, kw_only=True)
class State:
    """All that a training needs to go on: named tensors (copies, on the CPU) and JSON facts."""

    tensors: dict[str, Tensor]
    facts: dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Committed:
    """A checkpoint on disk. `path` is the weights file, its JSON stands beside it."""

    path: Path
    step: int
    fence: int
    sha256: str
    bytes: int


def libraries() -> dict[str, str]:
    """The versions that made a file."""
    return {
        "python": platform.python_version(),
        "torch": torch.__version__,
        "numpy": numpy.__version__,
        "safetensors": safetensors.__version__,
    }


def save(folder: Path, step: int, fence: int, state: State) -> Committed:
    """Write a checkpoint durably. Only a name of the same step and fence is ever replaced."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{step:09d}-f{fence}.safetensors"
    content = safetensors.torch.save(state.tensors)
    digest = hashlib.sha256(content).hexdigest()
    write_atomic(path, content)
    header = {"format": FORMAT, "step": step, "fence": fence, "sha256": digest}
    record = {**header, "bytes": len(content), "libraries": libraries(), "facts": state.facts}
    write_json(path.with_suffix(".json"), record)
    return Committed(path=path, step=step, fence=fence, sha256=digest, bytes=len(content))


def saved(folder: Path) -> list[Committed]:
    """The checkpoints in `folder` that are complete by their JSON, newest first."""
    found = []
    for header in folder.glob("*-f*.json"):
        try:
            record = read_json(header)
            found.append(
                Committed(
                    path=header.with_suffix(".safetensors"),
                    step=record["step"],
                    fence=record["fence"],
                    sha256=record["sha256"],
                    bytes=record["bytes"],
                )
            )
        except (OSError, ValueError, KeyError, TypeError):
            continue  # not one of ours, or damaged: as if it were not there
    return sorted(found, key=lambda c: (c.step, c.fence), reverse=True)


def read(committed: Committed) -> State:
    """The state in one checkpoint. Raises `BadSpec` when its bytes are not those written."""
    content = committed.path.read_bytes()
    if hashlib.sha256(content).hexdigest() != committed.sha256:
        raise BadSpec(f"checkpoint {committed.path.name} is damaged: its SHA-256 differs")
    record = read_json(committed.path.with_suffix(".json"))
    return State(tensors=safetensors.torch.load(content), facts=record["facts"])


def load(folder: Path) -> tuple[Committed, State] | None:
    """The newest checkpoint that is intact, falling back to older ones; None when there is none."""
    for committed in saved(folder):
        try:
            return committed, read(committed)
        except (OSError, ValueError, BadSpec):
            continue  # verified at load: a damaged one gives way to the one before
    return None


def prune(folder: Path, *, keep: int = 2, best: int | None = None) -> list[Path]:
    """Remove all but the newest `keep` checkpoints and that of step `best`; returns the removed."""
    removed = [c.path for c in saved(folder)[keep:] if c.step != best]
    for path in removed:
        path.with_suffix(".json").unlink(missing_ok=True)
        path.unlink(missing_ok=True)
    return removed


def header_of(facts: Mapping[str, Any]) -> dict[str, Any]:
    """The model's header, from the facts of a checkpoint."""
    spec = json.loads(json.dumps(facts["spec"]))  # tuples become lists, as when it is read back
    return {
        "format": FORMAT,
        "task": spec["task"],
        "architecture": spec["architecture"],
        "options": spec["options"],
        "shape": spec["shape"],
        "classes": spec["classes"],
        "dataset": spec["dataset"],
        "steps": facts["step"],
        "kimg": facts["kimg"],
        "seed": spec["seed"],
        "parameters": spec["parameters"].get("generator", 0),
        "metrics": facts.get("metrics", {}),
        "resolved": spec,
        "libraries": libraries(),
    }


def publish(folder: Path, state: State) -> dict[str, Any]:
    """Write the averaged generator of `state` as a model: weights, then header. Returns the header.

    The header in the weights' metadata lacks only `sha256` and `bytes`, which are of that file.
    """
    folder.mkdir(parents=True, exist_ok=True)
    header = header_of(state.facts)
    own = {k: v for k, v in state.tensors.items() if k.startswith(AVERAGED)}
    tensors = {"g." + k.removeprefix(AVERAGED): v for k, v in own.items()}
    content = safetensors.torch.save(tensors, {"ganvas": json.dumps(header)})
    write_atomic(folder / WEIGHTS, content)
    digest = hashlib.sha256(content).hexdigest()
    header = {**header, "sha256": digest, "bytes": len(content)}
    write_json(folder / HEADER, header)
    return header


def load_generator(folder: Path) -> tuple[nn.Module, dict[str, Any]]:
    """A published generator, in evaluation mode on the CPU, and its header. Raises `BadSpec`."""
    header = read_json(folder / HEADER)
    architecture = architectures().get(header.get("architecture", ""))
    if header.get("format") != FORMAT or architecture is None:
        raise BadSpec("the model is of a format or architecture that this version does not know")
    content = (folder / WEIGHTS).read_bytes()
    if hashlib.sha256(content).hexdigest() != header["sha256"]:
        raise BadSpec("the model's weights are damaged: their SHA-256 differs")
    with torch.random.fork_rng(devices=[]):
        options = architecture.Options(**header["options"])
        G = architecture.generator(Shape(**header["shape"]), options)
    tensors = safetensors.torch.load(content)
    G.load_state_dict({k.removeprefix("g."): v for k, v in tensors.items()})
    return G.eval().requires_grad_(False), header
