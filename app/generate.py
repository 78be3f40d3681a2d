"""GET /v1/generate: one image, or a grid of many, by seed."""

import secrets
from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from pydantic import Field

from app.deps import BINARY, Documented, Everything
from app.described import JSON, Described
from app.images import (
    EXTENSIONS,
    Look,
    Manner,
    accepted_format,
    answer,
    picture_of,
    refused,
    resolve,
)
from app.queries import documented, query_of
from core.generation import MAX_GRID, MEDIA_TYPES, Format
from core.schemas import MAX_SEED
from core.seeds import MAX_TEXT, parse_seed, parse_seeds

router = APIRouter(tags=["images"])
IMAGES: Documented = {
    200: {
        "description": "The image.",
        "content": dict.fromkeys(MEDIA_TYPES.values(), BINARY),
    },
    304: {"description": "The client has this image already (If-None-Match)."},
}


GENERATED: Documented = {
    200: {
        "description": "The image, or with `format=json` what made it and the image in base64.",
        "content": IMAGES[200]["content"] | {JSON: {"schema": Described.model_json_schema()}},
    },
    304: IMAGES[304],
}
FORMATS = "Default: by Accept. `json`: what made it, its lasting address, and a PNG in base64."


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
    format: Annotated[
        str | None, Field(pattern="^(png|webp|jpg|jpeg|json)$", description=FORMATS)
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
    seeds, drawn = seeds_of(order)
    picture = picture_of(reference.model, seeds, order, format_of(order.format, request))
    manner = Manner(
        name=order.model or reference.model.name,
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
