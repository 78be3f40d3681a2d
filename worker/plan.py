"""What one attempt at a training begins with: its spec, its state so far, and what to warn of.

The open choices are made once, by the first attempt, and stored in `spec.json`; whoever comes later
takes them from there. Only the budget is always the job's own, and the batch may be halved.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from torch import Tensor

from core.checkpoints import FOLDER
from core.crashpoints import crash_point
from core.errors import BadSpec, DatasetChanged, IncompatibleCheckpoint
from models.registry import architectures
from worker import checkpoint, warm_start
from worker.checkpoint import State
from worker.data import Dataset
from worker.device import Device, adopt, known_device
from worker.events import Alarm
from worker.presets import budget_of, facts_of, resolve
from worker.spec import TrainSpec, read_spec, shrunk, store_spec, stored_spec

ANEW = "began-anew"  # a file in the job's folder: every checkpoint was damaged once


@dataclass(frozen=True, kw_only=True)
class Plan:
    """An attempt before its first step. `resume` or `weights` or neither are given."""

    spec: TrainSpec
    device: Device
    resume: State | None = None
    weights: Mapping[str, Tensor] | None = None
    alarms: list[Alarm] = field(default_factory=list)


def make(
    folder: Path, request: Mapping[str, Any], data: Dataset, shrink: int, devices: Path
) -> Plan:
    """The plan of an attempt at the job in `folder`; `devices` keeps what was probed before.

    Raises `DatasetChanged`, `IncompatibleCheckpoint`, `NoDevice`, `BadSpec`, `Invalid`.
    """
    state, damage = so_far(folder)
    step = state.facts["step"] if state else 0
    alarms = [Alarm(step=step, kind="damaged_checkpoint", message=text) for text in damage]
    origin = None if state else warm_start.origin_of(folder)
    spec = settled(folder, request, data, state, origin, devices)
    require_known(spec, state)
    require_same(data, spec)
    device = adopt(spec.device)
    weights = None
    if origin is not None:
        classes = warm_start.mapping(origin, data, request.get("label_map") or {})
        weights, warning = warm_start.weights(origin, classes)
        alarms += [Alarm(step=0, kind="init", message=warning)] if warning else []
    smaller = shrunk(spec, shrink)
    if smaller != spec:
        text = f"memory ran out; the batch goes from {spec.recipe.batch} to {smaller.recipe.batch}"
        alarms.append(Alarm(step=step, kind="memory", message=text))
    return Plan(spec=smaller, device=device, resume=state, weights=weights, alarms=alarms)


def so_far(folder: Path) -> tuple[State | None, list[str]]:
    """The state to go on from, and what is to be said of damaged ones.

    When none is intact the training begins anew, once: a disk that keeps nothing ends the job.
    """
    names: list[str] = []
    found = checkpoint.load(folder / FOLDER, names.append)
    if found is not None:
        return found[1], [f"{name} is damaged; going on from the one before" for name in names]
    if names and (folder / ANEW).exists():
        raise IncompatibleCheckpoint(
            "every checkpoint is damaged, and it is not the first time: this disk does not keep "
            "what is written to it. Have it checked before you train on it again"
        )
    if names:
        (folder / ANEW).touch()
    return None, [f"{name} is damaged and none is left; beginning anew" for name in names]


def settled(
    folder: Path,
    request: Mapping[str, Any],
    data: Dataset,
    state: State | None,
    origin: warm_start.Origin | None,
    devices: Path,
) -> TrainSpec:
    """The spec that holds for every attempt at this job, with the job's own budget."""
    budget = budget_of(request)
    spec = stored_spec(folder)
    if spec is None:
        if state is not None:  # of an earlier job, which this one continues
            chosen = spec_of(state)
        elif origin is not None:
            warm_start.mapping(origin, data, request.get("label_map") or {})
            chosen = resolve(
                warm_start.request_like(origin, request), facts_of(data, known_device(devices))
            )
        else:
            chosen = resolve(request, facts_of(data, known_device(devices)))
        spec = store_spec(folder, replace(chosen, budget=budget))
        crash_point("spec.stored")
    return replace(spec, budget=budget)


def spec_of(state: State) -> TrainSpec:
    """The spec in a checkpoint. Raises `IncompatibleCheckpoint` when it is another version's."""
    try:
        return read_spec(state.facts["spec"])
    except (BadSpec, KeyError) as error:
        raise IncompatibleCheckpoint(
            "the checkpoint was written by a version whose settings this one does not know; go on "
            "with that version, or train anew"
        ) from error


def require_known(spec: TrainSpec, state: State | None) -> None:
    """Raise `IncompatibleCheckpoint` unless these networks exist here and made the checkpoint."""
    architecture = architectures().get(spec.architecture)
    try:
        fits = architecture is not None and bool(architecture.Options(**spec.options))
    except TypeError:
        fits = False
    if not fits:
        raise IncompatibleCheckpoint(
            f"this version does not know the networks {spec.architecture} {spec.options}; it has: "
            f"{', '.join(architectures())}"
        )
    made = spec if state is None else spec_of(state)
    if (made.architecture, made.options, made.shape) != (
        spec.architecture,
        spec.options,
        spec.shape,
    ):
        raise IncompatibleCheckpoint("the checkpoint is of other networks than the stored training")


def require_same(data: Dataset, spec: TrainSpec) -> None:
    """Raise `DatasetChanged` unless `data` is what the training began with."""
    shape = spec.shape
    began = (spec.dataset["sha256"], spec.dataset["images"], shape.resolution, shape.channels)
    now = (data.sha256, len(data), data.resolution, data.channels)
    if (*began, spec.classes, spec.attributes) == (*now, data.classes, data.attributes):
        return
    raise DatasetChanged(
        f"the training began with {began[1]} images of {began[2]} px (sha256 {began[0][:12]}), now "
        f"there are {now[1]} of {now[2]} px (sha256 {now[0][:12]}); restore the data set or start "
        "a new training"
    )
