"""GET /v1/models/{name}/directions: in which directions of its latent space images change most."""

import logging
import pathlib
from typing import Annotated

from fastapi import APIRouter, Path, Request, Response
from starlette.concurrency import run_in_threadpool

from app.abilities import DIRECTIONS, require_ability
from app.deps import Everything
from app.etags import client_has, derived, kept_as
from app.files import read_plain
from app.images import IMMUTABLE, made_of, resolve
from app.services import Services
from core.directions import FILE, Directions, directions_in
from core.errors import NotFound
from core.files import write_atomic
from core.generation import Picture, Point
from core.registry import Reference

router = APIRouter(prefix="/models", tags=["models"])
ASKED = Picture(seeds=(0,), metadata=False, point=Point(listing=True))
log = logging.getLogger(__name__)


@router.get(
    "/{name}/directions",
    response_model=Directions,
    responses={304: {"description": "The client has them already (If-None-Match)."}},
)
async def show_model_directions(
    request: Request,
    held: Everything,
    name: Annotated[str, Path(max_length=160, description="`name`, `name@3`, `name@stable`.")],
) -> Response:
    """The strongest directions, computed when they are asked for the first time, then kept."""
    reference = resolve(held, name)
    model = reference.model
    await require_ability(held, model, DIRECTIONS, "#/path/name")
    made_as = held.batcher.workforce.tag(ASKED, model)
    etag = derived(made_as, FILE)
    caching = IMMUTABLE if reference.pinned else "no-cache"
    headers = {"ETag": etag, "Cache-Control": caching, "X-Model-Version": str(model.version)}
    if client_has(request, etag):
        return Response(status_code=304, headers=headers)
    content = await directions_of(request, held, reference, kept_as(made_as))
    return Response(content, headers=headers, media_type="application/json")


async def directions_of(request: Request, held: Services, reference: Reference, key: str) -> bytes:
    """Those that are kept, or those that a worker computes now."""
    kept = directions_in(reference.folder)
    try:
        return await run_in_threadpool(read_plain, kept)
    except NotFound:
        made, _ = await made_of(request, held, reference, ASKED, key)
    if reference.folder == held.models.folder(reference.model):  # checkpoints of jobs pass
        await run_in_threadpool(_keep, kept, made.image)
    return made.image


def _keep(path: pathlib.Path, content: bytes) -> None:
    try:
        path.parent.mkdir(0o700, exist_ok=True)
        write_atomic(path, content)
    except OSError as error:  # the model is being removed, or the disk is full: ask again
        log.warning("directions are not kept: %s", error)
