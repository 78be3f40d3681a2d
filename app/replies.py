"""The way of a batch to the workers and back: one thread that sends, one connection that receives.

Celery's client blocks, so it has a thread; the answers come to this process's own list.
"""

import asyncio
import logging
import secrets
import struct
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import Any

import redis.asyncio
from celery import Celery
from redis.exceptions import RedisError

from core.connection import connect_async, trouble
from core.generation import Batch, reply_key, unpack_reply
from core.queue import send_batch
from core.settings import Settings

BLOCK_SECONDS = 5.0
RETRY_SECONDS = 0.2
Answered = Callable[[dict[str, Any], list[bytes]], None]
log = logging.getLogger(__name__)


class Courier:
    """Sends batches and hands over replies."""

    def __init__(self, settings: Settings, celery: Celery) -> None:
        self.celery = celery
        self.url = settings.redis_url
        self.reply = reply_key(settings.prefix, secrets.token_hex(8))
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="courier")

    async def send(self, batch: Batch, expires: float) -> None:
        """Put the batch into the queue. Raises what Celery raises."""
        loop = asyncio.get_running_loop()
        message = batch.model_dump(mode="json")
        await loop.run_in_executor(self._thread, send_batch, self.celery, message, expires)

    @asynccontextmanager
    async def receiving(self, answered: Answered) -> AsyncIterator[None]:
        """Hand every reply to `answered`, in the background."""
        client = connect_async(self.url, block=BLOCK_SECONDS, text=False)
        task = asyncio.create_task(self._receive(client, answered), name="replies")
        try:
            yield
        finally:
            while not task.done():  # wait_for of Python 3.11, in redis-py, may swallow one
                task.cancel()
                await asyncio.wait([task], timeout=0.5)
            await client.aclose()
            self._thread.shutdown(wait=False, cancel_futures=True)

    async def _receive(self, client: redis.asyncio.Redis, answered: Answered) -> None:
        told = ""  # the same trouble once, not with every try
        while True:
            try:
                item: Any = await client.blpop([self.reply], timeout=BLOCK_SECONDS)
            except (RedisError, OSError) as error:
                if trouble(error) != told:
                    told = trouble(error)
                    log.warning("replies wait: %s (%s)", told, error)
                await asyncio.sleep(RETRY_SECONDS)
                continue
            if told:
                log.warning("replies come again")
            told = ""
            if item is not None:
                deliver(item[1], answered)


def deliver(data: bytes, answered: Answered) -> None:
    """Unpack one reply; what is none is dropped, and the batch is asked for again in time."""
    try:
        head, images = unpack_reply(data)
    except (ValueError, KeyError, TypeError, struct.error) as error:
        log.warning("a reply cannot be read: %s", error)
        return
    answered(head, images)
