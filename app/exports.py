"""A model as an ONNX file, for programs without PyTorch: made on request, then kept."""

import os
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse, StreamingResponse

from app.deps import BINARY, Documented, Everything, IdempotencyKey, Models
from app.etags import client_has
from app.jobs import newest_first
from app.models import Name, Version
from app.orders import accepted, announce, once
from app.services import Services
from core.errors import NotFound
from core.exports import onnx_in
from core.extras import missing
from core.files import chunks_of
from core.queue import PREPARE
from core.registry import pinned
from core.schemas import Answer, Job, JobKind

router = APIRouter(prefix="/models/{name}/versions/{version}/onnx", tags=["models"])
MEDIA_TYPE = "application/octet-stream"
FILE: Documented = {
    200: {"content": {MEDIA_TYPE: BINARY}},
    304: {"description": "The client has this file already (If-None-Match)."},
}


class Export(Answer):
    """An export that there is."""

    object: str = "export"
    url: str
    bytes: int


@router.post(
    "",
    status_code=202,
    response_model=Job,
    responses={200: {"model": Export, "description": "It is there already."}},
)
def export_model_onnx(
    held: Everything,
    response: Response,
    name: Name,
    version: Version,
    key: IdempotencyKey = None,
) -> Any:
    """Make the ONNX file of a version. The answer is a job, or the file's address."""
    model = held.models.get(name, version)
    path = onnx_in(held.models.folder(model))
    own = f"/v1/models/{name}/versions/{version}/onnx"
    if path.exists():
        found = Export(url=own, bytes=path.stat().st_size)
        return JSONResponse(found.model_dump(), headers={"Location": own})
    require_extra(held, "onnx")
    input = pinned(model)
    keyed = once("onnx", key, input)
    return accepted(response, ordered(held, response, JobKind.EXPORT, input, keyed))


@router.get("", response_class=StreamingResponse, responses=FILE)
def show_model_onnx(request: Request, models: Models, name: Name, version: Version) -> Response:
    """The ONNX file, once it is made."""
    path = onnx_in(models.folder(models.get(name, version)))
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
    except OSError as error:
        raise NotFound("There is no ONNX file yet: POST to this address makes it.") from error
    found = os.fstat(handle)
    tag = f'"{found.st_mtime_ns:x}-{found.st_size:x}"'
    headers = {"ETag": tag, "Cache-Control": "no-cache"}
    if client_has(request, tag):
        os.close(handle)
        return Response(status_code=304, headers=headers)
    headers["Content-Length"] = str(found.st_size)
    headers["Content-Disposition"] = f'attachment; filename="{name}-v{version}.onnx"'
    return StreamingResponse(chunks_of(open(handle, "rb")), headers=headers, media_type=MEDIA_TYPE)


def ordered(
    held: Services,
    response: Response,
    kind: JobKind,
    input: dict[str, Any],
    idempotency: tuple[str, str] | None,
) -> Job:
    """The job that the key means, the unfinished one that does the same already, or a new one."""
    for job in newest_first(held.jobs):
        if job.kind is kind and not job.state.terminal and job.input == input:
            if idempotency is None:
                return job
            return held.jobs.get(held.jobs.ring.take(*idempotency, job.id))
    job, created = held.jobs.create(
        kind, input, idempotency=idempotency, max_queued=held.settings.max_queued_jobs
    )
    announce(held, response, job, created)
    return job


def require_extra(held: Services, extra: str) -> None:
    """Raise Unavailable when prepare workers live, and none of them has the optional part."""
    workers = [worker for worker in held.presence.alive() if PREPARE in worker.queues]
    told = [worker.extras for worker in workers if worker.extras is not None]
    if told and not any(extra in extras for extras in told):
        raise missing(extra)
