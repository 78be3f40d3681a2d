"""A few processes that decode images, so that a file that kills a decoder costs only itself.

A process takes a batch, then answers image by image: when it dies, the first unanswered image is
suspected; if a new process dies of it too, that image is to blame. Messages are JSON and plain
bytes, nothing that can be unpickled into something else.
"""

import json
import multiprocessing
import time
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from multiprocessing import forkserver
from multiprocessing.connection import Connection, wait
from types import TracebackType
from typing import Any, Self

from core.errors import NoImages
from worker.ingest.pictures import Picture, Unreadable, decode, square
from worker.sprites import Sprites, draw

CRASHED = "the decoder crashed on it"
TOO_SLOW = "took too long to decode"
MAX_CRASHES = 100
_BATCH_IMAGES = 16
_BATCH_BYTES = 1 << 22
_FILE, _SPRITE = b"f", b"s"


@dataclass(frozen=True, kw_only=True)
class Decoded:
    """One image in all resolutions: `pixels` is RGB, [res, res, 3] each, one after the other."""

    width: int
    height: int
    mode: str
    grey: bool
    pixels: bytes


@dataclass(frozen=True)
class Job:
    """Something to decode: the bytes of a file, or number `index` of an order of sprites."""

    slot: int
    message: bytes

    @classmethod
    def file(cls, slot: int, content: bytes) -> Self:
        return cls(slot, _FILE + content)

    @classmethod
    def sprite(cls, slot: int, order: Sprites) -> Self:
        return cls(slot, _SPRITE + json.dumps(asdict(order) | {"index": slot}).encode())


def serve(connection: Connection, max_pixels: int) -> None:
    """What a decoder process does until the other end is closed."""
    while True:
        try:
            order = json.loads(connection.recv_bytes())
            messages = [connection.recv_bytes() for _ in range(order["count"])]
            for message in messages:
                for part in _answer(message, tuple(order["resolutions"]), max_pixels):
                    connection.send_bytes(part)
        except (EOFError, BrokenPipeError, ConnectionResetError, KeyboardInterrupt):
            return


def _answer(message: bytes, resolutions: tuple[int, ...], max_pixels: int) -> Iterator[bytes]:
    kind, content = message[:1], message[1:]
    try:
        if kind == _FILE:
            picture = decode(content, resolutions, max_pixels)
        else:
            picture = _sprite(json.loads(content), resolutions)
    except Unreadable as error:
        yield json.dumps({"reason": str(error)}).encode()
        return
    head = {"width": picture.width, "height": picture.height}
    yield json.dumps(head | {"mode": picture.mode, "grey": picture.grey}).encode()
    yield b"".join(picture.pixels[side].tobytes() for side in resolutions)


def _sprite(order: dict[str, int], resolutions: tuple[int, ...]) -> Picture:
    side = order["resolution"]
    image, _ = draw(order["seed"], order["index"], side)
    pixels = {resolution: square(image, resolution) for resolution in resolutions}
    return Picture(width=side, height=side, mode="RGB", pixels=pixels, grey=False)


class _Decoder:
    """One process, seen from the parent."""

    def __init__(self, max_pixels: int, seconds: float) -> None:
        self.max_pixels = max_pixels
        self.seconds = seconds
        self.waiting: deque[Job] = deque()
        self.suspect: int | None = None  # the slot a process has died of once
        self.start()

    def start(self) -> None:
        context = multiprocessing.get_context("forkserver")
        self.connection, theirs = context.Pipe()
        self.process = context.Process(target=serve, args=(theirs, self.max_pixels), daemon=True)
        self.process.start()
        theirs.close()

    def stop(self) -> None:
        self.connection.close()
        self.process.kill()
        self.process.join()
        self.process.close()

    def send(self, jobs: Iterable[Job], resolutions: tuple[int, ...]) -> None:
        """Hand over a batch. If the process is gone, `receive` will notice."""
        self.resolutions = resolutions
        self.waiting.extend(jobs)
        self.deadline = time.monotonic() + self.seconds
        head: dict[str, Any] = {"count": len(self.waiting), "resolutions": resolutions}
        try:
            self.connection.send_bytes(json.dumps(head).encode())
            for job in self.waiting:
                self.connection.send_bytes(job.message)
        except (BrokenPipeError, ConnectionResetError):
            return

    def receive(self) -> tuple[int, Decoded | str] | None:
        """The next image, or the reason why there is none; None when the process has died."""
        try:
            head = json.loads(self.connection.recv_bytes())
            pixels = b"" if "reason" in head else self.connection.recv_bytes()
        except (EOFError, OSError):  # OSError too: it died within a message
            return None
        self.deadline = time.monotonic() + self.seconds
        slot = self.waiting.popleft().slot
        return slot, head["reason"] if "reason" in head else Decoded(pixels=pixels, **head)

    def restart(self) -> None:
        """Go on with a new process and all that still waits."""
        self.stop()
        self.start()
        waiting = list(self.waiting)
        self.waiting.clear()
        if waiting:
            self.send(waiting, self.resolutions)

    def give_up(self) -> int:
        """Go on without the first waiting image. Returns its slot."""
        slot = self.waiting.popleft().slot
        self.restart()
        return slot

    def died(self) -> int | None:
        """After a death: the slot to blame, or None when another process is to try it first."""
        slot = self.waiting[0].slot
        if slot == self.suspect:
            return self.give_up()
        self.suspect = slot
        self.restart()
        return None


class Decoders:
    """A pool of decoder processes, stopped at the end of its `with` block."""

    def __init__(self, *, processes: int, max_pixels: int, seconds: float) -> None:
        multiprocessing.get_context("forkserver").set_forkserver_preload(["__main__", __name__])
        forkserver.ensure_running()
        self.decoders = [_Decoder(max_pixels, seconds) for _ in range(processes)]
        self.crashes = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for decoder in self.decoders:
            decoder.stop()

    def run(
        self, jobs: Iterable[Job], resolutions: tuple[int, ...]
    ) -> Iterator[tuple[int, Decoded | str]]:
        """Decode all jobs: (slot, image or the reason why not), in the order of completion.

        `jobs` is read one batch ahead, so what is in memory stays bounded.
        """
        batches = _batches(jobs)
        spare = next(batches, None)
        while True:
            for decoder in self.decoders:
                if not decoder.waiting and spare is not None:
                    decoder.send(spare, resolutions)
                    spare = next(batches, None)
            busy = [decoder for decoder in self.decoders if decoder.waiting]
            if not busy:
                return
            ready = wait([decoder.connection for decoder in busy], timeout=1)
            for decoder in busy:
                if decoder.connection in ready:
                    yield from self._next(decoder)
                elif time.monotonic() > decoder.deadline:
                    yield decoder.give_up(), TOO_SLOW

    def _next(self, decoder: _Decoder) -> Iterator[tuple[int, Decoded | str]]:
        answer = decoder.receive()
        if answer is not None:
            yield answer
            return
        self.crashes += 1
        if self.crashes > MAX_CRASHES:
            raise NoImages("Too many of the files crashed the decoder: they are not to be trusted.")
        slot = decoder.died()
        if slot is not None:
            yield slot, CRASHED


def _batches(jobs: Iterable[Job]) -> Iterator[list[Job]]:
    batch: list[Job] = []
    size = 0
    for job in jobs:
        batch.append(job)
        size += len(job.message)
        if len(batch) >= _BATCH_IMAGES or size >= _BATCH_BYTES:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch
