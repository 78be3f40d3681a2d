"""Event streams as server-sent events: a snapshot, then every change, resumable without gaps."""

import json
import logging
import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeGuard

import redis.asyncio
from fastapi import Request, Response
from fastapi.responses import StreamingResponse
from redis.exceptions import RedisError
from starlette.types import Receive, Scope, Send

from app.errors import TooManyStreams
from app.events import BEGIN, event
from core.schemas import JobEvent

STEP_SECONDS = 1.0  # after which a stream looks whether the service stops
PING_SECONDS = 15.0
PAGE = 500
MAX_STREAMS = 64
STREAM_ID = re.compile(r"\d{1,20}-\d{1,20}")
LARGEST = 2**64 - 1  # number in an id
DONE = "done"
log = logging.getLogger(__name__)
Snapshot = Callable[[], Awaitable[dict[str, Any]]]  # what is, before the first change


class Streams:
    """Counts the open streams. Once `closing`, they end, and so do other long waits."""

    def __init__(self, most: int = MAX_STREAMS, advice: str = "poll the job instead") -> None:
        self.most, self.advice = most, advice
        self.open = 0
        self.closing = False

    def enter(self) -> None:
        if self.open >= self.most:
            raise TooManyStreams(
                f"{self.most} streams are open already; {self.advice}.", retry_after=10
            )
        self.open += 1

    def leave(self) -> None:
        self.open -= 1

    @contextmanager
    def entered(self) -> Iterator[None]:
        """One more is open until the end of the block."""
        self.enter()
        try:
            yield
        finally:
            self.leave()


class EventStream(StreamingResponse):
    """An answer that counts as an open stream for as long as it is sent."""

    media_type = "text/event-stream"

    def __init__(self, frames: AsyncIterator[str], streams: Streams) -> None:
        super().__init__(frames, headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"})
        streams.enter()
        self.streams = streams

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            self.streams.leave()


class Feed:
    """The events of one stream of Redis. `ends`: whether there is nothing behind `done`."""

    def __init__(
        self,
        client: redis.asyncio.Redis,
        key: str,
        snapshot: Snapshot,
        streams: Streams,
        *,
        ends: bool,
    ) -> None:
        self.client = client
        self.streams = streams
        self.key = key
        self.snapshot = snapshot
        self.ends = ends

    async def answer(self, last: str | None) -> Response:
        """The stream after the id `last`; 204 when nothing can come any more. Raises
        TooManyStreams."""
        if last and self._final(newest := await self._edge(newest=True)) and newest.id == last:
            return Response(status_code=204)  # an EventSource does not come back after this
        return EventStream(self.frames(last or None), self.streams)

    async def frames(self, last: str | None) -> AsyncIterator[str]:
        """Text frames until the final event. `last` is the id to resume after.

        When Redis fails the stream ends: the client comes back with Last-Event-ID.
        """
        try:
            async for text in self._frames(last):
                yield text
        except RedisError as error:
            log.warning("a stream of events ends early: %s", error)

    async def _frames(self, last: str | None) -> AsyncIterator[str]:
        yield "retry: 2000\n\n"
        if last is None:
            last, text = await self._begin()
            yield text
        while not self.streams.closing:
            if await self._lost(last):
                yield frame(JobEvent(id="", type="reset", data={}))
                last, text = await self._begin()
                yield text
            entries = await self._after(last)
            if not entries:
                yield ": ping\n\n"
            for entry in entries:
                last = entry.id
                yield frame(entry)
                if self._final(entry):
                    return

    async def _begin(self) -> tuple[str, str]:
        """A snapshot and the id after which events are newer than it."""
        newest = await self._edge(newest=True)
        start = newest.id if newest is not None else BEGIN
        data = await self.snapshot()
        if self._final(newest):
            start = _before(start)  # a finished job still says so
        return start, frame(JobEvent(id=start, type="snapshot", data=data))

    async def _after(self, last: str) -> list[JobEvent]:
        """The next events; none when it is time for a ping, or to end."""
        end = time.monotonic() + PING_SECONDS
        block = int(STEP_SECONDS * 1000)
        while time.monotonic() < end and not self.streams.closing:
            found: Any = await self.client.xread({self.key: last}, count=PAGE, block=block)
            if found:
                streams = found.items() if isinstance(found, dict) else found
                return [event(*entry) for _, entries in streams for entry in _flat(entries)]
        return []

    async def _lost(self, last: str) -> bool:
        """Whether events after `last` are gone, or `last` is not of this stream."""
        if not STREAM_ID.fullmatch(last) or max(_order(last)) > LARGEST:
            return True
        oldest, newest = await self._edge(newest=False), await self._edge(newest=True)
        if oldest is None or newest is None:
            return False
        at = _order(last)
        if at < _order(_before(oldest.id)):
            return last != BEGIN or await self._trimmed()
        return at > _order(newest.id)

    async def _trimmed(self) -> bool:
        """Whether the stream has lost its beginning."""
        told: Any = await self.client.xinfo_stream(self.key)
        return told["entries-added"] > told["length"]

    def _final(self, entry: JobEvent | None) -> TypeGuard[JobEvent]:
        return self.ends and entry is not None and entry.type == DONE

    async def _edge(self, *, newest: bool) -> JobEvent | None:
        read = self.client.xrevrange if newest else self.client.xrange
        found: Any = await read(self.key, count=1)
        return event(*found[0]) if found else None


def wants_stream(request: Request) -> bool:
    return EventStream.media_type in request.headers.get("accept", "")


def frame(entry: JobEvent) -> str:
    """One event on the wire. JSON has no line breaks of its own."""
    resume = f"id: {entry.id}\n" if entry.id else ""
    return f"{resume}event: {entry.type}\ndata: {json.dumps(entry.data)}\n\n"


def _order(stream_id: str) -> tuple[int, int]:
    milliseconds, _, number = stream_id.partition("-")
    return int(milliseconds), int(number)


def _before(stream_id: str) -> str:
    """The largest id that is smaller."""
    milliseconds, number = _order(stream_id)
    return f"{milliseconds}-{number - 1}" if number else f"{milliseconds - 1}-{LARGEST}"


def _flat(entries: Any) -> Any:
    """redis-py nests the entries of RESP3 answers once more."""
    return entries[0] if entries and isinstance(entries[0], list) else entries
