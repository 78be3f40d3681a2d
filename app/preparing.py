"""Orders of data sets: a sample, or an upload that has come whole. Ordered twice, it is one.

Their ids follow from the order, so whoever comes second finds what the first has begun.
"""

import contextlib
from datetime import UTC, datetime
from typing import Any

from app.services import Services
from core.datasets import SAMPLE_PREFIX, sample_id
from core.errors import NotFound, NotReady
from core.incoming import dataset_of
from core.jobs import JobStore
from core.requests import SampleRequest, UploadRequest
from core.schemas import Dataset, Job, JobKind

ORDER_SECONDS = 60


def draw(held: Services, order: SampleRequest) -> tuple[str, Job | None]:
    """Order a sample set; None for the job when it exists already."""
    dataset_id = sample_id(order)
    known = _known(held, dataset_id)
    if known is not None and known.state == "ready":
        return dataset_id, None
    if known is not None and known.job is None and _young(known):
        raise NotReady("The same sample set is being ordered at this moment.", retry_after=1)
    job = _unfinished(held.jobs, known)
    if job is not None:
        return dataset_id, job
    held.datasets.discard(dataset_id)
    name = SAMPLE_PREFIX + order.sample
    try:
        held.datasets.begin(name, dataset_id)
    except FileExistsError as error:
        raise NotReady("The same sample set is being ordered already; try again.") from error
    input = {"dataset": dataset_id, "name": name, "sample": order.model_dump(mode="json")}
    try:
        return dataset_id, prepare(held, input, None)
    except BaseException:
        held.datasets.discard(dataset_id)
        raise


def take_upload(held: Services, order: UploadRequest) -> tuple[str, Job | None]:
    """Order what a whole upload becomes; None for the job when it exists already.

    Raises NotFound, NotReady, QueueFull, Unavailable. When the job cannot be created after all, the
    next order does it.
    """
    dataset_id = dataset_of(order.upload)
    known = _known(held, dataset_id)
    if known is None:
        try:
            whole = held.incoming.whole(order.upload)
            # Here its key finds it for a day; moved and without a job it lasts an hour.
            held.jobs.require_room(JobKind.INGEST.queue, held.settings.max_queued_jobs)
            held.datasets.take_over(whole, order.name, dataset_id)
        except (NotFound, FileNotFoundError):  # another order was quicker, or there is none
            if _known(held, dataset_id) is None:
                raise
        known = held.datasets.get(dataset_id)
    if known.state == "ready":
        return dataset_id, None
    input = {"dataset": dataset_id, "name": known.name}
    return dataset_id, prepare(held, input, (f"upload:{order.upload}", dataset_id))


def prepare(held: Services, input: dict[str, Any], once: tuple[str, str] | None) -> Job:
    """The job that prepares an upload."""
    most = held.settings.max_queued_jobs
    job, created = held.jobs.create(JobKind.INGEST, input, idempotency=once, max_queued=most)
    if created:
        with contextlib.suppress(FileNotFoundError):  # it is done already
            held.datasets.attach(input["dataset"], job.id)
        held.hint(JobKind.INGEST)
    return job


def _young(dataset: Dataset) -> bool:
    """Whether an order without a job is still being placed; an older one was left by a crash."""
    return (datetime.now(UTC) - dataset.created_at).total_seconds() < ORDER_SECONDS


def _unfinished(jobs: JobStore, dataset: Dataset | None) -> Job | None:
    """The job that still prepares the data set."""
    if dataset is None or dataset.job is None:
        return None
    job = jobs.get(dataset.job)
    return None if job.state.terminal else job


def _known(held: Services, dataset_id: str) -> Dataset | None:
    try:
        return held.datasets.get(dataset_id)
    except NotFound:
        return None
