"""The way of a batch to the workers and back.

There: the list of batches, and a Celery message for the workers that do not look at it just now.
Back: this process's own list, read by one connection.
"""

import asyncio
import logging
import secrets
import struct
import time
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import Any

import redis.asyncio
from celery import Celery
from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

from app.workforce import Workforce
from core.connection import connect_async, trouble
from core.generation import Batch, batches_key, reply_key, unpack_reply
from core.queue import GENERATE, hint
from core.settings import Settings

BLOCK_SECONDS = 5.0
RETRY_SECONDS = 0.2
HINT_SECONDS = 1.0  # between two hints for workers that are said to sleep
MARGIN = 1.0  # seconds before a worker's own time is over from which on it counts as asleep
Answered = Callable[[dict[str, Any], list[bytes]], None]
log = logging.getLogger(__name__)


class Courier:
    """Sends batches and hands over replies."""

    def __init__(self, settings: Settings, celery: Celery, workforce: Workforce) -> None:
        self.celery = celery
        self.workforce = workforce
        self.url = settings.redis_url
        self.batches = batches_key(settings.prefix)
        self.reply = reply_key(settings.prefix, secrets.token_hex(8))
        self.client = connect_async(self.url, text=False)
        self._awake: dict[str, float] = {}  # until when, at least, a worker looks at the list
        self._next_hint = 0.0
        self._turn = asyncio.Lock()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="courier")  # Celery's client blocks

    async def send(self, batch: Batch, again: bool) -> None:
        """Put the batch into the list and wake who sleeps. Raises RedisError."""
        async with self._turn:  # what leaves first is first in the list
            push: Any = self.client.rpush(self.batches, batch.model_dump_json())
            await push
        hints = self._sleeping(time.monotonic(), again)
        if hints:
            await asyncio.get_running_loop().run_in_executor(self._thread, self._wake, hints)

    def deliver(self, data: bytes, answered: Answered) -> None:
        """Unpack one reply; what is none is dropped, and its batch is sent again in time."""
        try:
            head, images = unpack_reply(data)
            if "worker" in head:
                self._awake[head["worker"]] = time.monotonic() + float(head["looks"]) - MARGIN
        except (ValueError, KeyError, TypeError, struct.error) as error:
            log.warning("a reply cannot be read: %s", error)
            return
        answered(head, images)

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
            await self.client.aclose()
            self._thread.shutdown(wait=False, cancel_futures=True)

    def _sleeping(self, now: float, again: bool) -> int:
        """How many workers to wake. A batch that got no answer wakes one in any case."""
        alive = self.workforce.names
        self._awake = {w: until for w, until in self._awake.items() if w in alive and until > now}
        sleeping = max(len(alive) - len(self._awake), 1 if again or not alive else 0)
        if not again and self._awake and now < self._next_hint:
            return 0
        if sleeping:
            self._next_hint = now + HINT_SECONDS
        return sleeping

    def _wake(self, hints: int) -> None:
        try:
            for _ in range(hints):
                hint(self.celery, GENERATE)
        except (OperationalError, RedisError, OSError) as error:
            log.warning("no hint for %s: %s", GENERATE, error)

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
                self.deliver(item[1], answered)
