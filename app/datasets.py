"""Data sets: upload, list, show, look at, remove."""

import re
from typing import Annotated, Any

from fastapi import APIRouter, Header, Path, Query, Request, Response
from pydantic_core import from_json
from starlette.concurrency import run_in_threadpool

from app.changes import wait_for_job
from app.deps import BINARY, PNG, After, Datasets, Everything, IdempotencyKey, Jobs, Limit
from app.errors import from_record
from app.files import read_plain, send
from app.guard import is_json
from app.jobs import newest_first
from app.orders import read_order
from app.pages import after_cursor, page
from app.preparing import draw, prepare, take_upload
from app.services import Services
from app.uploads import ARCHIVES, FORM, receive_upload
from core.datasets import DatasetStore
from core.errors import InUse, NotFound, NotReady
from core.ids import Id
from core.jobs import JobStore
from core.requests import DISPLAY_NAME, SampleRequest, UploadRequest
from core.schemas import Dataset, Job, JobState, Page

router = APIRouter(prefix="/datasets", tags=["data sets"])
DatasetId = Annotated[Id, Path(description="Of the data set.")]
FILES = {"files": {"type": "array", "items": BINARY["schema"]}}
ORDERS = (SampleRequest, UploadRequest)
BODY = {
    "required": True,
    "content": {
        **dict.fromkeys(ARCHIVES, BINARY),
        FORM: {"schema": {"type": "object", "properties": FILES}},
        "application/json": {"schema": {"anyOf": [kind.model_json_schema() for kind in ORDERS]}},
    },
}
DEFAULT_WAIT, MAX_WAIT = 30, 60


def with_urls(dataset: Dataset) -> Dataset:
    """The data set with the addresses of what belongs to it."""
    own = f"/v1/datasets/{dataset.id}"
    urls = {"self": own}
    if dataset.state == "ready":
        urls |= {"preview": f"{own}/preview.png", "report": f"{own}/report"}
    if dataset.job is not None:
        urls["job"] = f"/v1/jobs/{dataset.job}"
    return dataset.model_copy(update={"urls": urls})


@router.post(
    "",
    status_code=201,
    response_model=Dataset,
    responses={
        200: {"model": Dataset, "description": "It exists already."},
        202: {"model": Dataset, "description": "It is still being prepared."},
    },
    openapi_extra={"requestBody": BODY},
)
async def create_dataset(
    request: Request,
    response: Response,
    held: Everything,
    name: Annotated[
        str, Query(min_length=1, max_length=128, pattern=DISPLAY_NAME, examples=["cats"])
    ] = "images",
    prefer: Annotated[str, Header(max_length=256, description="`wait=30`: seconds.")] = "",
    key: IdempotencyKey = None,
) -> Dataset:
    """Upload an archive or images; the answer comes when they are prepared, or after the wait."""
    if is_json(request.headers):
        order = _order(await request.body())
        dataset_id, job = await run_in_threadpool(_ordered, held, order)
    else:
        dataset_id, job = await _store(request, held, name, key)
    response.headers["Location"] = f"/v1/datasets/{dataset_id}"
    if job is None:
        response.status_code = 200
    elif not await _prepared(held, job, preferred_wait(prefer)):
        response.status_code = 202
        response.headers["Retry-After"] = "2"
    return with_urls(await run_in_threadpool(held.datasets.get, dataset_id))


@router.get("")
def list_datasets(
    request: Request, response: Response, datasets: Datasets, limit: Limit = 20, after: After = None
) -> Page[Dataset]:
    """Data sets, newest first."""
    found = after_cursor(datasets.all(), lambda dataset: dataset.id, after)
    shown = [with_urls(dataset) for dataset in found[: limit + 1]]
    return page(request, response, shown, limit, lambda dataset: dataset.id)


@router.get("/{dataset_id}")
def show_dataset(datasets: Datasets, dataset_id: DatasetId) -> Dataset:
    """Counts, sizes, labels, and what the set can train."""
    return with_urls(datasets.get(dataset_id))


