"""POST /v1/estimate: what a training would choose, and what it would take, before it is begun."""

from fastapi import APIRouter, Depends, Response

from app.deps import Everything, IdempotencyKey, json_only
from app.orders import accepted, announce, once
from app.train import check, fresh
from core.errors import Invalid, NoWorker
from core.requests import TrainRequest
from core.schemas import Job, JobKind

router = APIRouter(tags=["training"], dependencies=[Depends(json_only)])


@router.post("/estimate", status_code=202)
def estimate(
    response: Response, held: Everything, order: TrainRequest, key: IdempotencyKey = None
) -> Job:
    """Time, memory and disk of the training that this request means. The answer is a job: some of
    its steps are tried for a second. A training that cannot fit fails it, as it would fail."""
    if order.resume_from is not None or order.init_from is not None:
        raise Invalid(
            "Only new trainings are estimated; leave out resume_from and init_from.",
            errors=[{"pointer": "#", "message": "Leave out resume_from and init_from."}],
        )
    offer = held.presence.catalogue()
    if offer is None:
        raise NoWorker("No train worker has said yet what it can do.", retry_after=5)
    check(order, offer)
    job, created = held.jobs.create(
        JobKind.ESTIMATE,
        fresh(held, order),
        seed=order.seed,
        metadata=order.metadata,
        idempotency=once("estimate", key, order),
        max_queued=held.settings.max_queued_jobs,
    )
    announce(held, response, job, created)
    return accepted(response, job)
