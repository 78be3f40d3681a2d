"""Checkpoints that resume a training, and published models: safetensors and JSON, never pickle.

A checkpoint is `{step:09d}-f{fence}.safetensors` and, written last, `.json` with its SHA-256: what
has no JSON does not exist. Files are whole or absent (`core.files`); a damaged checkpoint is set
aside and gives way to the one before.
"""

import hashlib
import json
import platform
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy
import safetensors
import safetensors.torch
import torch
from torch import Tensor, nn

from core.crashpoints import crash_point
from core.errors import BadSpec, IncompatibleCheckpoint
from core.files import read_json, write_atomic, write_json
from core.registry import HEADER, WEIGHTS
from models.registry import architectures
from worker.fitting import fitted

FORMAT = 1
DAMAGED = ".damaged"  # ends the name of a header that is set aside
AVERAGED = "ema."  # prefix of the tensors that become a model
BEST = "best."  # and of those that were measured best, which may become it


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


def digest_of(facts: Mapping[str, Any]) -> str:
    """SHA-256 of JSON facts, however they are spaced and ordered."""
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


def save(folder: Path, step: int, fence: int, state: State) -> Committed:
    """Write a checkpoint durably, or leave nothing of it. Only the same name is ever replaced."""
    crash_point("checkpoint.begin")
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{step:09d}-f{fence}.safetensors"
    content = safetensors.torch.save(state.tensors)
    digest = hashlib.sha256(content).hexdigest()
    header = {"format": FORMAT, "step": step, "fence": fence, "sha256": digest}
    facts = {"facts_sha256": digest_of(state.facts), "facts": state.facts}
    record = {**header, "bytes": len(content), "libraries": libraries(), **facts}
    try:
        write_atomic(path, content)
        crash_point("checkpoint.weights")
        write_json(path.with_suffix(".json"), record)
    except OSError:
        if not path.with_suffix(".json").exists():
            path.unlink(missing_ok=True)  # on a full disk it would only be in the way
        raise
    crash_point("checkpoint.saved")
    return Committed(path=path, step=step, fence=fence, sha256=digest, bytes=len(content))


def headers(folder: Path) -> Iterator[tuple[Path, Committed | None]]:
    """Every header in `folder` and the checkpoint that it tells of; None: it is damaged.

    Raises `IncompatibleCheckpoint` for one that another version of this software wrote.
    """
    for header in folder.glob("*-f*.json"):
        try:
            record = read_json(header)
            refuse_other_formats(header.name, record["format"])
            found = Committed(
                path=header.with_suffix(".safetensors"),
                step=record["step"],
                fence=record["fence"],
                sha256=record["sha256"],
                bytes=record["bytes"],
            )
        except (OSError, ValueError, KeyError, TypeError):
            found = None
        yield header, found


def refuse_other_formats(name: str, written: Any) -> None:
    if written != FORMAT:
        raise IncompatibleCheckpoint(
            f"{name} is of format {written}, this version reads format {FORMAT}; go on with the "
            "version that wrote it, or train anew"
        )


def saved(folder: Path) -> list[Committed]:
    """The checkpoints in `folder` that are complete by their JSON, newest first."""
    found = [committed for _, committed in headers(folder) if committed]
    return sorted(found, key=lambda c: (c.step, c.fence), reverse=True)


def read(committed: Committed) -> State:
    """The state in one checkpoint. Raises `BadSpec` when its bytes are not those written."""
    content = committed.path.read_bytes()
    if hashlib.sha256(content).hexdigest() != committed.sha256:
        raise BadSpec(f"checkpoint {committed.path.name} is damaged: its SHA-256 differs")
    record = read_json(committed.path.with_suffix(".json"))
    facts = record["facts"]
    if record.get("facts_sha256", digest_of(facts)) != digest_of(facts):
        raise BadSpec(f"checkpoint {committed.path.name} is damaged: its facts were changed")
    return State(tensors=safetensors.torch.load(content), facts=facts)


def unheard(name: str) -> None:
    """Nobody wants to know which checkpoint is damaged."""


