"""Signs of life: each worker repeats what it is and what it can do; silence removes it."""

import logging
import time
from typing import Any

import redis
from pydantic import ValidationError

from core.keys import Keys
from core.schemas import WorkerInfo

TTL_SECONDS = 15
BEAT_SECONDS = 3
log = logging.getLogger(__name__)


class Presence:
    """Which workers are alive. The catalogue of architectures, losses and options is theirs."""

    def __init__(self, client: redis.Redis, keys: Keys) -> None:
        self.client = client
        self.index = f"{keys.root}workers"
        self.prefix = f"{keys.root}worker:"

    def announce(self, worker: WorkerInfo) -> None:
        pipe = self.client.pipeline(transaction=True)
        pipe.set(self.prefix + worker.id, worker.model_dump_json(), ex=TTL_SECONDS)
        pipe.zadd(self.index, {worker.id: time.time()})
        pipe.execute()

    def leave(self, worker_id: str) -> None:
        self.client.delete(self.prefix + worker_id)
        self.client.zrem(self.index, worker_id)

    def alive(self) -> list[WorkerInfo]:
        """The workers whose last word is younger than TTL_SECONDS."""
        ids: Any = self.client.zrange(self.index, 0, -1)
        if not ids:
            return []
        texts: Any = self.client.mget([self.prefix + worker_id for worker_id in ids])
        gone = [worker_id for worker_id, text in zip(ids, texts, strict=True) if text is None]
        if gone:
            self.client.zrem(self.index, *gone)
        return [worker for text in texts if text is not None and (worker := _readable(text))]


def _readable(text: str) -> WorkerInfo | None:
    """None for the sign of life of a worker of another release, which says other things."""
    try:
        return WorkerInfo.model_validate_json(text)
    except ValidationError as error:
        log.warning("a worker's sign of life cannot be read: %s", error)
        return None


def catalogue(workers: list[WorkerInfo]) -> dict[str, Any] | None:
    """What the living workers can train, as the newest of them announces it."""
    offers = [worker for worker in workers if worker.catalogue is not None]
    return max(offers, key=lambda worker: worker.started_at).catalogue if offers else None
