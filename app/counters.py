"""What the API processes of a service count, added up in Redis every few seconds.

Whichever process is asked for the sums, they are those of all, also of processes that have ended.
Counting is adding to a dictionary: it costs an image less than a thousandth of its time.
"""

import asyncio
import json
import logging
import secrets
import time
from bisect import bisect_left
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import redis
import redis.asyncio
from redis.exceptions import RedisError

from core.connection import trouble
from core.keys import Keys

SHARE_SECONDS = 2.0
SILENT_SECONDS = 15.0  # after which a process counts as gone
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
        return sum(each[name] for each in self.gauges)


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

    async def share(self) -> None:
        """Add what is new to the sums. Raises RedisError, OSError; then it stays new."""
        new, self._new = self._new, {}
        pipe = self._client.pipeline(transaction=True)
        for name, number in new.items():
            pipe.hincrby(self._keys.sums, BETWEEN.join(name), number)
        gauges = json.dumps({"at": time.time(), "gauges": self._gauges()})
        pipe.hset(self._keys.apis, self._own, gauges)
        try:
            await pipe.execute()
        except (RedisError, OSError):
            for name, number in new.items():
                self.add(*name, number=number)
            raise

    @asynccontextmanager
    async def sharing(self) -> AsyncIterator[None]:
        """Share in the background, and once more at the end."""
        task = asyncio.create_task(self._share_on(), name="counters")
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            try:
                async with asyncio.timeout(END_SECONDS):
                    await self.share()
                    await self._client.hdel(self._keys.apis, self._own)  # type: ignore[misc]
            except (RedisError, OSError) as error:  # a TimeoutError is one
                log.warning("the last counts are lost: %s", trouble(error))

    async def _share_on(self) -> None:
        while True:
            await asyncio.sleep(SHARE_SECONDS)
            try:
                await self.share()
            except (RedisError, OSError) as error:
                log.debug("counts wait: %s", trouble(error))


def read_sums(client: redis.Redis, keys: Keys) -> Sums:
    """What was shared so far. Processes that are silent are forgotten. Raises RedisError."""
    counts: Any = client.hgetall(keys.sums)
    told: Any = client.hgetall(keys.apis)
    found = {own: json.loads(text) for own, text in told.items()}
    oldest = time.time() - SILENT_SECONDS
    gone = [own for own, said in found.items() if said["at"] < oldest]
    if gone:
        client.hdel(keys.apis, *gone)
    return Sums(
        counts={tuple(name.split(BETWEEN)): int(number) for name, number in counts.items()},
        gauges=[said["gauges"] for own, said in found.items() if own not in gone],
    )
