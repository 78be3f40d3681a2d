"""Finished images from Redis. What is asked for in one moment is asked for together."""

import asyncio
import logging
import time
from typing import Any

import redis.asyncio
from redis.exceptions import RedisError

from core.connection import trouble
from core.pictures import PictureKeys

log = logging.getLogger(__name__)


class Shelf:
    """Looks images up by ETag. A server that does not answer has none."""

    def __init__(self, client: redis.asyncio.Redis, prefix: str, capacity: int) -> None:
        self.client = client  # not decoding
        self.keys = PictureKeys(prefix)
        self.capacity = capacity
        self._asked: dict[str, asyncio.Future[bytes | None]] = {}
        self.tasks: set[asyncio.Task[None]] = set()

    async def get(self, etag: str) -> bytes | None:
        """The bytes of an image that is kept."""
        if not self.capacity:
            return None
        loop = asyncio.get_running_loop()
        if not self._asked:
            loop.call_soon(self._ask)
        found = self._asked.setdefault(etag, loop.create_future())
        return await asyncio.shield(found)

    def _ask(self) -> None:
        asked, self._asked = self._asked, {}
        task = asyncio.create_task(self._look(asked), name="kept images")
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    async def _look(self, asked: dict[str, asyncio.Future[bytes | None]]) -> None:
        images: Any = [None] * len(asked)
        try:
            images = await self.client.mget([self.keys.image(etag) for etag in asked])
        except (RedisError, OSError) as error:
            log.warning("no kept images: %s", trouble(error))
        for future, image in zip(asked.values(), images, strict=True):
            future.set_result(image)
        found = [etag for etag, image in zip(asked, images, strict=True) if image is not None]
        if found:
            await self._used(found)

    async def _used(self, etags: list[str]) -> None:
        try:
            used: dict[Any, float] = dict.fromkeys(etags, time.time())
            await self.client.zadd(self.keys.index, used, xx=True)
        except (RedisError, OSError):
            return  # it only counts as older than it is
