"""Signs of life: each worker repeats what it is and what it can do; silence removes it."""

import contextlib
import json
import logging
from datetime import UTC, datetime
from typing import Any

import redis
from pydantic import Field, ValidationError
from redis.exceptions import ResponseError

from core.keys import Keys
from core.schemas import Answer

TTL_SECONDS = 15
OFFER_SECONDS = 24 * 3600
BEAT_SECONDS = 3
log = logging.getLogger(__name__)


class WorkerInfo(Answer):
    """What a living worker says of itself every few seconds."""

    id: str
    queues: list[str]
    pid: int
    host: str
    started_at: datetime
    heartbeat_at: datetime | None = Field(default=None, description="Of its last sign of life.")
    device: str | None = None
    kind: str | None = Field(
        default=None, description="Of a generate worker: equal kinds of device make equal bytes."
    )
    bitwise: bool = Field(
        default=True, description="Whether images keep their bits whatever is made beside them."
    )
    loaded: list[dict[str, Any]] = Field(
        default_factory=list, description="Models in memory, last used last, and their bytes."
    )
    memory: int | None = Field(default=None, description="Bytes that the process occupies.")
    catalogue: dict[str, Any] | None = None
    extras: list[str] | None = Field(
        default=None, description="Of a prepare worker: optional parts that are installed."
    )


class Presence:
    """Which workers are alive. The catalogue of architectures, losses and options is theirs."""

    def __init__(self, client: redis.Redis, keys: Keys) -> None:
        self.client = client
        self.index = f"{keys.root}workers"
        self.prefix = f"{keys.root}worker:"
        self.offered = f"{keys.root}catalogue"

    def announce(self, worker: WorkerInfo) -> None:
        now = datetime.now(UTC)
        said = worker.model_copy(update={"heartbeat_at": now}).model_dump_json()
        pipe = self.client.pipeline(transaction=True)
        pipe.set(self.prefix + worker.id, said, ex=TTL_SECONDS)
        pipe.zadd(self.index, {worker.id: now.timestamp()})
        if worker.catalogue is not None:
            pipe.set(self.offered, json.dumps(worker.catalogue), ex=OFFER_SECONDS)
        pipe.execute()

    def leave(self, worker_id: str) -> None:
        self.client.delete(self.prefix + worker_id)
        self.client.zrem(self.index, worker_id)

    def catalogue(self) -> dict[str, Any] | None:
        """What can be trained, as the newest train worker announces it.

        When none lives, what the last one of the day announced: the next one takes the job.
        """
        offers = [worker for worker in self.alive() if worker.catalogue is not None]
        if offers:
            return max(offers, key=lambda worker: worker.started_at).catalogue
        text: Any = self.client.get(self.offered)
        return None if text is None else json.loads(text)

    def alive(self) -> list[WorkerInfo]:
        """The workers whose last word is younger than TTL_SECONDS."""
        ids: Any = self.client.zrange(self.index, 0, -1)
        if not ids:
            return []
        texts: Any = self.client.mget([self.prefix + worker_id for worker_id in ids])
        gone = [worker_id for worker_id, text in zip(ids, texts, strict=True) if text is None]
        if gone:
            with contextlib.suppress(ResponseError):  # a full server can still be asked
                self.client.zrem(self.index, *gone)
        return [worker for text in texts if text is not None and (worker := _readable(text))]


def _readable(text: str) -> WorkerInfo | None:
    """None for the sign of life of a worker of another release, which says other things."""
    try:
        return WorkerInfo.model_validate_json(text)
    except ValidationError as error:
        log.warning("a worker's sign of life cannot be read: %s", error)
        return None
