"""POST /v1/images/generations: our images for programs that speak OpenAI's API (docs/openai.md)."""

import asyncio
import base64
import re
import time
from collections.abc import Callable, Coroutine, Sequence
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from pydantic import ConfigDict, Field, JsonValue

from app.addresses import canonical
from app.deps import Everything, json_only
from app.described import label_in
from app.errors import as_expected, expected, invalid_request, status_of
from app.etags import kept_as
from app.images import finished, resolve
from app.looks import QUALITY, Look, picture_of
from app.prompts import label_named, seed_of, several
from app.queries import refused_at
from app.services import Services
from core.errors import GanvasError, Invalid, NotFound
from core.generation import MAX_EDGE, MIN_EDGE, Format, Picture
from core.labels import MAX_LABEL
from core.registry import Reference
from core.schemas import Answer, Model, Record, Seed
from core.seeds import MAX_TEXT, parse_seed

MAX_IMAGES = 10
MAX_PROMPT = 32_000  # characters
Handler = Callable[[Request], Coroutine[Any, Any, Response]]
Ignored = Annotated[JsonValue, Field(description="Taken, and without effect.")]


class Enveloped(APIRoute):
    """Errors carry OpenAI's `error` beside the members of a problem, and 400 instead of 422."""

    def get_route_handler(self) -> Handler:
        handler = super().get_route_handler()

        async def answered(request: Request) -> Response:
            try:
                return await handler(request)
            except RequestValidationError as error:
                return enveloped(request, invalid_request(error.errors()))
            except Exception as error:
                known = as_expected(error)
                if known is None:
                    raise
                return enveloped(request, known)

        return answered


router = APIRouter(
    prefix="/images", tags=["images"], route_class=Enveloped, dependencies=[Depends(json_only)]
)


class ImageRequest(Record):
    """OpenAI's fields that mean something here, ours, and those that are taken without effect."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"model": "sprites", "prompt": "a red dragon", "n": 2}]}
    )

    prompt: str = Field(
        min_length=1, max_length=MAX_PROMPT, description="A seed, which may name labels."
    )
    model: str | None = Field(default=None, max_length=160, description="Default: the newest.")
    n: int | None = Field(default=None, ge=1, le=MAX_IMAGES, description="Default: 1.")
    size: str | None = Field(
        default=None, max_length=32, description="`256x256`; `auto`: the model's own."
    )
    response_format: Literal["url", "b64_json"] | None = Field(
        default=None, description="Default: both."
    )
    output_format: Format | None = Field(default=None, description="Default: png.")
    output_compression: int | None = Field(
        default=None, ge=0, le=100, description=f"Quality of webp and jpeg; default: {QUALITY}."
    )
    background: Literal["auto", "opaque"] | None = None
    stream: Literal[False] | None = None

    seed: Seed | Annotated[str, Field(min_length=1, max_length=MAX_TEXT)] | None = Field(
        default=None, description="Instead of the one that the prompt means."
    )
    label: str | None = Field(
        default=None, max_length=MAX_LABEL, description="Instead of those that the prompt names."
    )
    psi: float = Field(default=1.0, ge=0, le=1, description="Truncation.")

    complexity: Ignored = None
    moderation: Ignored = None
    partial_images: Ignored = None
    quality: Ignored = None
    safety_identifier: Ignored = None
    style: Ignored = None
    user: Ignored = None


class OneImage(Answer):
    b64_json: str | None = None
    url: str | None = Field(default=None, description="Its lasting address.")
    revised_prompt: str = Field(description="What made it: model, seed, label.")


class Images(Answer):
    """OpenAI's answer."""

    created: int = Field(description="Unix time.")
    background: Literal["opaque"] = "opaque"
    data: list[OneImage]
    output_format: Format
    size: str


