"""GET /v1/generate: one image, or a grid or zip of many, by seed."""

import secrets
from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from pydantic import Field

from app.abilities import require_abilities
from app.addresses import canonical_zip
from app.deps import BINARY, ZIP, Documented, Everything
from app.described import JSON, Described
from app.etags import client_has, derived
from app.formats import EXTENSIONS, accepted_format
from app.images import Manner, answer, as_file, headers_of, resolve
from app.looks import Look, picture_of
from app.queries import documented, query_of, refused
from app.services import Services
from app.zips import LAYOUT, Album, names_of, zipped
from core.generation import (
    MAX_ENTRIES,
    MAX_GRID,
    MAX_PARTS,
    MAX_WEIGHT,
    MEDIA_TYPES,
    Format,
    Point,
)
from core.registry import Reference
from core.schemas import MAX_SEED
from core.seeds import MAX_TEXT, parse_blend, parse_seed, parse_seeds

router = APIRouter(tags=["images"])
IMAGES: Documented = {
    200: {
        "description": "The image.",
        "content": dict.fromkeys(MEDIA_TYPES.values(), BINARY),
    },
    304: {"description": "The client has this image already (If-None-Match)."},
}
IMAGES_OR_ZIP: Documented = IMAGES | {
    200: {
        "description": "The image, or a zip of several.",
        "content": IMAGES[200]["content"] | {ZIP: BINARY},
    }
}
GENERATED: Documented = IMAGES | {
    200: {
        "description": "The image, with `format=json` what made it and the image in base64, or a "
        "zip of several.",
        "content": IMAGES_OR_ZIP[200]["content"]
        | {JSON: {"schema": Described.model_json_schema()}},
    }
}
FORMATS = (
    "Default: by Accept. `json`: what made it, its lasting address, and a PNG in base64. "
    f"`zip`: up to {MAX_ENTRIES} PNGs."
)
ModelReference = Annotated[
    str | None,
    Field(
        max_length=160,
        description="`name`, `name@3`, `name@stable`, `job:{id}`, `job:{id}@{step}`; default: the "
        "newest.",
        examples=["sprites"],
    ),
]


class Order(Look):
    """The query of GET /v1/generate."""

    model: ModelReference = None
    seed: Annotated[
        str | None,
        Field(
            max_length=MAX_TEXT,
            description=f"0 to {MAX_SEED}, or any text; default: drawn at random.",
            examples=["42"],
        ),
    ] = None
    seeds: Annotated[
        str | None, Field(max_length=1024, description="A grid or zip of these: `0,1,4-6`.")
    ] = None
    n: Annotated[
        int | None,
        Field(
            ge=1,
            le=MAX_ENTRIES,
            description=f"Seed, seed+1, ...: a grid of {MAX_GRID} at most, or a zip.",
        ),
    ] = None
    blend: Annotated[
        str | None,
        Field(
            max_length=MAX_PARTS * (MAX_TEXT + 24),
            description=f"Instead of a seed up to {MAX_PARTS}, each with its weight.",
            examples=["1:0.7,2:0.3"],
        ),
    ] = None
    format: Annotated[
        str | None, Field(pattern="^(png|webp|jpg|jpeg|json|zip)$", description=FORMATS)
    ] = None


@router.get(
    "/generate",
    response_class=Response,
    responses=GENERATED,
    openapi_extra=documented(Order),
)
async def generate(
    request: Request, held: Everything, order: Annotated[Order, Depends(query_of(Order))]
) -> Response:
    """Make an image. The same model version and parameters give the same bytes, always."""
    reference = resolve(held, order.model)
    await require_abilities(held, reference.model, order)
    name = order.model or reference.model.name
    if order.format == "zip":
        return await _many(request, held, reference, order, name)
    seeds, point, drawn = origin_of(order)
    picture = picture_of(reference.model, seeds, order, format_of(order.format, request), point)
    manner = Manner(
        name=name,
        drawn=drawn,
        negotiated=True,
        described=order.format == "json",
        download=order.download,
    )
    return await answer(request, held, reference, picture, manner)


def format_of(asked: str | None, request: Request) -> Format:
    """Of the file, as asked for or else by Accept; JSON holds a PNG."""
    if asked is None:
        return accepted_format(request.headers.get("accept", ""))
    return EXTENSIONS.get(asked, "png")


def origin_of(order: Order) -> tuple[list[int | str], Point | None, bool]:
    """The seeds, where between them the image is, and whether the first was drawn at random."""
    if order.blend is None:
        seeds, drawn = seeds_of(order, MAX_GRID)
        return seeds, None, drawn
    if order.seed is not None or order.seeds is not None or order.n is not None:
        raise refused("blend", "Give either blend, or seeds: a blend names its own.")
    seeds, weights = parse_blend(order.blend, MAX_PARTS, MAX_WEIGHT)
    return seeds, Point(weights=tuple(weights)), False


async def _many(
    request: Request, held: Services, reference: Reference, order: Order, name: str
) -> Response:
    """A zip of the images, named after their seeds."""
    if order.blend is not None:
        raise refused("blend", "A blend is one image: leave format=zip away.")
    seeds, drawn = seeds_of(order, MAX_ENTRIES)
    model = reference.model
    look = picture_of(model, seeds[:1], order, "png")
    etag = derived(held.batcher.workforce.tag(look, model), LAYOUT, seeds)

    def address() -> str:
        return canonical_zip(model, look, seeds, name)

    manner = Manner(name=name, drawn=drawn)
    headers = headers_of(reference, etag, seeds, address, manner)
    if not drawn and client_has(request, etag):
        return Response(status_code=304, headers=headers)
    headers["Content-Disposition"] = as_file(model, seeds, "zip")
    album = Album(
        names=names_of(seeds, "png"),
        pictures=(look.model_copy(update={"seeds": (seed,)}) for seed in seeds),
        pixels=(look.size or model.resolution) ** 2,
    )
    return await zipped(request, held, reference, album, headers)


def seeds_of(order: Order, most: int) -> tuple[list[int | str], bool]:
    """The seeds that are asked for, and whether the first was drawn at random."""
    if order.seeds is not None:
        if order.seed is not None or order.n is not None:
            raise refused("seeds", "Give either seeds, or seed and n.")
        return [*parse_seeds(order.seeds, most)], False
    n = order.n or 1
    if n > most:
        raise refused("n", f"A grid has at most {most} images; format=zip takes {MAX_ENTRIES}.")
    if order.seed is None:
        first = secrets.randbelow(MAX_SEED + 2 - n)
        return [*range(first, first + n)], True
    seed = parse_seed(order.seed)
    if n == 1:
        return [seed], False
    if isinstance(seed, str):
        raise refused("n", "A text is one seed; several start from an integer seed.")
    if seed + n - 1 > MAX_SEED:
        raise refused("n", f"The last of the seeds would be above {MAX_SEED}.")
    return [*range(seed, seed + n)], False
