"""Models as portable archives: one zip out, the same zip in on another machine."""

from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import StreamingResponse
from starlette.concurrency import run_in_threadpool

from app.deps import BINARY, ZIP, Documented, Everything, Models
from app.etags import client_has
from app.guard import is_json, media_type
from app.models import Name, Version, with_urls
from app.orders import read_order
from app.services import Services
from app.train import option_errors
from app.uploads import FileSink, receive_into
from core.adoption import adopt
from core.archives import Archive, archive_of
from core.errors import Invalid, NotFound, UnsupportedMedia
from core.files import remove_tree
from core.ids import Id, new_id
from core.imports import Imported, take_model
from core.registry import ModelStore
from core.requests import ImportRequest
from core.retention import Retention
from core.schemas import Model
from core.zip_writing import zip_chunks, zip_length

router = APIRouter(prefix="/models", tags=["models"])
TYPES = (ZIP, "application/x-zip-compressed", "application/octet-stream")
ZIPPED: Documented = {
    200: {"content": {ZIP: BINARY}},
    304: {"description": "The client has this archive already (If-None-Match)."},
}
ORDER = {"schema": ImportRequest.model_json_schema()}
BODY = {"required": True, "content": dict.fromkeys(TYPES, BINARY) | {"application/json": ORDER}}


@router.get(
    "/{name}/versions/{version}/archive", response_class=StreamingResponse, responses=ZIPPED
)
def export_model(request: Request, models: Models, name: Name, version: Version) -> Response:
    """One zip with weights, header, card, samples and evaluations: the same bytes every time."""
    archive = packed(models, models.get(name, version))
    headers = {"ETag": archive.etag, "Cache-Control": "no-cache"}
    if client_has(request, archive.etag):
        return Response(status_code=304, headers=headers)
    members = archive.sealed()
    headers["Content-Length"] = str(zip_length(members))
    headers["Content-Disposition"] = f'attachment; filename="{name}-v{version}.zip"'
    return StreamingResponse(zip_chunks(members), headers=headers, media_type=ZIP)


@router.post(
    "",
    status_code=201,
    response_model=Model,
    responses={200: {"model": Model, "description": "A version with these weights exists."}},
    openapi_extra={"requestBody": BODY},
)
async def import_model(
    request: Request,
    response: Response,
    held: Everything,
    name: Annotated[Id | None, Query(description="Default: as it was called there.")] = None,
) -> Model:
    """Take a model from an archive, sent or uploaded before.

    Sent twice under one name it is one version.
    """
    folder = held.models.home.upload(new_id("import"))
    await run_in_threadpool(folder.mkdir, 0o700)
    try:
        if is_json(request.headers):
            order = read_order(ImportRequest, await request.body())
            await run_in_threadpool(held.incoming.lend, order.upload, folder / "source")
            name = order.name or name
        else:
            await _receive(request, folder, held.settings.max_upload_bytes)
        model, new = await run_in_threadpool(_take, held, folder, name)
    finally:
        await run_in_threadpool(remove_tree, folder)
    response.status_code = 201 if new else 200
    response.headers["Location"] = f"/v1/models/{model.name}/versions/{model.version}"
    return with_urls(model)


def packed(models: ModelStore, model: Model) -> Archive:
    """The archive of a version. Raises NotFound when it is removed meanwhile."""
    try:
        return archive_of(models.folder(model), model)
    except FileNotFoundError as error:
        raise NotFound("The model was removed a moment ago.") from error


async def _receive(request: Request, folder: Path, limit: int) -> None:
    if media_type(request.headers) not in TYPES:
        raise UnsupportedMedia(f"Send the archive of a model: {', '.join(TYPES)}.")
    await receive_into(lambda: FileSink(folder), request, limit)


def _take(held: Services, folder: Path, name: str | None) -> tuple[Model, bool]:
    """The version that the archive `source` in `folder` becomes, and whether it is new."""
    unpacked = folder / "model"
    found = take_model(folder / "source", unpacked, held.settings.max_upload_bytes)
    require_known(found, held.presence.catalogue())
    model, new = adopt(held.models, unpacked, name or found.name, found.card)
    if new:
        Retention(held.jobs, held.settings.keep_versions).after_publication(model.name)
    return model, new


def require_known(found: Imported, offer: dict[str, Any] | None) -> None:
    """Raise Invalid when the living workers cannot build the networks; without any it may be."""
    known = (offer or {}).get("architectures")
    if not known:
        return
    if found.architecture not in known:
        names = ", ".join(known)
        raise Invalid(f"The model is a {found.architecture}; the workers know: {names}.")
    errors = option_errors(found.options, known[found.architecture].get("options", {}))
    if errors:
        text = f"{errors[0]['pointer']}: {errors[0]['message']}"
        raise Invalid(f"The model's networks cannot be built. {text}", errors=errors)
