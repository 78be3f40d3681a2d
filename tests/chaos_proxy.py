"""A bad network between a client and a server: a loopback TCP proxy that misbehaves on demand.

It runs in a thread of its own; every method returns when its effect is in place. A *chunk* is
what one read returns, which for Redis is usually one command or one reply.
"""

import asyncio
import socket
import struct
import threading
from collections.abc import Coroutine
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

T = TypeVar("T")
CHUNK = 1 << 16  # bytes of one read
RESET_ON_CLOSE = struct.pack("ii", 1, 0)  # SO_LINGER: on, for 0 seconds


class Link:
    """One accepted connection."""

    def __init__(self, client: asyncio.StreamWriter) -> None:
        self.client = client
        self.task = asyncio.current_task()
        self.frozen = False


class ChaosProxy:
    """Forwards 127.0.0.1:`port` to `upstream`: (host, port), or the path of a unix socket."""

    def __init__(self, upstream: tuple[str, int] | Path) -> None:
        self.upstream = upstream
        self.port = 0
        self.connections = 0  # accepted so far
        self._links: set[Link] = set()
        self._delay = 0.0
        self._reset_every = 0
        self._commands = 0
        self._listener: asyncio.Server | None = None
        self._flowing = asyncio.Event()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="proxy", daemon=True)

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def __enter__(self) -> Self:
        self._thread.start()
        self.forward()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        self.refuse()
        self.cut()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    def forward(self, *, delay: float = 0.0, reset_every: int = 0) -> None:
        """Work: `delay` seconds late per chunk; `reset_every` n-th command is forwarded, and
        its client gets an RST instead of the answer. Ends `blackhole` and `refuse`."""
        self._call(self._forward(delay, reset_every))

    def blackhole(self) -> None:
        """Accept and keep connections, and forward nothing, until `forward`."""
        self._call(self._blackhole())

    def freeze(self) -> None:
        """The connections of this moment stay open and never carry anything again."""
        self._call(self._freeze())

    def refuse(self) -> None:
        """Accept no new connections, until `forward`."""
        self._call(self._refuse())

    def cut(self) -> None:
        """Close the connections of this moment."""
        self._call(self._cut())

    def _call(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(10)

    async def _forward(self, delay: float, reset_every: int) -> None:
        self._delay, self._reset_every, self._commands = delay, reset_every, 0
        self._flowing.set()
        if self._listener is None:
            self._listener = await asyncio.start_server(self._accept, "127.0.0.1", self.port)
            self.port = self._listener.sockets[0].getsockname()[1]

    async def _blackhole(self) -> None:
        self._flowing.clear()

    async def _freeze(self) -> None:
        for link in self._links:
            link.frozen = True

    async def _refuse(self) -> None:
        if self._listener:
            self._listener.close()
        self._listener = None

    async def _cut(self) -> None:
        tasks = [link.task for link in self._links if link.task]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        link = Link(writer)
        self._links.add(link)
        try:
            await self._passage(link)
            await self._join(link, reader)
        except (OSError, asyncio.CancelledError):  # the server is not there, or it is cut
            pass
        finally:
            self._links.discard(link)
            writer.close()

    async def _join(self, link: Link, reader: asyncio.StreamReader) -> None:
        """Carry both directions until both have ended."""
        answers, server = await self._dial()
        try:
            async with asyncio.TaskGroup() as both:
                both.create_task(self._carry_commands(link, reader, server))
                both.create_task(self._carry_answers(link, answers))
        except* OSError:  # either side is gone: so is the other
            pass
        finally:
            server.close()

    async def _dial(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if isinstance(self.upstream, Path):
            return await asyncio.open_unix_connection(self.upstream)
        return await asyncio.open_connection(*self.upstream)

    async def _carry_commands(
        self, link: Link, reader: asyncio.StreamReader, server: asyncio.StreamWriter
    ) -> None:
        while chunk := await reader.read(CHUNK):
            await self._passage(link)
            server.write(chunk)
            await server.drain()
            self._commands += 1
            if self._reset_every and self._commands % self._reset_every == 0:
                reset(link.client)
                break
        await self._passage(link)
        server.write_eof()  # so that the server still executes what it was sent

    async def _carry_answers(self, link: Link, answers: asyncio.StreamReader) -> None:
        while chunk := await answers.read(CHUNK):
            await self._passage(link)
            if not link.client.is_closing():
                link.client.write(chunk)
                await link.client.drain()
        await self._passage(link)
        link.client.close()  # ends the other direction's read, too

    async def _passage(self, link: Link) -> None:
        """Return when the network lets this link's next chunk through."""
        await self._flowing.wait()
        if link.frozen:
            await asyncio.Event().wait()  # for ever, until it is cut
        if self._delay:
            await asyncio.sleep(self._delay)


def reset(writer: asyncio.StreamWriter) -> None:
    """Close with an RST."""
    connection: socket.socket = writer.get_extra_info("socket")
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
    writer.transport.abort()
