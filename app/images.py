"""From parameters to a `Picture`, and from a made picture to an answer with its cache rules."""

import asyncio
import time
from collections.abc import Callable, Sequence
from typing import Annotated
from urllib.parse import quote

from fastapi import Request, Response
from pydantic import Field

from app.addresses import canonical, extension_of
from app.labels import label_of
from app.lanes import Made, Target
from app.queries import refused
from app.services import Services
from core.errors import NotFound
from core.generation import (
    MAX_AMOUNT,
    MEDIA_TYPES,
    MIX_FROM,
    MOST_DIRECTIONS,
    Format,
    Picture,
    Point,
)
from core.ids import slug
from core.labels import MAX_LABEL
from core.registry import JOB_PREFIX, Reference
from core.schemas import Model, Record
from core.seeds import MAX_TEXT, listed, parse_seed

MAX_PIXELS = 64_000_000  # of one answer
QUALITY = 90
IMMUTABLE = "public, max-age=31536000, immutable"
MOVING = "public, max-age=60, stale-while-revalidate=600"


class Look(Record):
    """The parameters of an image apart from its seed and format."""

    label: Annotated[
        str | None,
        Field(
            max_length=MAX_LABEL,
            description="A class by name or index; of models with attributes any number of them, "
            "comma-separated, or `none`.",
        ),
    ] = None
    psi: Annotated[float, Field(ge=0, le=1, description="Truncation: 1 is all the variety.")] = 1.0
    size: Annotated[
        int | None, Field(ge=8, le=1024, description="Edge in pixels; default: the model's own.")
    ] = None
    quality: Annotated[int, Field(ge=1, le=100, description="Of webp and jpeg.")] = QUALITY
    metadata: Annotated[bool, Field(description="Write seed and model into the file.")] = True
    mix: Annotated[
        str | None,
        Field(max_length=MAX_TEXT, description="A seed: finer styles are those of its image."),
    ] = None
    mix_from: Annotated[
        int | None, Field(description=f"From this resolution on; default {MIX_FROM}.")
    ] = None
    direction: Annotated[
        int | None,
        Field(ge=0, lt=MOST_DIRECTIONS, description="One of GET /v1/models/{name}/directions."),
    ] = None
    amount: Annotated[
        float | None,
        Field(ge=-MAX_AMOUNT, le=MAX_AMOUNT, description="Standard deviations along it."),
    ] = None
    download: Annotated[bool, Field(description="Offer the image as a file to save.")] = False


def picture_of(
    model: Model,
    seeds: list[int | str],
    look: Look,
    format: Format,
    point: Point | None = None,
) -> Picture:
    """The normal form of the request: equal pictures get equal ETags. Raises Invalid."""
    size = look.size or model.resolution
    picture = Picture(
        seeds=tuple(seeds),
        label=None if look.label is None else label_of(model, look.label),
        psi=look.psi + 0.0,
        size=None if size == model.resolution else size,
        format=format,
        quality=QUALITY if format == "png" else look.quality,
        metadata=look.metadata,
        point=styled(model, look, point),
    )
    if picture.images * size * size > MAX_PIXELS:
        told = f"{picture.images} images of {size} pixels are too many: ask for less."
        raise refused("size", told)
    return picture


def styled(model: Model, look: Look, point: Point | None) -> Point | None:
    """The point with the styles and the step that are asked for. Raises Invalid."""
    if (look.direction is None) != (look.amount is None):
        raise refused("amount", "A direction and the amount of the step along it go together.")
    if look.amount:
        own = {"direction": look.direction, "amount": look.amount}
        point = (point or Point()).model_copy(update=own)
    if look.mix is None:
        if look.mix_from is not None:
            raise refused("mix_from", "It says where the styles of mix begin: give mix too.")
        return point
    sides = [side for side in (8 << k for k in range(8)) if side <= model.resolution]
    side = look.mix_from or MIX_FROM
    if side not in sides:
        raise refused("mix_from", f"The stages of this model are {', '.join(map(str, sides))}.")
    own = {"mix": parse_seed(look.mix, "mix"), "mix_from": side}
    return (point or Point()).model_copy(update=own)


