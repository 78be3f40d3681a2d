"""GET /v1/interpolate: the way from one seed to another, as an animation, a strip or a zip."""

from collections.abc import Iterator
from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from pydantic import Field

from app.abilities import require_abilities
from app.addresses import canonical
from app.animation import animated
from app.deps import Everything
from app.etags import client_has, derived
from app.formats import EXTENSIONS, accepted_format
from app.generate import IMAGES_OR_ZIP, ModelReference
from app.image_stream import ImageStream
from app.images import Manner, answer, as_file, headers_of, resolve
from app.looks import Look, picture_of
from app.queries import documented, query_of, refused
from app.services import Services
from app.zips import Album, zipped
from core.generation import MAX_FRAMES, MEDIA_TYPES, Format, Picture, Point, steps
from core.registry import Reference
from core.seeds import MAX_TEXT, parse_seed

router = APIRouter(tags=["images"])
FRAMES = 24
LAYOUT = "1"  # part of every ETag: raise it when the same frames make another answer


class Way(Look):
    """The query of GET /v1/interpolate."""

    model: ModelReference = None
    start: Annotated[
        str, Field(alias="from", max_length=MAX_TEXT, description="The first seed.", examples=["1"])
    ]
    to: Annotated[str, Field(max_length=MAX_TEXT, description="The last seed.", examples=["2"])]
    frames: Annotated[
        int | None, Field(ge=2, le=MAX_FRAMES, description=f"How many images; default {FRAMES}.")
    ] = None
    t: Annotated[
        float | None, Field(ge=0, le=1, description="Instead of frames: one image, so far on it.")
    ] = None
    format: Annotated[
        str | None,
        Field(
            pattern="^(webp|png|jpg|jpeg|zip)$",
            description="`webp`: an animation, the default; `png`: a strip; `zip`: PNGs. With t as "
            "in /v1/generate.",
        ),
    ] = None
    duration: Annotated[
        int, Field(ge=40, le=1000, description="Milliseconds of each frame of an animation.")
    ] = 80
    loop: Annotated[
        bool, Field(description="An animation goes back and forth for ever, not once.")
    ] = True


@router.get(
    "/interpolate",
    response_class=Response,
    responses=IMAGES_OR_ZIP,
    openapi_extra=documented(Way),
)
async def interpolate(
    request: Request, held: Everything, way: Annotated[Way, Depends(query_of(Way))]
) -> Response:
    """Images on the way from one seed to another: an animation, a strip, a zip, or one of them."""
    reference = resolve(held, way.model)
    await require_abilities(held, reference.model, way)
    seeds: list[int | str] = [parse_seed(way.start, "from"), parse_seed(way.to, "to")]
    format = format_of(way, request.headers.get("accept", ""))
    point = Point(t=None if way.t is None else way.t + 0.0, frames=frames_of(way))
    kind: Format = "png" if format == "zip" else EXTENSIONS[format]
    whole = picture_of(reference.model, seeds, way, kind, point)
    manner = Manner(
        name=way.model or reference.model.name,
        negotiated=way.t is not None,
        download=way.download or format == "zip",
    )
    if way.t is not None or format == "png":
        return await answer(request, held, reference, whole, manner)
    return await _frames(request, held, reference, way, whole, format, manner)


def frames_of(way: Way) -> int | None:
    """How many frames are wanted; None: one image. Raises Invalid."""
    if way.t is None:
        return way.frames or FRAMES
    if way.frames is not None:
        raise refused("t", "Give either t, for one image, or frames.")
    return None


def format_of(way: Way, accept: str) -> str:
    """Raises Invalid, and 406 where the client decides."""
    if way.t is None:
        if way.format in ("jpg", "jpeg"):
            raise refused("format", "Several frames are webp, png or zip; with t there is jpg too.")
        return way.format or "webp"
    if way.format == "zip":
        raise refused("format", "One image is webp, png or jpg; leave t away for a zip.")
    return way.format or accepted_format(accept)


async def _frames(
    request: Request,
    held: Services,
    reference: Reference,
    way: Way,
    whole: Picture,
    format: str,
    manner: Manner,
) -> Response:
    """An animation or a zip: each frame is a picture like any other."""
    model = reference.model
    shown = {"duration": way.duration, "loop": int(way.loop)} if format == "webp" else {}
    etag = derived(held.batcher.workforce.tag(whole, model), LAYOUT, format, shown)

    def address() -> str:
        return canonical(model, whole, manner.name, format=format, **shown)

    headers = headers_of(reference, etag, whole.seeds, address, manner)
    if client_has(request, etag):
        return Response(status_code=304, headers=headers)
    if manner.download:
        headers["Content-Disposition"] = as_file(model, whole.seeds, format)
    edge, count = whole.size or model.resolution, way.frames or FRAMES
    pictures = frames_in(whole, count)
    if format == "zip":
        names = [f"{place:03d}.png" for place in range(count)]
        album = Album(names=names, pictures=pictures, pixels=edge**2)
        return await zipped(request, held, reference, album, headers)
    with held.zips.entered():
        frames = await ImageStream(held, reference, pictures).all(request)
    content = animated(frames, edge, edge, way.duration, way.loop)
    return Response(content, headers=headers, media_type=MEDIA_TYPES["webp"])


def frames_in(whole: Picture, count: int) -> Iterator[Picture]:
    """Each image of the way as a picture of its own."""
    for t in steps(count):
        point = (whole.point or Point()).model_copy(update={"frames": None, "t": t})
        yield whole.model_copy(update={"point": point})
