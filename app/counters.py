"""What the API processes of a service count, added up in Redis every few seconds.

Whichever process is asked for the sums, they are those of all, also of processes that have ended.
Counting is adding to a dictionary: it costs an image less than a thousandth of its time.
"""

import asyncio
import json
import logging
import secrets
from bisect import bisect_left
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any, cast

import redis
import redis.asyncio
from redis.exceptions import RedisError, ResponseError

from core.connection import trouble
from core.keys import Keys

SHARE_SECONDS = 2.0
SILENT_SECONDS = 15  # after which a process counts as gone
END_SECONDS = 1.0
BETWEEN = "|"
log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Scale:
    """Where the buckets of a histogram end, and what its sum is counted in."""

    name: str
    edges: Sequence[float]
    unit: float = 1.0


SECONDS = (0.001, 0.002, 0.003, 0.005, 0.0075, 0.01, 0.015, 0.02, 0.03, 0.05, 0.075, 0.1, 0.15)
SECONDS += (0.2, 0.3, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 5.0, 7.5, 10.0, 15.0, 20.0, 30.0)
IMAGE_TIMES = Scale(name="image_seconds", edges=SECONDS, unit=1e-6)
BATCHES = Scale(name="batch_images", edges=(1, 2, 3, 4, 6, 8, 12, 16, 32, 64))


@dataclass(frozen=True, kw_only=True)
class Sums:
    """What all processes have counted, and the gauges of those that live."""

    counts: Mapping[tuple[str, ...], int]
    gauges: Sequence[Mapping[str, int]]

    def labelled(self, name: str) -> dict[tuple[str, ...], int]:
        """One counter by the values of its labels."""
        return {key[1:]: number for key, number in self.counts.items() if key[0] == name}

    def gauge(self, name: str) -> int:
        return sum(each.get(name, 0) for each in self.gauges)


class Counters:
    """One per API process. `gauges` reads what is now, such as how many streams are open."""

    def __init__(
        self, client: redis.asyncio.Redis, keys: Keys, gauges: Callable[[], dict[str, int]]
    ) -> None:
        self._client = client
        self._keys = keys
        self._gauges = gauges
        self._own = secrets.token_hex(8)
        self._new: dict[tuple[str, ...], int] = {}

    def add(self, *name: str, number: int = 1) -> None:
        """Count one more. `name`: of the counter, then the values of its labels."""
        self._new[name] = self._new.get(name, 0) + number

    def observe(self, scale: Scale, value: float) -> None:
        """One more value of a histogram; at an edge it belongs below."""
        self.add(scale.name, str(bisect_left(scale.edges, value)))
        self.add(scale.name, "sum", number=round(value / scale.unit))

    async def share(self, *, leaving: bool = False) -> None:
        """Add what is new to the sums. Raises RedisError, OSError; then it stays new."""
        new, self._new = self._new, {}
        pipe = self._client.pipeline(transaction=True)
        for name, number in new.items():
            pipe.hincrby(self._keys.sums, BETWEEN.join(name), number)
        if leaving:
            pipe.delete(self._keys.api(self._own))
        else:
            pipe.set(self._keys.api(self._own), json.dumps(self._gauges()), ex=SILENT_SECONDS)
            pipe.sadd(self._keys.apis, self._own)
        try:
            await pipe.execute()
        except (RedisError, OSError):
            for name, number in new.items():
                self.add(*name, number=number)
            raise

    @asynccontextmanager
    async def sharing(self) -> AsyncIterator[None]:
        """Share in the background, and once more at the end."""
        ended = asyncio.Event()
        task = asyncio.create_task(self._share_until(ended), name="counters")
        try:
            yield
        finally:
            ended.set()
            await asyncio.wait([task], timeout=END_SECONDS)
            task.cancel()

    async def _share_until(self, ended: asyncio.Event) -> None:
        leaving = False
        while not leaving:
            with suppress(TimeoutError):
                async with asyncio.timeout(SHARE_SECONDS):
                    await ended.wait()
            leaving = ended.is_set()
            try:
                await self.share(leaving=leaving)
            except (RedisError, OSError) as error:
                log.debug("counts wait: %s", trouble(error))


def read_sums(client: redis.Redis, keys: Keys) -> Sums:
    """What was shared so far. Processes that are silent are forgotten. Raises RedisError."""
    counts: Any = client.hgetall(keys.sums)
    apis: Any = sorted(cast(set[str], client.smembers(keys.apis)))
    told: Any = client.mget([keys.api(own) for own in apis]) if apis else []
    gone = [own for own, text in zip(apis, told, strict=True) if text is None]
    if gone:
        with suppress(ResponseError):  # a full server can still be asked
            client.srem(keys.apis, *gone)
    return Sums(
        counts={tuple(name.split(BETWEEN)): int(number) for name, number in counts.items()},
        gauges=[json.loads(text) for text in told if text is not None],
    )
