"""Every call of the REST contract as a flow: what is sent, and what becomes of the answer.

Written once for both clients; see ganvas/transport.py for what a flow is. Those about models:
ganvas/model_calls.py, about images: ganvas/image_calls.py.
"""

import secrets
import time
from collections.abc import Callable
from typing import Any, Literal, TypeVar

import httpx
from pydantic import BaseModel

from core.alarms import JobAlarm, JobAlarms
from core.requests import EvaluateRequest, SampleRequest, TrainRequest, UploadRequest
from core.schemas import Dataset, Job, JobCheckpoint, JobCheckpoints, Model, Page
from ganvas.answers import as_json, nothing, read, record
from ganvas.outage import Outage, outlasted
from ganvas.resumable import GIVE_UP_SECONDS, LARGE, sent_whole
from ganvas.transport import (
    Flow,
    GanvasAPIError,
    Pause,
    Request,
    Unreachable,
    Upload,
    exchange,
)

POLL_SECONDS = 10.0  # how long the service may hold one request for news
INGEST_SECONDS = 20.0  # how long an upload waits for the data set to be ready

Action = Literal["cancel", "pause", "resume", "checkpoint", "sample", "retry"]
MetricsFormat = Literal["csv", "parquet"]
METRICS_TYPES = {"csv": "text/csv", "parquet": "application/vnd.apache.parquet"}
M = TypeVar("M", bound=BaseModel)
T = TypeVar("T")


