"""Many images as one zip that is sent while it is being made: as many as are wanted, in any memory.

Entries are stored, dates fixed: the same request gives the same bytes. One that cannot be finished
is broken off, so that it is not taken for a whole one.
"""

import logging
import zlib
from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass

from fastapi import Request
from fastapi.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from app.deps import ZIP
from app.image_stream import ImageStream
from app.services import Services
from app.sse import Streams
from core.errors import GanvasError
from core.generation import Picture
from core.registry import Reference
from core.zip_writing import FULL, Heads

LAYOUT = "1"  # part of every ETag: raise it when the same images make another zip
log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Album:
    """The images of a zip: how their files are called, and how to make them."""

    names: Sequence[str]
    pictures: Iterable[Picture]
    pixels: int  # of one


class ZipStream(StreamingResponse):
    """An answer that counts as an open stream, and lets go of its images when it ends."""

    media_type = ZIP

    def __init__(
        self, album: Album, images: ImageStream, streams: Streams, headers: dict[str, str]
    ) -> None:
        super().__init__(_archive(album, images), headers=headers)
        self.images, self.streams = images, streams

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        except GanvasError as error:  # the server ends a connection whose answer is not whole
            log.warning("request %s is broken off: %s", scope.get("request_id"), error.detail)
        finally:
            self.streams.leave()
            await self.images.aclose()


async def zipped(
    request: Request,
    held: Services,
    reference: Reference,
    album: Album,
    headers: dict[str, str],
) -> ZipStream:
    """The zip, once its first image is made. Raises what prevents that, TooManyStreams."""
    held.zips.enter()
    try:
        images = ImageStream(held, reference, album.pictures)
        await images.begin(request)
    except BaseException:
        held.zips.leave()
        raise
    return ZipStream(album, images, held.zips, headers)


def names_of(seeds: Sequence[int | str], extension: str) -> list[str]:
    """Files are named after their seeds where these are different integers, else after places."""
    if len(set(seeds)) < len(seeds) or any(isinstance(seed, str) for seed in seeds):
        return [f"{place:05d}.{extension}" for place in range(len(seeds))]
    return [f"{seed}.{extension}" for seed in seeds]


async def _archive(album: Album, images: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    heads = Heads(wide=len(album.names) * (4 * album.pixels + 2**16) >= FULL)
    for name in album.names:
        image = await anext(images)
        yield heads.before(name, len(image), zlib.crc32(image))
        yield image
    yield heads.behind()
