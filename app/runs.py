"""What a running job writes into its folder: metrics, sample images, alarms, and its log."""

from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request, Response
from fastapi.responses import StreamingResponse
from pydantic import Field

from app.deps import BINARY, PNG, Documented, Jobs
from app.files import read_plain, send
from app.jobs import JobId
from app.series import Series, as_csv, read_rows, thin
from app.tables import PARQUET, Table, csv_pieces, parquet_pieces
from core.alarms import JobAlarms, alarms_of
from core.errors import Invalid, NotFound
from core.samples import GRID, SAMPLES, Sample, labels_of_cells, samples_of
from core.schemas import Answer

router = APIRouter(prefix="/jobs/{job_id}", tags=["jobs"])
LOG_BYTES = 64 * 1024
TEXT: Documented = {200: {"content": {"text/plain": {"schema": {"type": "string"}}}}}
CSV = "text/csv"
TABLES: Documented = {
    200: {"content": {CSV: {"schema": {"type": "string"}}, PARQUET: BINARY}},
    406: {"description": "Parquet without pyarrow"},
}
POINTS = 1000  # of a chart
VARY = {"Vary": "Accept"}


class Samples(Answer):
    object: str = "list"
    data: list[Sample]
    columns: int = Field(default=GRID, description="The seeds 0, 1, ... stand row by row.")
    labels: list[str] | None = Field(
        description="What `label=` makes each image; null: the model has no labels."
    )


@router.get("/metrics", response_model=Series, responses=TABLES)
def show_job_metrics(
    request: Request,
    response: Response,
    jobs: Jobs,
    job_id: JobId,
    keys: Annotated[
        str | None, Query(max_length=1024, description="Comma-separated names; default: all.")
    ] = None,
    since_step: Annotated[int, Query(ge=-1, le=2**53)] = -1,
    max_points: Annotated[
        int | None,
        Query(ge=0, le=10_000, description="0: every step. Default: 1000; of CSV and Parquet, 0."),
    ] = None,
) -> Any:
    """Losses and measurements over the steps, thinned out to mean, minimum and maximum.

    By `Accept` also as CSV or Parquet: with every step in a row, CSV on request thinned out too.
    """
    jobs.get(job_id)
    path, names = jobs.home.job(job_id) / "metrics.jsonl", keys.split(",") if keys else None
    accept = request.headers.get("accept", "")
    if PARQUET in accept:
        if max_points:
            raise Invalid("Parquet has every step: leave max_points out. CSV can be thinned out.")
        pieces = parquet_pieces(Table(path, since_step, names))
        return StreamingResponse(pieces, media_type=PARQUET, headers=VARY)
    if CSV in accept and not max_points:
        lines = csv_pieces(Table(path, since_step, names))
        return StreamingResponse(lines, media_type=CSV, headers=VARY)
    points = POINTS if max_points is None else max_points
    series = thin(read_rows(path, since_step), names, points)
    if CSV in accept:
        return Response(as_csv(series), media_type=CSV, headers=VARY)
    response.headers.update(VARY)
    return series


@router.get("/samples")
def list_job_samples(jobs: Jobs, job_id: JobId) -> Samples:
    """The sample grids so far, oldest first."""
    known = jobs.get(job_id).resolved or {}
    kinds = (known.get(name, ()) for name in ("classes", "attributes", "combinations"))
    data = samples_of(jobs.home.job(job_id), f"/v1/jobs/{job_id}/samples")
    return Samples(data=data, labels=labels_of_cells(*kinds))


@router.get("/samples/{step}.png", response_class=Response, responses=PNG)
def show_job_sample(
    jobs: Jobs, job_id: JobId, step: Annotated[int, Path(ge=0, lt=10**9)]
) -> Response:
    """One sample grid."""
    jobs.get(job_id)
    path = jobs.home.job(job_id) / SAMPLES / f"{step:09d}.png"
    return send(path, "image/png", "private, max-age=3600")


@router.get("/alarms")
def list_job_alarms(jobs: Jobs, job_id: JobId) -> JobAlarms:
    """What went wrong in a training and what was done about it, oldest first."""
    jobs.get(job_id)
    return JobAlarms(data=alarms_of(jobs.home.job(job_id)))


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