class Calls:
    """`retries`: how often a request is sent again when the service is away or busy."""

    def __init__(self, retries: int) -> None:
        self.retries = retries

    def storage(self) -> Flow[dict[str, Any]]:
        return self._get("/v1/storage", as_json)

    def catalogue(self) -> Flow[dict[str, Any]]:
        return self._get("/v1/catalogue", as_json)

    def datasets(self, limit: int | None, after: str | None) -> Flow[Page[Dataset]]:
        return self._page("/v1/datasets", Page[Dataset], limit=limit, after=after)

    def dataset(self, dataset_id: str) -> Flow[Dataset]:
        return self._get(f"/v1/datasets/{dataset_id}", record(Dataset))

    def dataset_report(self, dataset_id: str) -> Flow[dict[str, Any]]:
        return self._get(f"/v1/datasets/{dataset_id}/report", as_json)

    def delete_dataset(self, dataset_id: str) -> Flow[None]:
        request = Request(method="DELETE", path=f"/v1/datasets/{dataset_id}")
        return self._exchange(request, nothing)

    def upload(self, upload: Upload, name: str) -> Flow[Dataset]:
        """Ends when the data set is ready.

        Raises GanvasAPIError when it does not become one, pydantic.ValidationError (the name).
        """
        if upload.size < LARGE:
            request = self._new_dataset(params={"name": name}, upload=upload)
            return (yield from self._until_ready(request))
        UploadRequest(upload="later", name=name)  # what is wrong is told before it is sent
        upload_id = yield from sent_whole(upload, self.retries)
        request = self._new_dataset(json={"upload": upload_id, "name": name})
        outage = Outage(GIVE_UP_SECONDS)
        return (yield from outlasted(lambda: self._until_ready(request), outage))

    def sample(self, request: SampleRequest | None) -> Flow[Dataset]:
        request = request or SampleRequest.model_validate({"sample": "sprites"})
        return self._until_ready(self._new_dataset(json=request.model_dump()))

    def train(self, request: TrainRequest) -> Flow[Job]:
        return self._order("/v1/train", request)

    def estimate(self, request: TrainRequest) -> Flow[Job]:
        return self._order("/v1/estimate", request)

    def evaluate(self, request: EvaluateRequest) -> Flow[Job]:
        return self._order("/v1/evaluate", request)

    def jobs(self, limit: int | None, after: str | None, **filters: Any) -> Flow[Page[Job]]:
        return self._page("/v1/jobs", Page[Job], limit=limit, after=after, **filters)

    def job(self, job_id: str) -> Flow[Job]:
        return self._get(f"/v1/jobs/{job_id}", record(Job))

    def act(self, job_id: str, action: Action) -> Flow[Job]:
        """The job afterwards; of a retry the new job."""
        path = f"/v1/jobs/{job_id}/{action}"
        request = Request(method="POST", path=path, idempotent=True)
        return self._exchange(request, record(Job))

    def prioritise(self, job_id: str, priority: int) -> Flow[Job]:
        path, body = f"/v1/jobs/{job_id}", {"priority": priority}
        request = Request(method="PATCH", path=path, json=body, idempotent=True)
        return self._exchange(request, record(Job))

    def checkpoints(self, job_id: str) -> Flow[list[JobCheckpoint]]:
        path = f"/v1/jobs/{job_id}/checkpoints"
        return self._get(path, lambda response: read(JobCheckpoints, response).data)

    def publish(self, job_id: str, step: int, name: str | None, alias: str | None) -> Flow[Model]:
        path = f"/v1/jobs/{job_id}/checkpoints/{step}/publish"
        wanted = {"name": name, "alias": alias}
        request = Request(method="POST", path=path, json=wanted, idempotent=True)
        return self._exchange(request, record(Model))

    def alarms(self, job_id: str) -> Flow[list[JobAlarm]]:
        path = f"/v1/jobs/{job_id}/alarms"
        return self._get(path, lambda response: read(JobAlarms, response).data)

    def metrics(self, job_id: str, format: MetricsFormat) -> Flow[bytes]:
        """Every step: a row of a CSV or Parquet file."""
        path, headers = f"/v1/jobs/{job_id}/metrics", {"Accept": METRICS_TYPES[format]}
        request = Request(method="GET", path=path, headers=headers)
        return self._exchange(request, lambda response: response.content)

    def log(self, job_id: str) -> Flow[str]:
        return self._get(f"/v1/jobs/{job_id}/log", lambda response: response.text)

    def wait(
        self, job: Job, timeout: float | None, on_progress: Callable[[Job], None] | None
    ) -> Flow[Job]:
        """The job in its final state. Raises TimeoutError."""
        deadline = None if timeout is None else time.monotonic() + timeout
        outage = Outage()
        while True:
            if on_progress:
                on_progress(job)
            if job.state.terminal:
                return job
            left = POLL_SECONDS if deadline is None else deadline - time.monotonic()
            if left <= 0:
                raise TimeoutError(f"Job {job.id} is still {job.state} after {timeout:g} s.")
            try:
                job = yield from self._news(job, min(left, POLL_SECONDS))
                outage = Outage()
            except (Unreachable, GanvasAPIError) as error:
                yield outage.pause(error)

    def _news(self, job: Job, patience: float) -> Flow[Job]:
        """The job once it has changed, or the same after about `patience` seconds."""
        request = Request(
            method="GET",
            path=f"/v1/jobs/{job.id}",
            params={"wait": f"{patience:g}", "since": job.version},
            patience=patience,
        )
        answer = yield from self._exchange(request, _changed_job)
        if answer is None or answer.version == job.version:
            yield Pause(min(0.3, patience))  # in case that the service does not wait
        return answer or job

    def _until_ready(self, request: Request) -> Flow[Dataset]:
        dataset = yield from self._exchange(request, record(Dataset))
        if dataset.state == "ready" or dataset.job is None:
            return dataset
        job = yield from self.job(dataset.job)
        job = yield from self.wait(job, None, None)
        if job.state != "succeeded":
            raise failure_of(job)
        return (yield from self.dataset(dataset.id))

    def _new_dataset(self, **body: Any) -> Request:
        return Request(
            method="POST",
            path="/v1/datasets",
            headers={
                "Prefer": f"wait={INGEST_SECONDS:g}",
                "Idempotency-Key": secrets.token_hex(16),
            },
            patience=INGEST_SECONDS,
            **body,
        )

    def _order(self, path: str, request: BaseModel) -> Flow[Job]:
        """Sent with an Idempotency-Key, so that a repeated request does not work twice."""
        headers = {"Idempotency-Key": secrets.token_hex(16)}
        body = request.model_dump(exclude_unset=True, mode="json")
        order = Request(method="POST", path=path, json=body, headers=headers)
        return self._exchange(order, record(Job))

    def _page(self, path: str, kind: type[M], **params: Any) -> Flow[M]:
        return self._exchange(Request(method="GET", path=path, params=params), record(kind))

    def _get(self, path: str, parse: Callable[[httpx.Response], T]) -> Flow[T]:
        return self._exchange(Request(method="GET", path=path), parse)

    def _exchange(self, request: Request, parse: Callable[[httpx.Response], T]) -> Flow[T]:
        return exchange(request, parse, self.retries)


def failure_of(job: Job) -> GanvasAPIError:
    """The error of a job that did not succeed, as if the service had refused the request."""
    error = job.error or {"code": job.state.value, "detail": job.reason or f"Job {job.id} ended."}
    return GanvasAPIError(422, error["code"], error["detail"], error.get("errors"))


def _changed_job(response: httpx.Response) -> Job | None:
    return None if response.status_code == 304 else read(Job, response)
