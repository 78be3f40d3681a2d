"""Uploads that survive a lost connection: the tus protocol 1.0.0 (tus.io), over core/incoming.py.

Of its extensions creation, expiration and termination. The whole upload then becomes a data set
(`POST /v1/datasets`) or a model (`POST /v1/models`) by its id.
"""

import hashlib
from collections.abc import Callable, Coroutine
from email.utils import format_datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Path, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.concurrency import run_in_threadpool

from app.deps import BINARY, Everything, IdempotencyKey
from app.errors import invalid_request, unexpected
from app.guard import media_type
from app.services import Services
from app.uploads import blocks
from core.errors import GanvasError, NotFound, PreconditionFailed, TooLarge, UnsupportedMedia
from core.ids import Id
from core.incoming import Upload

TUS = "1.0.0"
EXTENSIONS = "creation,expiration,termination"
SILENCE_SECONDS = 10.0  # of a part: its lock shall not outlive a connection that died unnoticed
PART = "application/offset+octet-stream"
PAIRS = r"^([!-+\--~]{1,64}( [A-Za-z0-9+/=]{0,1024})?(, ?|$)){0,16}$"


class TusRoute(APIRoute):
    """Every answer names the version of the protocol, refusals too.

    Those end the connection, so that nobody goes on sending what is not taken.
    """

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def answered(request: Request) -> Response:
            try:
                response = await handle(request)
            except (GanvasError, OSError, RequestValidationError) as error:
                if isinstance(error, RequestValidationError):
                    error = invalid_request(error.errors())
                response = unexpected(request.scope, error)
                response.headers["Connection"] = "close"
            response.headers["Tus-Resumable"] = response.headers["Tus-Version"] = TUS
            return response

        return answered


async def same_version(
    version: Annotated[str, Header(alias="Tus-Resumable", max_length=64)] = TUS,
) -> None:
    if version != TUS:
        raise PreconditionFailed(f"This service speaks tus {TUS}: send Tus-Resumable: {TUS}.")


router = APIRouter(prefix="/uploads", tags=["uploads"], route_class=TusRoute)
VERSIONED = [Depends(same_version)]
UploadId = Annotated[Id, Path(description="Of the upload.")]
MOVED: dict[str, Any] = {
    "Upload-Offset": {"schema": {"type": "integer"}, "description": "Bytes that are here."},
    "Upload-Expires": {"schema": {"type": "string"}},
}
BODY = {"required": True, "content": {PART: BINARY}}


@router.options("", include_in_schema=False, status_code=204)
@router.options("/{upload_id}", include_in_schema=False, status_code=204)
async def show_protocol(response: Response, held: Everything) -> None:
    """What of tus there is."""
    response.headers["Tus-Extension"] = EXTENSIONS
    response.headers["Tus-Max-Size"] = str(held.settings.max_upload_bytes)


@router.post(
    "",
    status_code=201,
    dependencies=VERSIONED,
    responses={
        200: {"model": Upload, "description": "The key has begun this upload; it can go on."}
    },
)
def begin_upload(
    response: Response,
    held: Everything,
    length: Annotated[int, Header(alias="Upload-Length", ge=1)],
    metadata: Annotated[str, Header(alias="Upload-Metadata", max_length=4096, pattern=PAIRS)] = "",
    key: IdempotencyKey = None,
) -> Upload:
    """Announce an upload of `Upload-Length` bytes; send them to its `Location` with PATCH."""
    most = held.settings.max_upload_bytes
    if length > most:
        raise TooLarge(f"An upload may have {most} bytes.")
    if key is None:
        upload, new = held.incoming.begin(length, metadata), True
    else:
        upload, new = _keyed(held, f"uploads:{key}", length, metadata)
    if not new:
        response.status_code = 200
        response.headers["Idempotency-Replayed"] = "true"
    response.headers["Location"] = f"/v1/uploads/{upload.id}"
    return _told(response, upload)


@router.get(
    "/{upload_id}", dependencies=VERSIONED, responses={200: {"model": Upload, "headers": MOVED}}
)
def show_upload(response: Response, held: Everything, upload_id: UploadId) -> Upload:
    """How much of it is here: go on at `Upload-Offset`. HEAD tells the same without a body."""
    upload = held.incoming.get(upload_id)
    response.headers["Cache-Control"] = "no-store"
    response.headers["Upload-Length"] = str(upload.length)
    if upload.metadata:
        response.headers["Upload-Metadata"] = upload.metadata
    return _told(response, upload)


@router.patch(
    "/{upload_id}",
    status_code=204,
    dependencies=VERSIONED,
    responses={204: {"headers": MOVED}},
    openapi_extra={"requestBody": BODY},
)
async def continue_upload(
    request: Request,
    response: Response,
    held: Everything,
    upload_id: UploadId,
    offset: Annotated[int, Header(alias="Upload-Offset", ge=0)],
) -> None:
    """Send the bytes from `Upload-Offset` on. Whatever came before a lost connection is kept."""
    if media_type(request.headers) != PART:
        raise UnsupportedMedia(f"Send the bytes as Content-Type: {PART}.")
    part = await run_in_threadpool(held.incoming.open, upload_id, offset)
    try:
        async for block in blocks(request, part.rest, SILENCE_SECONDS):
            await run_in_threadpool(part.write, block)
        _told(response, await run_in_threadpool(part.sync))
    finally:
        part.close()


@router.delete("/{upload_id}", status_code=204, dependencies=VERSIONED)
def delete_upload(held: Everything, upload_id: UploadId) -> None:
    """Remove what has come of it."""
    held.incoming.remove(upload_id)


def _keyed(held: Services, key: str, length: int, metadata: str) -> tuple[Upload, bool]:
    """The upload that the key means, and whether it is new: one that was used is over."""
    ring, incoming = held.jobs.ring, held.incoming
    digest = hashlib.sha256(f"{length} {metadata}".encode()).hexdigest()
    known = ring.find(key, digest)
    if known is not None:
        try:
            return incoming.get(known), False
        except NotFound:
            ring.drop(key, known)
    upload = incoming.begin(length, metadata)
    winner = ring.take(key, digest, upload.id)
    if winner == upload.id:
        return upload, True
    incoming.remove(upload.id)  # another request with this key was quicker
    return incoming.get(winner), False


def _told(response: Response, upload: Upload) -> Upload:
    """Where it goes on, and until when, as headers too."""
    response.headers["Upload-Offset"] = str(upload.offset)
    response.headers["Upload-Expires"] = format_datetime(upload.expires_at, usegmt=True)
    return upload
