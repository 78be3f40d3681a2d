"""POST /v1/images/inspect: what made an image, as its file says, and where it can be had again."""

from typing import IO, Any

from fastapi import APIRouter, Request
from pydantic import ValidationError
from starlette.concurrency import run_in_threadpool

from app.addresses import canonical
from app.deps import BINARY, Everything
from app.embedded import Embedded, embedded
from app.forms import only_file
from app.looks import QUALITY, Look, picture_of
from app.uploads import FORM, spooled
from core.errors import Invalid
from core.facts import Facts, Inspection
from core.generation import MEDIA_TYPES, Format, Point
from core.registry import ModelStore
from core.schemas import Model
from core.seeds import parse_seed

router = APIRouter(prefix="/images", tags=["images"])
MAX_IMAGE_BYTES = 32 * 1024 * 1024
ONE_FILE: dict[str, Any] = {
    "schema": {"type": "object", "properties": {"file": BINARY["schema"]}, "required": ["file"]}
}
BODY = {"required": True, "content": dict.fromkeys(MEDIA_TYPES.values(), BINARY)}
BODY["content"] |= {FORM: ONE_FILE}


@router.post("/inspect", response_model_exclude_unset=True, openapi_extra={"requestBody": BODY})
async def inspect_image(request: Request, held: Everything) -> Inspection:
    """Model, seed and all else that made an image, read from its file: PNG, WebP or JPEG."""
    kind = request.headers.get("content-type", "")
    async with spooled(request, held.settings.folders.uploads, MAX_IMAGE_BYTES) as file:
        return await run_in_threadpool(inspected, held.models, file, kind)


def inspected(models: ModelStore, file: IO[bytes], content_type: str) -> Inspection:
    """Raises UnsupportedMedia, and Invalid when Ganvas has written nothing into the image."""
    body, form = file.read(), content_type.partition(";")[0].strip().lower() == FORM
    found = embedded(only_file(body, content_type) if form else body)
    facts = facts_in(found)
    model = model_with(models, facts)
    return Inspection(
        format=found.format,
        metadata=facts,
        parameters=found.parameters,
        url=None if model is None else address(model, facts, found.format),
        known=model is not None,
    )


def facts_in(found: Embedded) -> Facts:
    """Raises Invalid."""
    if found.facts is None:
        raise Invalid(
            "The image says nothing of Ganvas: it comes from elsewhere, was made with metadata=0, "
            "or was saved by a program that leaves metadata out."
        )
    try:
        return Facts.model_validate_json(found.facts)
    except ValidationError as error:
        raise Invalid("What the image says of Ganvas cannot be read; it was changed.") from error


def model_with(models: ModelStore, facts: Facts) -> Model | None:
    """The version with these weights; of several the one of that name and number."""
    same = [model for model in models.all() if model.digest == facts.digest]
    own = [model for model in same if (model.name, model.version) == (facts.model, facts.version)]
    return next(iter(own + same), None)


def address(model: Model, facts: Facts, format: Format) -> str | None:
    """Where the image is made again; None when the model cannot make what the file says."""
    if facts.seed is None:
        return None  # it was sent with a body
    written = facts.seed if isinstance(facts.seed, tuple) else (facts.seed,)
    try:
        seeds = [parse_seed(seed) if isinstance(seed, str) else seed for seed in written]
        look = Look(
            label=facts.label,
            psi=facts.psi,
            size=facts.size,
            quality=facts.quality or QUALITY,
            mix=None if facts.mix is None else str(facts.mix),
            mix_from=facts.mix_from,
            direction=facts.direction,
            amount=facts.amount,
        )
        picture = picture_of(model, seeds, look, format, point_in(facts))
    except (Invalid, ValidationError):
        return None
    return canonical(model, picture, model.name)


def point_in(facts: Facts) -> Point | None:
    """Where between its seeds the image is. Raises ValidationError."""
    told = facts.model_dump(include={"weights", "t", "frames"}, exclude_none=True)
    return Point.model_validate(told) if told else None
