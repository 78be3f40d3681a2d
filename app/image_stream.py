"""Many images of one request, made in order and never far ahead of who reads them.

A slow reader holds up the work, not memory; images of streams have a lane of their own, so single
ones are not behind them; and troubles that pass, such as a worker that died, are waited for.
"""

import asyncio
import time
from collections import deque
from collections.abc import Coroutine, Iterable, Iterator
from dataclasses import replace
from typing import Any, Self, TypeVar

from fastapi import Request
from starlette.requests import ClientDisconnect

from app.etags import kept_as
from app.images import target_of, until_gone
from app.services import Services
from core.errors import NoWorker, Overloaded, Unavailable
from core.generation import MAX_BATCH, Picture
from core.registry import Reference

MAX_BATCHES = 5  # of one stream: one for each worker, and one that waits for the next to be free
PATIENCE = 60.0  # seconds without an image after which a stream gives up
PAUSE = 2.0
T = TypeVar("T")
PASSING = (NoWorker, Overloaded, Unavailable)


class ImageStream:
    """The encoded images of `pictures`. To be closed when nobody reads any more."""

    def __init__(self, held: Services, reference: Reference, pictures: Iterable[Picture]) -> None:
        self._held = held
        self._model = reference.model
        self._target = replace(target_of(held, reference), bulk=True)
        self._pictures: Iterator[Picture] = iter(pictures)
        self._ahead: deque[asyncio.Task[bytes]] = deque()
        self._last: float | None = None  # when an image came

    async def begin(self, request: Request) -> None:
        """Wait for the first image: whatever prevents it is raised, and can still be an answer."""
        try:
            await unless_gone(request, self._first())
        except BaseException:
            await self.aclose()
            raise

    async def all(self, request: Request) -> list[bytes]:
        """Every image, where they are few; then it is closed. Raises what prevents one."""
        try:
            return await unless_gone(request, self._rest())
        finally:
            await self.aclose()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        self._ask()
        if not self._ahead:
            raise StopAsyncIteration
        return await self._ahead.popleft()

    async def aclose(self) -> None:
        """Let go of all that is asked for."""
        for task in self._ahead:
            task.cancel()
        await asyncio.gather(*self._ahead, return_exceptions=True)
        self._ahead.clear()

    async def _first(self) -> None:
        self._ask()
        await asyncio.wait([self._ahead[0]])
        self._ahead[0].result()

    async def _rest(self) -> list[bytes]:
        return [image async for image in self]

    def _ask(self) -> None:
        """Ask for images until a batch waits for each worker, and one more."""
        batches = min(MAX_BATCHES, 1 + max(1, self._held.batcher.workforce.size))
        while len(self._ahead) < batches * MAX_BATCH:
            picture = next(self._pictures, None)
            if picture is None:
                return
            first = self._last is None and not self._ahead
            self._ahead.append(asyncio.create_task(self._made(picture, insist=not first)))

    async def _made(self, picture: Picture, insist: bool) -> bytes:
        began, batcher = time.monotonic(), self._held.batcher
        key = kept_as(batcher.workforce.tag(picture, self._model))
        while True:
            gone: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            try:
                made, _ = await batcher.make(self._target, picture, key, gone)
            except PASSING as error:
                if not insist or self._lasts(began):
                    raise
                await asyncio.sleep(min(PAUSE, error.retry_after or PAUSE))
            else:
                self._last = time.monotonic()
                return made.image

    def _lasts(self, began: float) -> bool:
        """Whether a trouble is no passing one, or the service stops."""
        silent = time.monotonic() - max(began, self._last or began)
        return silent > PATIENCE or self._held.streams.closing


async def unless_gone(request: Request, work: Coroutine[Any, Any, T]) -> T:
    """What `work` answers. Raises ClientDisconnect when the client goes before."""
    task, gone = asyncio.create_task(work), asyncio.ensure_future(until_gone(request))
    try:
        await asyncio.wait([task, gone], return_when=asyncio.FIRST_COMPLETED)
        if not task.done():
            raise ClientDisconnect
        return task.result()
    finally:
        task.cancel()
        gone.cancel()
