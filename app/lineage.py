"""Where a training begins other than from nothing: a job that it continues, or a model."""

import contextlib
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app.images import resolve
from app.services import Services
from core.checkpoints import FOLDER, INIT, CheckpointRecord, checkpoint_records, hand_on
from core.datasets import SAMPLE_PREFIX, DatasetStore
from core.errors import Conflict, DatasetChanged, Invalid, NotFound, NotReady
from core.files import link_all
from core.jobs import JobStore
from core.lineage import check_lineage, check_networks, networks_of
from core.registry import HEADER, WEIGHTS, Reference
from core.requests import Budget, TrainRequest
from core.schemas import Dataset, Job, JobKind, JobState

FREE = frozenset({"resume_from", "budget", "name", "metadata", "priority"})


@dataclass(frozen=True, kw_only=True)
class Beginning:
    """What the new job takes over: the request that it goes on with, and files for its folder."""

    input: dict[str, Any]
    furnish: Callable[[Path], None]


def continued(held: Services, order: TrainRequest) -> tuple[Job, Beginning]:
    """Go on from the last checkpoint of `resume_from`, with a larger budget; by default its own.

    Raises NotReady, Conflict, Invalid, DatasetChanged.
    """
    assert order.resume_from is not None
    job = source_job(held.jobs, order.resume_from)
    folder = held.jobs.home.job(job.id)
    records = checkpoint_records(folder)
    if not records:
        raise Conflict(f"{job.id} has no checkpoint; train anew without resume_from.")
    refuse_changes(order, job)
    if "budget" not in order.model_fields_set:
        order = order.model_copy(update={"budget": Budget(**job.input["budget"])})
    require_larger(order.budget, records[0])
    require_data(held.datasets, job, records, "#/resume_from")
    given = order.model_dump(mode="json", include=set(FREE))
    own = {name: value for name, value in job.input.items() if name != "retry_of"}
    input = own | given | {"model": order.name or job.input["model"]}
    return job, Beginning(input=input, furnish=heirloom(folder, records))


def retried(held: Services, job: Job) -> Beginning:
    """The same work again, from the last checkpoint where there is one. Raises DatasetChanged."""
    folder = held.jobs.home.job(job.id)
    records = checkpoint_records(folder)
    require_data(held.datasets, job, records, "#/input/dataset_id")
    again = {"retry_of": job.id, "resume_from": job.id if records else None}
    return Beginning(input=job.input | again, furnish=heirloom(folder, records))


def heirloom(folder: Path, records: list[CheckpointRecord]) -> Callable[[Path], None]:
    """Links the checkpoints into another folder, and what the training once began with: a worker
    that finds every checkpoint damaged begins again there."""

    def furnish(target: Path) -> None:
        if records:
            hand_on(records, target / FOLDER)
        if (folder / INIT).exists():
            shutil.copytree(folder / INIT, target / INIT, copy_function=os.link)

    return furnish


def origin_of(held: Services, init_from: str) -> Reference:
    """The model to begin with. Raises NotFound, NotReady."""
    try:
        return resolve(held, init_from)
    except (NotFound, NotReady) as error:
        pointer = {"pointer": "#/init_from", "message": error.detail}
        raise type(error)(error.detail, errors=[pointer]) from error


def initialised(
    held: Services, order: TrainRequest, origin: Reference, dataset: Dataset | None
) -> Beginning:
    """Begin with the weights of `origin`. Raises Invalid."""
    model = origin.model
    known = dataset or model  # of a sample that is not drawn yet the worker checks the rest
    check_networks(networks_of(model.architecture, model.resolved, model.z_dim), order.options)
    check_lineage(
        model,
        classes=known.classes,
        attributes=known.attributes,
        resolution=order.resolution or model.resolution,
        channels=known.channels or model.channels,
        label_map=(order.label_map or {}) if dataset else {},
    )
    name = {"name": model.name, "version": model.version, "digest": model.digest}
    return Beginning(
        input={"origin": name}, furnish=lambda folder: link_model(held, origin, folder / INIT)
    )


