"""How many generate workers are alive, as of a moment ago."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from redis.exceptions import RedisError

from core.connection import trouble
from core.errors import NoWorker
from core.queue import GENERATE
from core.schemas import WorkerInfo

POLL_SECONDS = 2.0
FRESH_SECONDS = 0.2  # when nobody is alive, a request looks again, but not more often
log = logging.getLogger(__name__)


class Workforce:
    """Polls the signs of life. `alive` is the blocking call that reads them."""

    def __init__(self, alive: Callable[[], list[WorkerInfo]]) -> None:
        self.size = 0
        self._alive = alive
        self.forget()
        self._lock = asyncio.Lock()

    async def require(self) -> None:
        """Raise NoWorker when nobody is alive."""
        if self.size == 0 and await self.look() == 0:
            raise NoWorker("No generate worker is alive; try again shortly.", retry_after=2)

    async def look(self) -> int:
        """Count again, a little later if that was done just now.

        The answer is never older than the question: a worker may have come since the last count.
        """
        asked = time.monotonic()
        async with self._lock:
            if self._looked >= asked:  # by somebody who asked at the same time
                return self.size
            await asyncio.sleep(max(0.0, self._looked + FRESH_SECONDS - asked))
            began = time.monotonic()
            try:
                workers = await asyncio.to_thread(self._alive)
                self.size = sum(GENERATE in worker.queues for worker in workers)
            except RedisError as error:
                log.warning("cannot count the workers: %s", trouble(error))
            self._looked = began
            return self.size

    def forget(self) -> None:
        """Let the next request look again at once."""
        self._looked = float("-inf")

    @asynccontextmanager
    async def watching(self, changed: Callable[[], None]) -> AsyncIterator[None]:
        """Poll in the background; `changed` is called when there are more workers."""

        async def poll() -> None:
            while True:
                before = self.size
                if await self.look() > before:
                    changed()
                await asyncio.sleep(POLL_SECONDS)

        task = asyncio.create_task(poll(), name="workforce")
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
