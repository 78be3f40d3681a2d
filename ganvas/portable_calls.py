"""The calls that carry models in and out: archives, ONNX files, cards, and the store."""

import contextlib
from pathlib import Path
from typing import Any

import httpx

from core.requests import PullRequest
from core.schemas import Job, JobState, Model, Page
from core.store import StoredModel
from ganvas.answers import nothing, read, record
from ganvas.calls import Calls, failure_of
from ganvas.outage import Outage, outlasted
from ganvas.resumable import GIVE_UP_SECONDS, LARGE, sent_whole
from ganvas.transport import Flow, GanvasAPIError, Request, Unreachable, Upload, exchange

PATIENCE = 120.0  # seconds that the service may look at the bytes before it answers


class PortableCalls:
    """`calls`: for waiting until a job has ended."""

    def __init__(self, calls: Calls) -> None:
        self.calls = calls

    def export(self, name: str, version: int, path: Path) -> Flow[None]:
        return self._save(f"{_path(name, version)}/archive", path)

    def import_(self, archive: Path, name: str | None) -> Flow[Model]:
        """May be sent again: the same weights under the same name are one version."""
        upload, retries = Upload(path=archive, media_type="application/zip"), self.calls.retries
        if upload.size < LARGE:
            request = _import(params={"name": name}, upload=upload)
            return (yield from exchange(request, record(Model), retries))
        upload_id = yield from sent_whole(upload, retries)
        request = _import(json={"upload": upload_id, "name": name})
        model = yield from outlasted(
            lambda: exchange(request, record(Model), retries), Outage(GIVE_UP_SECONDS)
        )
        with contextlib.suppress(Unreachable, GanvasAPIError):  # it goes in a day anyhow
            used = Request(method="DELETE", path=f"/v1/uploads/{upload_id}")
            yield from exchange(used, nothing, retries)
        return model

    def onnx(self, name: str, version: int, path: Path) -> Flow[None]:
        """Ends when the file is there. Raises GanvasAPIError when it cannot be made."""
        own = f"{_path(name, version)}/onnx"
        request = Request(method="POST", path=own, idempotent=True)
        job = yield from exchange(request, _begun, self.calls.retries)
        if job is not None:
            job = yield from self.calls.wait(job, None, None)
            if job.state is not JobState.SUCCEEDED:
                raise failure_of(job)
        yield from self._save(own, path)

    def card(self, name: str, version: int) -> Flow[str]:
        request = Request(method="GET", path=f"{_path(name, version)}/card.md")
        return exchange(request, lambda response: response.text, self.calls.retries)

    def push(self, name: str, version: int) -> Flow[Job]:
        path = f"{_path(name, version)}/push"
        request = Request(method="POST", path=path, idempotent=True)
        return exchange(request, record(Job), self.calls.retries)

    def pull(self, order: PullRequest) -> Flow[Job]:
        body = order.model_dump(exclude_none=True)
        request = Request(method="POST", path="/v1/models/pull", json=body, idempotent=True)
        return exchange(request, record(Job), self.calls.retries)

    def store(self) -> Flow[Page[StoredModel]]:
        request = Request(method="GET", path="/v1/store", patience=PATIENCE)
        return exchange(request, record(Page[StoredModel]), self.calls.retries)

    def _save(self, path: str, target: Path) -> Flow[None]:
        request = Request(method="GET", path=path, save=target, patience=PATIENCE)
        return exchange(request, nothing, self.calls.retries)


def _begun(response: httpx.Response) -> Job | None:
    """The job that makes the file; None: it is there already."""
    return read(Job, response) if response.status_code == 202 else None


def _import(**body: Any) -> Request:
    return Request(method="POST", path="/v1/models", patience=PATIENCE, idempotent=True, **body)


def _path(name: str, version: int) -> str:
    return f"/v1/models/{name}/versions/{version}"
