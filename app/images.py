"""From a picture to an answer: the image from the cache or a worker, and what is said of it."""

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from urllib.parse import quote

from fastapi import Request, Response

from app.addresses import canonical
from app.described import JSON, described, described_etag
from app.etags import client_has, kept_as
from app.formats import ENDINGS
from app.lanes import Made, Target
from app.services import Services
from core.errors import NotFound
from core.generation import MEDIA_TYPES, Picture
from core.ids import slug
from core.registry import JOB_PREFIX, Reference
from core.schemas import Model
from core.seeds import listed

IMMUTABLE = "public, max-age=31536000, immutable"
MOVING = "public, max-age=60, stale-while-revalidate=600"


def resolve(held: Services, text: str | None) -> Reference:
    """Look the model up. Raises NotFound, NotReady."""
    try:
        return held.models.resolve(text)
    except FileNotFoundError as error:  # removed while we looked
        raise NotFound("The model was removed a moment ago.") from error


@dataclass(frozen=True, kw_only=True)
class Manner:
    """How pictures are answered. `name`: the model as asked for; `drawn`: no seed was given."""

    name: str
    drawn: bool = False
    negotiated: bool = False  # the format, by Accept
    described: bool = False  # as JSON
    download: bool = False


async def answer(
    request: Request, held: Services, reference: Reference, picture: Picture, manner: Manner
) -> Response:
    """The image, or 304 from its ETag alone."""
    model, sent = reference.model, {"format": "json"} if manner.described else {}
    made_as = held.batcher.workforce.tag(picture, model)
    etag = described_etag(made_as, model) if manner.described else made_as

    def address() -> str:
        return canonical(model, picture, manner.name, **sent)

    headers = headers_of(reference, etag, picture.seeds, address, manner)
    if not manner.drawn and client_has(request, etag):
        return Response(status_code=304, headers=headers)
    keep = not manner.drawn
    image, told = await finished(request, held, reference, picture, kept_as(made_as), keep=keep)
    headers |= told
    if manner.download:
        ending = sent.get("format", ENDINGS[picture.format])
        headers["Content-Disposition"] = as_file(model, picture.seeds, ending)
    if manner.described:
        content = described(model, picture, canonical(model, picture, manner.name), image)
        return Response(content, headers=headers, media_type=JSON)
    return Response(image, headers=headers, media_type=MEDIA_TYPES[picture.format])


async def finished(
    request: Request,
    held: Services,
    reference: Reference,
    picture: Picture,
    key: str,
    *,
    keep: bool,
) -> tuple[bytes, dict[str, str]]:
    """The picture from the cache or a worker, and headers that say which and how long it took."""
    started = time.monotonic()
    image = await held.shelf.get(key) if keep and not held.batcher.expects(key) else None
    if image is not None:
        held.counters.add("image_cache", "hit")
        told = f"cache;dur={(time.monotonic() - started) * 1000:.1f}"
        return image, {"X-Cache": "hit", "Server-Timing": told}
    made, shared = await made_of(request, held, reference, picture, key, keep=keep)
    told = _timing(made, (time.monotonic() - started) * 1000)
    found = "coalesced" if shared else "miss"
    held.counters.add("image_cache", found)
    return made.image, {"X-Cache": found, "Server-Timing": told}


async def made_of(
    request: Request,
    held: Services,
    reference: Reference,
    picture: Picture,
    key: str,
    *,
    keep: bool = False,
) -> tuple[Made, bool]:
    """What a worker makes of the picture, and whether another request asked for it before."""
    gone = asyncio.ensure_future(until_gone(request))
    try:
        target = target_of(held, reference)
        return await held.batcher.make(target, picture, key, gone, keep=keep)
    finally:
        gone.cancel()


def headers_of(
    reference: Reference,
    etag: str,
    seeds: Sequence[int | str],
    address: Callable[[], str],
    manner: Manner,
) -> dict[str, str]:
    """What is said of an answer whose bytes depend on its parameters alone.

    `address`: where exactly these bytes are to be had, for requests that say less.
    """
    moving = "no-cache" if manner.name.startswith(JOB_PREFIX) else MOVING
    caching = "no-store" if manner.drawn else IMMUTABLE if reference.pinned else moving
    headers = {
        "ETag": etag,
        "Cache-Control": caching,
        "X-Seed": quote(listed(seeds), safe=",-"),
        "X-Model": reference.model.name,
        "X-Model-Version": str(reference.model.version),
    }
    if manner.negotiated:
        headers["Vary"] = "Accept"
    if manner.drawn or not reference.pinned:
        headers["Content-Location"] = address()
    return headers


def as_file(model: Model, seeds: Sequence[int | str], ending: str) -> str:
    """The Content-Disposition of an answer that is offered as a file."""
    name = f"{model.name}-v{model.version}-{slug(listed(seeds), 'image')}.{ending}"
    return f'attachment; filename="{name}"'


def target_of(held: Services, reference: Reference) -> Target:
    """The model as the workers find it."""
    model = reference.model
    folder = _relative(reference.folder, held.settings.home)
    return Target(folder=folder, model=model.name, version=model.version, digest=model.digest)


@lru_cache(1024)
def _relative(folder: Path, home: Path) -> str:
    return str(folder.relative_to(home))


def _timing(made: Made, total: float) -> str:
    queue = max(0.0, total - made.infer_ms - made.encode_ms)
    parts = (("queue", queue), ("infer", made.infer_ms), ("encode", made.encode_ms))
    texts = [f"{name};dur={duration:.1f}" for name, duration in parts]
    return ", ".join([*texts, f'batch;desc="{made.batch}"'])


async def until_gone(request: Request) -> None:
    """Ends when the client does."""
    while (await request.receive())["type"] != "http.disconnect":
        pass