def load(folder: Path, damaged: Callable[[str], None] = unheard) -> tuple[Committed, State] | None:
    """The newest checkpoint that is intact; None when there is none.

    What is damaged is told to `damaged` by its file's name and loses its header's name, so that
    nobody looks at it again.
    """
    for header, committed in headers(folder):
        if committed is None:
            set_aside(header)
            damaged(header.name)
    for committed in saved(folder):
        try:
            return committed, read(committed)
        except (OSError, ValueError, KeyError, BadSpec, safetensors.SafetensorError):
            set_aside(committed.path.with_suffix(".json"))
            damaged(committed.path.name)
    return None


def set_aside(header: Path) -> None:
    """Take a damaged checkpoint out of the count: it would be kept before the intact ones."""
    header.rename(header.with_name(header.name + DAMAGED))


def prune(folder: Path, *, keep: int = 2) -> list[Path]:
    """Remove all but the newest `keep` checkpoints, which hold the best weights, too; answers the
    removed."""
    removed = [c.path for c in saved(folder)[keep:]]
    for path in removed:
        path.with_suffix(".json").unlink(missing_ok=True)
        path.unlink(missing_ok=True)
    return removed


def header_of(facts: Mapping[str, Any], made: Mapping[str, Any]) -> dict[str, Any]:
    """What identifies a model, from a checkpoint's facts: the same training, the same bytes.

    made: the step and kimg of its weights. A model has classes, of which an image is one, or
    `attributes`, of which any number hold; only these have `combinations`.
    """
    spec = json.loads(json.dumps(facts["spec"]))  # tuples become lists, as when it is read back
    return {
        "format": FORMAT,
        "task": spec["task"],
        "architecture": spec["architecture"],
        "options": spec["options"],
        "shape": spec["shape"],
        "classes": spec["classes"],
        "dataset": spec["dataset"],
        "steps": made["step"],
        "kimg": made["kimg"],
        "seed": spec["seed"],
        "parameters": spec["parameters"].get("generator", 0),
        "libraries": libraries(),
        **{name: spec[name] for name in ("attributes", "combinations") if spec.get(name)},
    }


def publish(folder: Path, state: State, *, select: bool = False) -> dict[str, Any]:
    """Write the averaged generator of `state` as a model: weights, then header. Returns the header.

    select: take the best weights of the training where `facts["selected"]` prefers them.

    The weights' metadata lack what another run of the same training may change (its times, the
    device's speed), so that their SHA-256 is the training's.
    """
    folder.mkdir(parents=True, exist_ok=True)
    selected = state.facts.get("selected", {"from": "last"})
    prefix = BEST if select and selected["from"] == "best" else AVERAGED
    header = header_of(state.facts, selected if prefix == BEST else state.facts)
    own = {k: v for k, v in state.tensors.items() if k.startswith(prefix)}
    tensors = {"g." + k.removeprefix(prefix): v for k, v in own.items()}
    content = safetensors.torch.save(tensors, {"ganvas": json.dumps(header)})
    write_atomic(folder / WEIGHTS, content)
    digest = hashlib.sha256(content).hexdigest()
    told = {"metrics": state.facts.get("metrics", {}), "resolved": state.facts["spec"]}
    told |= {"abilities": list(architectures()[header["architecture"]].abilities)}
    told |= {"selected": selected} if select else {}
    header = {**header, **told, "sha256": digest, "bytes": len(content)}
    write_json(folder / HEADER, header)
    return json.loads(json.dumps(header))  # tuples become lists, as when it is read back


def load_generator(folder: Path) -> tuple[nn.Module, dict[str, Any]]:
    """A published generator, in evaluation mode on the CPU, and its header. Raises `BadSpec`."""
    try:
        header = read_json(folder / HEADER)
        digest = header["sha256"]
    except (ValueError, KeyError, TypeError) as error:
        raise BadSpec("the model's header cannot be read") from error
    if header.get("format") != FORMAT:
        raise BadSpec("the model is of a format that this version does not know")
    content = (folder / WEIGHTS).read_bytes()
    if hashlib.sha256(content).hexdigest() != digest:
        raise BadSpec("the model's weights are damaged: their SHA-256 differs")
    return fitted(header, content).eval().requires_grad_(False), header
