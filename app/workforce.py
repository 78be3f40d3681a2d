"""Which generate workers are alive, as of a moment ago."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from redis.exceptions import RedisError

from core.connection import trouble
from core.errors import NoWorker
from core.generation import Picture
from core.presence import WorkerInfo
from core.queue import GENERATE
from core.schemas import Model

POLL_SECONDS = 2.0
FRESH_SECONDS = 0.2  # when nobody is alive, a request looks again, but not more often
log = logging.getLogger(__name__)


class Workforce:
    """Polls the signs of life. `alive` is the blocking call that reads them."""

    def __init__(self, alive: Callable[[], list[WorkerInfo]]) -> None:
        self.names: frozenset[str] = frozenset()
        self.kinds: tuple[str, ...] = ()  # of devices, as last seen
        self.bitwise = True
        self._alive = alive
        self.forget()
        self._lock = asyncio.Lock()

    @property
    def size(self) -> int:
        return len(self.names)

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
                self._count([worker for worker in workers if GENERATE in worker.queues])
            except RedisError as error:
                log.warning("cannot count the workers: %s", trouble(error))
            self._looked = began
            return self.size

    @property
    def level(self) -> str:
        """The reproducibility of the images that are made now."""
        if not self.kinds:
            return "unknown"
        return "bitwise" if self.bitwise and len(self.kinds) == 1 else "tolerance"

    def tag(self, picture: Picture, model: Model) -> str:
        """The ETag of a picture as these workers make it; weak when their bytes may differ."""
        tag = picture.etag(model, " ".join(self.kinds))
        return f"W/{tag}" if self.level == "tolerance" else tag

    def _count(self, workers: list[WorkerInfo]) -> None:
        self.names = frozenset(worker.id for worker in workers)
        if workers:  # without any, what they made is still theirs
            self.kinds = tuple(sorted({worker.kind for worker in workers if worker.kind}))
            self.bitwise = all(worker.bitwise for worker in workers)

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
