"""Uploads on their way to disk: as a stream, in blocks, bounded in size and in slowness."""

import asyncio
import hashlib
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import SpooledTemporaryFile
from typing import IO, Protocol

from fastapi import Request
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect
from starlette.types import Receive

from app.errors import TooSlow
from app.forms import FormSink
from app.guard import declared, media_type
from core.errors import Invalid, TooLarge, UnsupportedMedia

ARCHIVES = (
    "application/zip",
    "application/x-zip-compressed",
    "application/x-tar",
    "application/gzip",
    "application/x-gzip",
    "application/octet-stream",
)
FORM = "multipart/form-data"
BLOCK_BYTES = 1024 * 1024  # written at once
WINDOW_SECONDS = 30.0
LEAST_BYTES = 1024  # of each second, as a mean over a window


class Sink(Protocol):
    """Takes the bytes of a body. Called from one thread at a time."""

    digest: "hashlib._Hash"

    def write(self, block: bytes) -> None: ...

    def finish(self) -> None: ...

    def close(self) -> None: ...


class FileSink:
    """The body is the file `source`."""

    def __init__(self, folder: Path) -> None:
        self.digest = hashlib.sha256()
        self._file = open(folder / "source", "xb")  # noqa: SIM115 - closed in close()

    def write(self, block: bytes) -> None:
        self.digest.update(block)
        self._file.write(block)

    def finish(self) -> None:
        self._file.flush()
        os.fsync(self._file.fileno())

    def close(self) -> None:
        self._file.close()


async def receive_upload(request: Request, folder: Path, limit: int) -> str:
    """Store the body of `request` in `folder`; answers the SHA-256 of what came.

    Raises TooLarge, TooSlow, UnsupportedMedia, Invalid, ClientDisconnect, OSError.
    """
    return await receive_into(lambda: _sink(request, folder), request, limit)


async def receive_into(open_sink: Callable[[], Sink], request: Request, limit: int) -> str:
    """Stream the body into a sink; answers the SHA-256 of what came. Raises the same."""
    sink = open_sink()
    try:
        async for block in _some(blocks(request, limit, WINDOW_SECONDS)):
            await run_in_threadpool(sink.write, block)
        await run_in_threadpool(sink.finish)
    finally:
        sink.close()
    return sink.digest.hexdigest()


@asynccontextmanager
async def spooled(request: Request, folder: Path, limit: int) -> AsyncIterator[IO[bytes]]:
    """The whole body as a file without a name, which is in memory while it is small.

    Raises TooLarge, TooSlow, Invalid, ClientDisconnect, OSError.
    """
    with SpooledTemporaryFile(BLOCK_BYTES, dir=str(folder)) as file:
        async for block in _some(blocks(request, limit, WINDOW_SECONDS)):
            await run_in_threadpool(file.write, block)
        file.seek(0)
        yield file


def _sink(request: Request, folder: Path) -> Sink:
    kind = media_type(request.headers)
    if kind == FORM:
        return FormSink(folder, request.headers["content-type"])
    if kind in ARCHIVES:
        return FileSink(folder)
    names = ", ".join((*ARCHIVES, FORM, "application/json"))
    raise UnsupportedMedia(f"Send an archive, or images as a form: {names}.")


async def blocks(request: Request, limit: int, window: float) -> AsyncIterator[bytes]:
    """The body in large blocks; when it ends early, all that came of it before that is told.

    window: seconds over which slowness is measured. Raises TooLarge as soon as it is, TooSlow,
    ClientDisconnect.
    """
    if declared(request.headers) > limit:
        raise _too_large(limit)
    block, total = bytearray(), 0
    try:
        async for chunk in _chunks(request.receive, window):
            total += len(chunk)
            if total > limit:
                raise _too_large(limit)
            block += chunk
            if len(block) >= BLOCK_BYTES:
                yield bytes(block)
                block.clear()
    except (ClientDisconnect, TooSlow):
        if block:
            yield bytes(block)
        raise
    if block:
        yield bytes(block)


async def _some(body: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """The same blocks. Raises Invalid when there are none."""
    empty = True
    async for block in body:
        empty = False
        yield block
    if empty:
        raise Invalid("The body is empty: send an archive or images.")


async def _chunks(receive: Receive, window: float) -> AsyncIterator[bytes]:
    """The body as it arrives. Raises TooSlow, and ClientDisconnect when it ends early."""
    loop = asyncio.get_running_loop()
    end, arrived, more = loop.time() + window, 0, True
    while more:
        try:
            async with asyncio.timeout_at(end):
                message = await receive()
        except TimeoutError:
            if arrived < window * LEAST_BYTES:
                raise TooSlow(f"Less than 1 KB a second came for {window:g} seconds.") from None
            end, arrived = loop.time() + window, 0
            continue
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        chunk = message.get("body", b"")
        arrived += len(chunk)
        more = message.get("more_body", False)
        yield chunk


def _too_large(limit: int) -> TooLarge:
    return TooLarge(f"The body of this request may have {limit} bytes.")