def source_job(jobs: JobStore, job_id: str) -> Job:
    """A training that is not under way."""
    try:
        job = jobs.get(job_id)
    except NotFound as error:
        raise _refused("resume_from", "There is no such job.") from error
    if job.kind is not JobKind.TRAIN:
        raise _refused("resume_from", "Only a training can be continued.")
    if not job.state.terminal:
        hint = (
            "POST its /resume" if job.state is JobState.PAUSED else "wait for its end, or cancel it"
        )
        raise NotReady(f"{job.id} is {job.state}: {hint}.")
    return job


def refuse_changes(order: TrainRequest, job: Job) -> None:
    """A continued training keeps its data set, options and seed."""
    own = {job.input.get("dataset"), job.input.get("dataset_id"), job.input.get("dataset_name")}
    asked = order.model_dump(mode="json", include=order.model_fields_set - FREE)
    same = {name for name, value in asked.items() if value in (None, job.input.get(name))}
    changed = asked.keys() - same - ({"dataset"} if order.dataset in own else set())
    if changed:
        text = "A continued training keeps this of the job that it goes on from; leave it out."
        errors = [{"pointer": f"#/{name}", "message": text} for name in sorted(changed)]
        raise Invalid(f"{errors[0]['pointer']}: {text}", errors=errors)


def require_larger(budget: Budget, newest: CheckpointRecord) -> None:
    """The budget counts from the beginning, so it has to exceed what is spent."""
    spent = spent_of(newest)
    for name, value in budget.model_dump(exclude_none=True).items():
        if value <= spent[name]:
            text = f"{spent[name]:.12g} {name} are spent; the budget counts from the beginning."
            raise _refused(f"budget/{name}", f"{text} Give a larger one.")


def require_data(
    datasets: DatasetStore, job: Job, records: list[CheckpointRecord], pointer: str
) -> None:
    """Refuse now what the worker would refuse later: the data set has to be there, and to go on
    from a checkpoint it has to be the one of it. A sample set that is gone is drawn again.

    Raises DatasetChanged.
    """
    dataset_id = str(job.input.get("dataset_id", ""))
    try:
        now = datasets.get(dataset_id).sha256
    except NotFound as error:
        if str(job.input.get("dataset")).startswith(SAMPLE_PREFIX):
            return
        raise _changed(f"The data set {dataset_id} is gone", pointer) from error
    began = records[0].facts.get("spec", {}).get("dataset", {}).get("sha256") if records else None
    if began is not None and now is not None and began != now:
        told = f"The training began with other images (sha256 {began[:12]})"
        raise _changed(f"{told} than {dataset_id} has now (sha256 {now[:12]})", pointer)


def spent_of(record: CheckpointRecord) -> dict[str, float]:
    """What a checkpoint has used, in each unit of a budget."""
    kimg, seconds = record.facts.get("kimg", 0.0), record.facts.get("seconds", 0.0)
    return {"steps": record.step, "kimg": round(kimg, 3), "minutes": round(seconds / 60, 3)}


def link_model(held: Services, found: Reference, folder: Path) -> None:
    """The model's files and, where it is left, the checkpoint with its discriminator.

    A job that is under way may replace both at this moment. Raises Conflict.
    """
    folder.mkdir(mode=0o700)
    try:
        link_all(found.folder, (WEIGHTS, HEADER), folder)
    except FileNotFoundError as error:
        raise Conflict("The model of init_from was replaced a moment ago; ask again.") from error
    if found.model.job is None:
        return
    records = checkpoint_records(held.jobs.home.job(found.model.job))
    same = [record for record in records if record.step == found.model.steps]
    with contextlib.suppress(FileNotFoundError):
        hand_on(same[:1], folder, "checkpoint")


def _changed(what: str, pointer: str) -> DatasetChanged:
    text = f"{what}. Upload the images and train on that: POST /v1/train."
    return DatasetChanged(text, errors=[{"pointer": pointer, "message": f"{what}."}])


def _refused(field: str, message: str) -> Invalid:
    return Invalid(f"#/{field}: {message}", errors=[{"pointer": f"#/{field}", "message": message}])
