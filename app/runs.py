"""What a running job writes into its folder: metrics, sample images, and its log."""

import os
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request, Response

from app.deps import PNG, Documented, Jobs
from app.files import read_plain, send
from app.jobs import JobId
from app.series import Series, as_csv, read_rows, thin
from core.checkpoints import checkpoint_records
from core.errors import NotFound
from core.registry import snapshot_folders
from core.schemas import Answer, JobCheckpoint, JobCheckpoints

router = APIRouter(prefix="/jobs/{job_id}", tags=["jobs"])
LOG_BYTES = 64 * 1024
TEXT: Documented = {200: {"content": {"text/plain": {"schema": {"type": "string"}}}}}
CSV: Documented = {200: {"content": {"text/csv": {"schema": {"type": "string"}}}}}


class Sample(Answer):
    """A grid of images of always the same seeds, drawn during the training."""

    step: int
    url: str


class Samples(Answer):
    object: str = "list"
    data: list[Sample]


@router.get("/metrics", response_model=Series, responses=CSV)
def show_job_metrics(
    request: Request,
    jobs: Jobs,
    job_id: JobId,
    keys: Annotated[
        str | None, Query(max_length=1024, description="Comma-separated names; default: all.")
    ] = None,
    since_step: Annotated[int, Query(ge=-1, le=2**53)] = -1,
    max_points: Annotated[int, Query(ge=1, le=10_000)] = 1000,
) -> Any:
    """Losses and measurements over the steps, thinned out to mean, minimum and maximum."""
    jobs.get(job_id)
    rows = read_rows(jobs.home.job(job_id) / "metrics.jsonl", since_step)
    series = thin(rows, keys.split(",") if keys else None, max_points)
    if "text/csv" in request.headers.get("accept", ""):
        return Response(as_csv(series), media_type="text/csv")
    return series


@router.get("/samples")
def list_job_samples(jobs: Jobs, job_id: JobId) -> Samples:
    """The sample grids so far, oldest first."""
    jobs.get(job_id)
    folder = jobs.home.job(job_id) / "samples"
    names = os.listdir(folder) if folder.exists() else []
    steps = sorted(int(name[:-4]) for name in names if name.endswith(".png") and _is_step(name))
    url = f"/v1/jobs/{job_id}/samples"
    return Samples(data=[Sample(step=step, url=f"{url}/{step}.png") for step in steps])


@router.get("/samples/{step}.png", response_class=Response, responses=PNG)
def show_job_sample(
    jobs: Jobs, job_id: JobId, step: Annotated[int, Path(ge=0, lt=10**9)]
) -> Response:
    """One sample grid."""
    jobs.get(job_id)
    path = jobs.home.job(job_id) / "samples" / f"{step:09d}.png"
    return send(path, "image/png", "private, max-age=3600")


@router.get("/checkpoints")
def list_job_checkpoints(jobs: Jobs, job_id: JobId) -> JobCheckpoints:
    """The states that the training can go on from, newest first; each also generates."""
    jobs.get(job_id)
    folder = jobs.home.job(job_id)
    models = {int(path.name) for path in snapshot_folders(folder)}
    return JobCheckpoints(
        data=[
            JobCheckpoint(
                step=record.step,
                kimg=record.facts.get("kimg", 0.0),
                sha256=record.sha256,
                bytes=record.bytes,
                model=f"job:{job_id}@{record.step}" if record.step in models else None,
            )
            for record in checkpoint_records(folder)
        ]
    )


@router.get("/log", response_class=Response, responses=TEXT)
def show_job_log(jobs: Jobs, job_id: JobId) -> Response:
    """The last 64 KB that the work wrote; empty before it began."""
    jobs.get(job_id)
    try:
        text = read_plain(jobs.home.job(job_id) / "log.txt", LOG_BYTES)
    except NotFound:
        text = b""
    headers = {"Cache-Control": "no-store"}
    return Response(text.decode("utf-8", "replace"), media_type="text/plain", headers=headers)


def _is_step(name: str) -> bool:
    return name[:-4].isascii() and name[:-4].isdigit()
