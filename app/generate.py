"""GET /v1/generate: one image, or a grid of many, by seed."""

import secrets
from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from pydantic import Field

from app.deps import Documented, Everything
from app.images import EXTENSIONS, Look, accepted_format, answer, picture_of, refused, resolve
from app.queries import documented, query_of
from core.generation import MAX_GRID, MAX_PARTS, MAX_WEIGHT, MEDIA_TYPES, Format, Point
from core.schemas import MAX_SEED
from core.seeds import MAX_TEXT, parse_blend, parse_seed, parse_seeds

router = APIRouter(tags=["images"])
IMAGES: Documented = {
    200: {
        "description": "The image.",
        "content": {
            kind: {"schema": {"type": "string", "format": "binary"}}
            for kind in MEDIA_TYPES.values()
        },
    },
    304: {"description": "The client has this image already (If-None-Match)."},
}


class Order(Look):
    """The query of GET /v1/generate."""

    model: Annotated[
        str | None,
        Field(
            max_length=160,
            description="`name`, `name@3`, `name@stable`, `job:{id}`, `job:{id}@{step}`; default: "
            "the newest.",
            examples=["sprites"],
        ),
    ] = None
    seed: Annotated[
        str | None,
        Field(
            max_length=MAX_TEXT,
            description=f"0 to {MAX_SEED}, or any text; default: drawn at random.",
            examples=["42"],
        ),
    ] = None
    seeds: Annotated[
        str | None, Field(max_length=1024, description="A grid of these: `0,1,4-6`.")
    ] = None
    n: Annotated[
        int | None, Field(ge=1, le=MAX_GRID, description="A grid of seed, seed+1, ...")
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
        str | None, Field(pattern="^(png|webp|jpg|jpeg)$", description="Default: by Accept.")
    ] = None


@router.get(
    "/generate",
    response_class=Response,
    responses=IMAGES,
    openapi_extra=documented(Order),
)
async def generate(
    request: Request, held: Everything, order: Annotated[Order, Depends(query_of(Order))]
) -> Response:
    """Make an image. The same model version and parameters give the same bytes, always."""
    reference = resolve(held, order.model)
    seeds, point, drawn = origin_of(order)
    accept = request.headers.get("accept", "")
    format: Format = EXTENSIONS[order.format] if order.format else accepted_format(accept)
    picture = picture_of(reference.model, seeds, order, format, point)
    name = order.model or reference.model.name
    return await answer(
        request, held, reference, picture, name=name, drawn=drawn, download=order.download
    )


def origin_of(order: Order) -> tuple[list[int | str], Point | None, bool]:
    """The seeds, where between them the image is, and whether the first was drawn at random."""
    if order.blend is None:
        seeds, drawn = seeds_of(order)
        return seeds, None, drawn
    if order.seed is not None or order.seeds is not None or order.n is not None:
        raise refused("blend", "Give either blend, or seeds: a blend names its own.")
    seeds, weights = parse_blend(order.blend, MAX_PARTS, MAX_WEIGHT)
    return seeds, Point(weights=tuple(weights)), False


def seeds_of(order: Order) -> tuple[list[int | str], bool]:
    """The seeds that are asked for, and whether the first was drawn at random."""
    if order.seeds is not None:
        if order.seed is not None or order.n is not None:
            raise refused("seeds", "Give either seeds, or seed and n.")
        return [*parse_seeds(order.seeds, MAX_GRID)], False
    n = order.n or 1
    if order.seed is None:
        first = secrets.randbelow(MAX_SEED + 2 - n)
        return [*range(first, first + n)], True
    seed = parse_seed(order.seed)
    if n == 1:
        return [seed], False
    if isinstance(seed, str):
        raise refused("n", "A text is one seed; a grid starts from an integer seed.")
    if seed + n - 1 > MAX_SEED:
        raise refused("n", f"The last seed of the grid would be above {MAX_SEED}.")
    return [*range(seed, seed + n)], False