@router.post("/generations", response_model_exclude_none=True)
async def create_images(request: Request, held: Everything, order: ImageRequest) -> Images:
    """OpenAI's way to ask for images: the same prompt means the same image, always."""
    reference = resolve(held, order.model)
    try:
        pictures = pictures_of(reference.model, order)
    except Invalid as error:
        raise in_body(error) from error
    if order.response_format == "url":  # made when they are fetched
        await held.batcher.workforce.require()
        files: list[bytes | None] = [None] * len(pictures)
    else:
        files = [*await made(request, held, reference, pictures)]
    name = order.model or reference.model.name
    base = None if order.response_format == "b64_json" else str(request.base_url).rstrip("/")
    shown = zip(pictures, files, strict=True)
    return Images(
        created=int(time.time()),
        data=[image_of(reference.model, picture, file, name, base) for picture, file in shown],
        output_format=pictures[0].format,
        size="{0}x{0}".format(pictures[0].size or reference.model.resolution),
    )


def image_of(
    model: Model, picture: Picture, file: bytes | None, name: str, base: str | None
) -> OneImage:
    """One entry. `base`: in front of the address, if it is asked for."""
    label = label_in(model, picture)
    named = "" if label is None else f", label {label}"
    return OneImage(
        b64_json=None if file is None else base64.b64encode(file).decode(),
        url=None if base is None else base + canonical(model, picture, name),
        revised_prompt=f"{model.name}@{model.version}, seed {picture.seeds[0]}{named}",
    )


def pictures_of(model: Model, order: ImageRequest) -> list[Picture]:
    """What is asked for, image by image. Raises Invalid."""
    first = order.seed
    if first is None:
        first = seed_of(order.prompt)
    elif isinstance(first, str):
        first = parse_seed(first)
    look = Look(
        label=label_named(model, order.prompt) if order.label is None else order.label,
        psi=order.psi,
        size=edge_of(order.size),
        quality=QUALITY if order.output_compression is None else max(1, order.output_compression),
    )
    format = order.output_format or "png"
    return [picture_of(model, [seed], look, format) for seed in several(first, order.n or 1)]


def in_body(error: Invalid) -> Invalid:
    """What was said of a query, said of the body."""
    errors = [
        item | {"pointer": item["pointer"].replace("#/query/", "#/")} for item in error.errors
    ]
    return Invalid(error.detail, errors=errors)


def edge_of(size: str | None) -> int | None:
    """Of `256x256`; None for `auto`. Raises Invalid."""
    if size in (None, "auto"):
        return None
    found = re.fullmatch(r"([0-9]{1,5})x([0-9]{1,5})", size)
    if found is None or found[1] != found[2] or not MIN_EDGE <= int(found[1]) <= MAX_EDGE:
        message = f"Images are square: auto, or {MIN_EDGE}x{MIN_EDGE} to {MAX_EDGE}x{MAX_EDGE}."
        raise refused_at("#/size", message)
    return int(found[1])


async def made(
    request: Request, held: Services, reference: Reference, pictures: Sequence[Picture]
) -> list[bytes]:
    """The files, from the cache or made side by side."""
    tag = held.batcher.workforce.tag
    keyed = [(picture, kept_as(tag(picture, reference.model))) for picture in pictures]
    found = await asyncio.gather(
        *(finished(request, held, reference, picture, key, keep=True) for picture, key in keyed)
    )
    return [image for image, _ in found]


def enveloped(request: Request, error: GanvasError) -> Response:
    """The problem, and the same in the shape that OpenAI's clients read."""
    status = status_of(error)
    unknown = isinstance(error, NotFound)
    envelope = {
        "message": error.detail,
        "type": "server_error" if status >= 500 else "invalid_request_error",
        "param": "model" if unknown else field_of(error),
        "code": "model_not_found" if unknown else error.code,
    }
    shown = 400 if status == 422 else status
    return expected(request.scope, error, status=shown, error=envelope)


def field_of(error: GanvasError) -> str | None:
    """The field of the request that is wrong, if it is one."""
    named = next((item["pointer"].split("/")[1:] for item in error.errors), [])
    return named[0] if named and not named[0].isdigit() else None