@router.delete("/{dataset_id}", status_code=204)
def delete_dataset(jobs: Jobs, datasets: Datasets, dataset_id: DatasetId) -> None:
    """Remove a data set that no unfinished job uses. Models that were trained on it stay."""
    datasets.require(dataset_id)
    user = _user(jobs, dataset_id)
    if user is not None:
        raise InUse(f"Job {user.id} still uses it: cancel the job or wait for its end.")
    datasets.remove(dataset_id)


@router.get("/{dataset_id}/preview.png", response_class=Response, responses=PNG)
def show_dataset_preview(datasets: Datasets, dataset_id: DatasetId) -> Response:
    """A contact sheet."""
    _require_ready(datasets, dataset_id)
    return send(datasets.home.dataset(dataset_id) / "preview.png", "image/png", "no-cache")


@router.get("/{dataset_id}/report", response_model=dict[str, Any])
def show_dataset_report(datasets: Datasets, dataset_id: DatasetId) -> Response:
    """Which files were left out and why, duplicates, sizes and modes."""
    _require_ready(datasets, dataset_id)
    report = read_plain(datasets.home.dataset(dataset_id) / "report.json")
    return Response(report, media_type="application/json", headers={"Cache-Control": "no-cache"})


def preferred_wait(prefer: str) -> float:
    """The seconds of `Prefer: wait=N`, within bounds."""
    found = re.search(r"(?:^|[\s,;])wait\s*=\s*(\d{1,6})\b", prefer)
    return float(min(int(found[1]), MAX_WAIT)) if found else DEFAULT_WAIT


async def _store(
    request: Request, held: Services, name: str, key: str | None
) -> tuple[str, Job | None]:
    """Take the upload to disk and order its preparation."""
    dataset_id, folder = await run_in_threadpool(held.datasets.begin, name)
    try:
        digest = await receive_upload(request, folder, held.settings.max_upload_bytes)
        input = {"dataset": dataset_id, "name": name}
        once = (f"datasets:{key}", f"{name}:{digest}") if key else None
        job = await run_in_threadpool(prepare, held, input, once)
    except BaseException:
        await run_in_threadpool(held.datasets.discard, dataset_id)
        raise
    if job.input["dataset"] != dataset_id:  # the key was used before
        await run_in_threadpool(held.datasets.discard, dataset_id)
    return job.input["dataset"], job


async def _prepared(held: Services, job: Job, seconds: float) -> bool:
    """Whether the set is ready in time. Raises the error of the job when that failed."""
    job = await wait_for_job(held, job.id, lambda now: now.state.terminal, seconds)
    if job.state is JobState.FAILED:
        await run_in_threadpool(held.datasets.discard, job.input["dataset"])
        raise from_record(job.error or {})
    if job.state is JobState.CANCELLED:
        raise NotFound("The preparation was cancelled; nothing is left of the upload.")
    return job.state is JobState.SUCCEEDED


def _ordered(held: Services, order: SampleRequest | UploadRequest) -> tuple[str, Job | None]:
    if isinstance(order, UploadRequest):
        return take_upload(held, order)
    return draw(held, order)


def _order(body: bytes) -> SampleRequest | UploadRequest:
    """Which of the two is meant is told by the field that only uploads have."""
    try:
        asked = from_json(body)
    except ValueError:
        asked = None  # the model says what is wrong
    kind = UploadRequest if isinstance(asked, dict) and "upload" in asked else SampleRequest
    return read_order(kind, body)


def _user(jobs: JobStore, dataset_id: str) -> Job | None:
    """An unfinished job that uses the data set."""
    for job in newest_first(jobs):
        used = job.input.get("dataset_id", job.input.get("dataset"))
        if used == dataset_id and not job.state.terminal:
            return job
    return None


def _require_ready(datasets: DatasetStore, dataset_id: str) -> None:
    if datasets.get(dataset_id).state != "ready":
        raise NotReady("The data set is still being prepared.")