def resolve(held: Services, text: str | None) -> Reference:
    """Look the model up. Raises NotFound, NotReady."""
    try:
        return held.models.resolve(text)
    except FileNotFoundError as error:  # removed while we looked
        raise NotFound("The model was removed a moment ago.") from error


async def answer(
    request: Request,
    held: Services,
    reference: Reference,
    picture: Picture,
    *,
    name: str,
    drawn: bool = False,
    download: bool = False,
) -> Response:
    """The image, or 304 from its ETag alone. `name`: the model as asked for; `drawn`: no seed."""
    model = reference.model
    etag = picture.etag(model)

    def address() -> str:
        return canonical(model, picture, name)

    headers = headers_of(reference, etag, picture.seeds, address, name=name, drawn=drawn)
    if matches(request.headers.get("if-none-match", ""), etag):
        return Response(status_code=304, headers=headers)
    started = time.monotonic()
    made, shared = await made_of(request, held, reference, picture, etag)
    headers["X-Cache"] = "coalesced" if shared else "miss"
    headers["Server-Timing"] = _timing(made, (time.monotonic() - started) * 1000)
    if download:
        headers["Content-Disposition"] = as_file(model, picture.seeds, extension_of(picture))
    return Response(made.image, headers=headers, media_type=MEDIA_TYPES[picture.format])


async def made_of(
    request: Request, held: Services, reference: Reference, picture: Picture, etag: str
) -> tuple[Made, bool]:
    """What a worker makes of the picture, and whether another request asked for it before."""
    gone = asyncio.ensure_future(until_gone(request))
    try:
        return await held.batcher.make(target_of(held, reference), picture, etag, gone)
    finally:
        gone.cancel()


def matches(if_none_match: str, etag: str) -> bool:
    """Whether the header names this ETag (weak comparison)."""
    tags = (tag.strip().removeprefix("W/") for tag in if_none_match.split(","))
    return any(tag in ("*", etag.removeprefix("W/")) for tag in tags)


def as_file(model: Model, seeds: Sequence[int | str], extension: str) -> str:
    """The Content-Disposition of an answer that is offered as a file."""
    name = f"{model.name}-v{model.version}-{slug(listed(seeds), 'image')}.{extension}"
    return f'attachment; filename="{name}"'


def headers_of(
    reference: Reference,
    etag: str,
    seeds: Sequence[int | str],
    address: Callable[[], str],
    *,
    name: str,
    drawn: bool,
) -> dict[str, str]:
    """What is said of an answer whose bytes depend on its parameters alone.

    `address`: where exactly these bytes are to be had, for requests that say less.
    """
    moving = "no-cache" if name.startswith(JOB_PREFIX) else MOVING
    caching = "no-store" if drawn else IMMUTABLE if reference.pinned else moving
    headers = {
        "ETag": etag,
        "Cache-Control": caching,
        "Vary": "Accept",
        "X-Seed": quote(listed(seeds), safe=",-"),
        "X-Model": reference.model.name,
        "X-Model-Version": str(reference.model.version),
    }
    if drawn or not reference.pinned:
        headers["Content-Location"] = address()
    return headers


def target_of(held: Services, reference: Reference) -> Target:
    model = reference.model
    folder = reference.folder.relative_to(held.settings.home)
    return Target(folder=str(folder), model=model.name, version=model.version, digest=model.digest)


def _timing(made: Made, total: float) -> str:
    queue = max(0.0, total - made.infer_ms - made.encode_ms)
    parts = (("queue", queue), ("infer", made.infer_ms), ("encode", made.encode_ms))
    texts = [f"{name};dur={duration:.1f}" for name, duration in parts]
    return ", ".join([*texts, f'batch;desc="{made.batch}"'])


async def until_gone(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
