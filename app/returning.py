"""Clients that were answered together mostly come back together: when a batch of several lands, the
next one waits for as many, but no longer than a part of the time that the landed one took."""

import asyncio
import time
from collections.abc import Callable

from core.generation import MAX_BATCH

SHARE = 0.1  # of the time of a landed batch: so long its clients are waited for,
LONGEST = 0.005  # but at most so many seconds


class Returning:
    """The clients of the batch that landed last. `go` is called when they were waited for in
    vain."""

    def __init__(self, go: Callable[[], None]) -> None:
        self._go = go
        self._images = 0  # that the batch had
        self._ends = 0.0  # until when its clients are waited for
        self._timer: asyncio.TimerHandle | None = None

    def landed(self, images: int, took: float) -> None:
        """A batch of so many images has been answered, after `took` seconds."""
        self._images = min(images, MAX_BATCH)
        self._ends = time.monotonic() + min(SHARE * took, LONGEST)

    def awaited(self, waiting: int) -> bool:
        """Whether it is too early to go with the images that wait now."""
        left = self._ends - time.monotonic()
        if waiting >= self._images or left <= 0:
            return False
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(left, self._waited)
        return True

    def close(self) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def _waited(self) -> None:
        self._timer = None
        self._go()
