"""The checkpoints of a training: which there are, and publishing one as a version of a model."""

import contextlib
import os
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response
from fastapi import Path as InPath
from pydantic import Field

from app.deps import Documented, Everything
from app.guard import is_json
from app.jobs import JobId
from app.models import with_urls
from app.series import read_rows
from app.services import Services
from core.adoption import adopt
from core.aliases import require_movable
from core.cards import CHECKPOINT, card_of
from core.checkpoints import checkpoint_records
from core.errors import NotFound, UnsupportedMedia
from core.files import link_all, read_json, remove_tree
from core.ids import Id, new_id
from core.registry import CARD, HEADER, WEIGHTS, snapshot_folders
from core.retention import Retention
from core.samples import SAMPLES, steps_in
from core.schemas import Job, JobCheckpoint, JobCheckpoints, Model, Record

router = APIRouter(prefix="/jobs/{job_id}/checkpoints", tags=["jobs"])
Step = Annotated[int, InPath(ge=0, lt=10**9)]
ALREADY: Documented = {200: {"model": Model, "description": "It is a version already."}}


class Publication(Record):
    """What a checkpoint is to be published as."""

    name: Id | None = Field(default=None, description="Of the model; default: of the training.")
    alias: Id | None = Field(
        default=None, description="That is to mean this version.", examples=["stable"]
    )


async def _json_if_any(request: Request) -> None:
    if await request.body() and not is_json(request.headers):
        raise UnsupportedMedia("Send the body as Content-Type: application/json, or none.")


@router.get("")
def list_job_checkpoints(held: Everything, job_id: JobId) -> JobCheckpoints:
    """The states that the training can go on from, newest first; each also generates."""
    held.jobs.get(job_id)
    folder = held.jobs.home.job(job_id)
    digests = {int(path.name): _digest(path) for path in snapshot_folders(folder)}
    return JobCheckpoints(
        data=[
            JobCheckpoint(
                step=record.step,
                kimg=record.facts.get("kimg", 0.0),
                sha256=record.sha256,
                bytes=record.bytes,
                model=f"job:{job_id}@{record.step}" if record.step in digests else None,
                published=_published(held, digests.get(record.step)),
            )
            for record in checkpoint_records(folder)
        ]
    )


@router.post(
    "/{step}/publish",
    status_code=201,
    response_model=Model,
    responses=ALREADY,
    dependencies=[Depends(_json_if_any)],
)
def publish_job_checkpoint(
    response: Response,
    held: Everything,
    job_id: JobId,
    step: Step,
    wanted: Publication | None = None,
) -> Model:
    """Make a checkpoint the next version of a model, whatever becomes of the training.

    Equal weights under one name are one version: asked twice, it is the same.
    """
    job, wanted = held.jobs.get(job_id), wanted or Publication()
    if wanted.alias is not None:
        require_movable(wanted.alias)
    model, new = _version(held, job, step, wanted.name or str(job.input.get("model")))
    if wanted.alias is not None:
        held.models.aliases(model.name).put(wanted.alias, model.version)
    if not new:
        response.status_code = 200
    response.headers["Location"] = f"/v1/models/{model.name}/versions/{model.version}"
    return with_urls(held.models.get(model.name, model.version))


def _version(held: Services, job: Job, step: int, name: str) -> tuple[Model, bool]:
    """The version of `name` that is this checkpoint; True when it is new. Raises NotFound."""
    workspace = held.models.home.upload(new_id("checkpoint"))
    workspace.mkdir(mode=0o700)
    try:
        card = _prepared(held.jobs.home.job(job.id), job, step, workspace / "model")
        if card is None:
            return _earlier(held, job, step, name), False
        model, new = adopt(held.models, workspace / "model", name, card)
    finally:
        remove_tree(workspace)
    if new:
        Retention(held.jobs, held.settings.keep_versions).after_publication(name)
    return model, new


def _prepared(folder: Path, job: Job, step: int, target: Path) -> dict[str, Any] | None:
    """Link the files of the checkpoint's model into `target`, where the training leaves them alone.

    Answers its card; None when it was never there, or has given way to a newer one.
    """
    target.mkdir()
    try:
        link_all(folder / "snapshots" / f"{step:09d}", (WEIGHTS, HEADER), target)
    except FileNotFoundError:
        return None
    grids = [drawn for drawn in steps_in(folder / SAMPLES) if drawn <= step]
    with contextlib.suppress(FileNotFoundError, ValueError):  # there is none, or none any more
        os.link(folder / SAMPLES / f"{max(grids):09d}.png", target / "samples.png")
    return card_of(job, read_json(target / HEADER)["resolved"], _metrics(folder, step), step)


def _metrics(folder: Path, step: int) -> dict[str, float]:
    """The newest value of each metric at that step."""
    found: dict[str, float] = {}
    for at, row in read_rows(folder / "metrics.jsonl", -1):
        if at <= step:
            found |= row
    return {name: value for name, value in found.items() if name not in ("kimg", "seconds")}


def _earlier(held: Services, job: Job, step: int, name: str) -> Model:
    """The version that was made of a checkpoint which is no longer there. Raises NotFound."""
    for model in held.models.versions(name):
        if (model.lineage.get("job"), model.lineage.get(CHECKPOINT)) == (job.id, step):
            return model
    steps = [str(int(path.name)) for path in snapshot_folders(held.jobs.home.job(job.id))]
    known = ", ".join(steps) or "none yet"
    raise NotFound(f"There is no checkpoint at step {step} to publish; there are: {known}.")


def _published(held: Services, digest: str | None) -> list[str]:
    """The versions with these weights, newest first."""
    same = [model for model in held.models.all() if model.digest == digest]
    return [f"{model.name}@{model.version}" for model in same]


def _digest(snapshot: Path) -> str | None:
    """Of the weights of a checkpoint's model; None when it is being replaced at this moment."""
    try:
        return read_json(snapshot / CARD)["digest"]
    except FileNotFoundError:
        return None
