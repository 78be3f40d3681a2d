"""From the parameters of a request to a `Picture`: checked, and in one normal form."""

from typing import Annotated

from pydantic import Field

from app.labels import label_of
from app.queries import refused
from core.generation import (
    MAX_AMOUNT,
    MAX_EDGE,
    MIN_EDGE,
    MIX_FROM,
    MOST_DIRECTIONS,
    Format,
    Picture,
    Point,
)
from core.labels import MAX_LABEL
from core.schemas import Model, Record
from core.seeds import MAX_TEXT, parse_seed

MAX_PIXELS = 64_000_000  # of one answer
QUALITY = 90


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
        int | None,
        Field(ge=MIN_EDGE, le=MAX_EDGE, description="Edge in pixels; default: the model's own."),
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
