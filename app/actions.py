"""What can be done with a job: cancel, pause, resume, retry, checkpoint, sample, priority."""

from typing import Any

from fastapi import APIRouter, Depends, Response

from app.deps import Everything, IdempotencyKey, json_only
from app.jobs import OF_TRAININGS, JobId, actions_of, with_urls
from app.lineage import retried
from app.orders import announce, located
from app.services import Services
from core.errors import Conflict
from core.records import Word
from core.schemas import Job, JobKind, JobState, Priority, Record

router = APIRouter(prefix="/jobs/{job_id}", tags=["jobs"])
ALREADY: dict[int | str, dict[str, Any]] = {
    200: {"model": Job, "description": "It is so already."},
}
GOALS: dict[str, tuple[JobState, ...]] = {
    "cancel": (JobState.CANCELLING, JobState.CANCELLED),
    "pause": (JobState.PAUSING, JobState.PAUSED),
    "resume": (JobState.QUEUED, JobState.RUNNING, JobState.RECOVERING),
}


class Place(Record):
    """A job's new place in the queue."""

    priority: Priority


@router.post("/cancel", status_code=202, responses=ALREADY)
def cancel_job(response: Response, held: Everything, job_id: JobId) -> Job:
    """Ask a job to end. A training keeps the model of what it has learnt. Idempotent."""
    return _ask(response, held, job_id, "cancel")


@router.post("/pause", status_code=202, responses=ALREADY)
def pause_job(response: Response, held: Everything, job_id: JobId) -> Job:
    """Let a job rest: a running training saves its state first. Idempotent."""
    return _ask(response, held, job_id, "pause")


@router.post("/resume", status_code=202, responses=ALREADY)
def resume_job(response: Response, held: Everything, job_id: JobId) -> Job:
    """Let a paused job go on where it stopped, at its old place in the queue. Idempotent."""
    return _ask(response, held, job_id, "resume")


@router.post("/checkpoint", status_code=202)
def save_job_checkpoint(response: Response, held: Everything, job_id: JobId) -> Job:
    """Let a running training save its state now; an event `checkpoint` says when it is done."""
    return _ask(response, held, job_id, "checkpoint")


@router.post("/sample", status_code=202)
def draw_job_sample(response: Response, held: Everything, job_id: JobId) -> Job:
    """Let a running training draw a sample grid now; an event `sample` says when it is done."""
    return _ask(response, held, job_id, "sample")


@router.post("/retry", status_code=202, responses=ALREADY)
def retry_job(
    response: Response, held: Everything, job_id: JobId, key: IdempotencyKey = None
) -> Job:
    """Do the work of a failed or cancelled training again, from its last checkpoint.

    The answer is a new job: ended ones never change. Asked twice it is the same one; with another
    Idempotency-Key it is another.
    """
    job = held.jobs.get(job_id)
    if "retry" not in actions_of(job):
        raise _refusal(job)
    beginning = retried(held, job)
    again, created = held.jobs.create(
        job.kind,
        beginning.input,
        seed=job.seed,
        metadata=job.metadata,
        priority=job.priority,
        idempotency=(f"retry:{job_id}:{key or ''}", job_id),
        max_queued=held.settings.max_queued_jobs,
        furnish=beginning.furnish,
    )
    announce(held, response, again, created)
    if not created:
        response.status_code = 200
    return located(response, again)


@router.patch("", dependencies=[Depends(json_only)])
def edit_job(held: Everything, job_id: JobId, place: Place) -> Job:
    """Change the priority of a job that has not ended: higher goes first while it waits."""
    if not held.jobs.prioritise(job_id, place.priority):
        raise _refusal(held.jobs.get(job_id))
    return with_urls(held.jobs.get(job_id))


def _ask(response: Response, held: Services, job_id: str, word: Word) -> Job:
    if word in OF_TRAININGS:
        job = held.jobs.get(job_id)
        if job.kind is not JobKind.TRAIN:
            raise _refusal(job)
    before, after, allowed = held.jobs.ask(job_id, word)
    job = held.jobs.get(job_id)
    if not allowed:
        raise _refusal(job)
    if before in GOALS.get(word, ()):
        response.status_code = 200
    if after is JobState.CANCELLED and job.kind is JobKind.INGEST:
        held.datasets.discard(job.input["dataset"])
    if before is not after:  # a prepare worker keeps what a waiting job has committed
        held.hint(JobKind.INGEST if after is JobState.CANCELLING else job.kind)
    return located(response, job)


def _refusal(job: Job) -> Conflict:
    allowed = ", ".join(actions_of(job)) or "none"
    return Conflict(
        f"The job is {job.state}. Allowed actions: {allowed}.",
        errors=[{"pointer": "#/state", "message": f"Allowed actions: {allowed}."}],
    )
