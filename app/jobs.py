"""Jobs: show, wait, and their events. What can be done with them: app/actions.py, their list:
app/job_list.py."""

from collections.abc import Iterator
from typing import Annotated, Any

from fastapi import APIRouter, Header, Path, Query, Request, Response
from starlette.concurrency import run_in_threadpool

from app import events
from app.changes import wait_for_job
from app.deps import Documented, Everything
from app.etags import matches
from app.pages import page
from app.sse import Feed, wants_stream
from core.ids import Id
from core.jobs import JobStore
from core.schemas import Job, JobEvent, JobKind, JobState, Page

router = APIRouter(prefix="/jobs", tags=["jobs"])
JobId = Annotated[Id, Path(description="Of the job.", examples=["job-01k8xw3v5n0q6d8z2m4t7r9b1c"])]
CHUNK = 200
MAX_WAIT = 30
StreamId = Annotated[str, Query(pattern=r"^\d{1,19}-\d{1,19}$", description="Events after it.")]
EventLimit = Annotated[int, Query(ge=1, le=1000)]
LastEventId = Annotated[str | None, Header(max_length=64)]
EVENTS: Documented = {200: {"content": {"text/event-stream": {"schema": {"type": "string"}}}}}

ACTIONS: dict[JobState, tuple[str, ...]] = {
    JobState.QUEUED: ("cancel", "pause"),
    JobState.RECOVERING: ("cancel", "pause"),
    JobState.RUNNING: ("cancel", "pause", "checkpoint", "sample"),
    JobState.PAUSING: ("cancel", "resume"),
    JobState.PAUSED: ("cancel", "resume"),
    JobState.FAILED: ("retry",),
    JobState.CANCELLED: ("retry",),
}
OF_TRAININGS = ("checkpoint", "sample", "retry")


def actions_of(job: Job) -> list[str]:
    """What may be done with the job now, as the last part of an address."""
    training = job.kind is JobKind.TRAIN
    return [name for name in ACTIONS.get(job.state, ()) if training or name not in OF_TRAININGS]


def with_urls(job: Job) -> Job:
    """The job with the addresses of what belongs to it."""
    own = f"/v1/jobs/{job.id}"
    urls = {"self": own, "events": f"{own}/events", "log": f"{own}/log"}
    urls |= {action: f"{own}/{action}" for action in actions_of(job)}
    if job.kind is JobKind.TRAIN:
        names = ("metrics", "samples", "alarms", "checkpoints")
        urls |= {name: f"{own}/{name}" for name in names}
    output = job.output or {}
    if "dataset" in output:
        urls["dataset"] = f"/v1/datasets/{output['dataset']}"
    if "model" in output and "version" in output:
        urls["model"] = f"/v1/models/{output['model']}/versions/{output['version']}"
        if job.kind is JobKind.EVALUATE:
            results = f"{urls['model']}/evaluations"
            names = output.get("pictures", [])
            urls["evaluations"] = results
            urls |= {name: f"{results}/{job.id}/{name}.png" for name in names}
    return job.model_copy(update={"urls": urls})


def newest_first(jobs: JobStore, after: str | None = None) -> Iterator[Job]:
    """All jobs behind the cursor, read in chunks."""
    while ids := jobs.ids(after, CHUNK):
        yield from jobs.get_many(ids)
        after = ids[-1]


@router.get("/{job_id}", responses={304: {"description": "Nothing changed (If-None-Match)."}})
async def show_job(
    held: Everything,
    response: Response,
    job_id: JobId,
    wait: Annotated[
        float, Query(ge=0, le=MAX_WAIT, description="Seconds to wait for a change.")
    ] = 0,
    since: Annotated[
        int | None, Query(ge=0, description="The version that is known; default: the present.")
    ] = None,
    if_none_match: Annotated[str, Header(max_length=256)] = "",
) -> Any:
    """The truth about one job; with `wait` the answer comes when its version changes."""
    job = await run_in_threadpool(held.jobs.get, job_id)
    known = job.version if since is None else since
    if wait and job.version <= known and not job.state.terminal:
        job = await wait_for_job(held, job_id, lambda now: now.version > known, wait)
    etag = f'W/"{job.version}-{job.queue_position}"'
    if matches(if_none_match, etag):
        return Response(status_code=304, headers={"ETag": etag, "Cache-Control": "no-cache"})
    response.headers["ETag"] = etag
    response.headers["Cache-Control"] = "no-cache"
    return with_urls(job)


@router.get(
    "/{job_id}/events",
    response_model=Page[JobEvent],
    responses=EVENTS | {204: {"description": "The stream was read to its end."}},
)
async def list_job_events(
    request: Request,
    response: Response,
    held: Everything,
    job_id: JobId,
    limit: EventLimit = 100,
    after: StreamId = events.BEGIN,
    last_event_id: LastEventId = None,
) -> Any:
    """What happened, oldest first; with `Accept: text/event-stream` also what will happen."""
    await run_in_threadpool(held.jobs.get, job_id)
    key = held.jobs.keys.events(job_id)

    async def snapshot() -> dict[str, Any]:
        job = await run_in_threadpool(held.jobs.get, job_id)
        return with_urls(job).model_dump(mode="json")

    if wants_stream(request):
        feed = Feed(held.waiting, key, snapshot, held.streams, ends=True)
        return await feed.answer(last_event_id)
    found = await run_in_threadpool(events.page, held.jobs.client, key, after, limit + 1)
    return page(request, response, found, limit, lambda entry: entry.id)
