"""Batches of images from their list, one after another for as long as they come.

A Celery message wakes the worker; then it looks at the list itself, because a batch that has to
pass through Celery takes longer than its images. When none has come for a while, Celery has the
worker back.
"""

import logging
import time
from collections.abc import Callable
from threading import Event
from typing import Any

from pydantic import ValidationError
from redis.exceptions import RedisError

from core.connection import trouble
from core.errors import GanvasError, Internal
from core.generation import Batch, batches_key
from core.pictures import Pictures

LOOK_SECONDS = 30.0  # without a batch, before the worker goes back to Celery
BLOCK_SECONDS = 1  # of one look: so soon the worker sees that it shall stop
RETRY_SECONDS = 0.5
Serve = Callable[[Batch], tuple[list[bytes], dict[str, Any]]]
log = logging.getLogger(__name__)


class Batches:
    """Serves the list of one prefix; `worker` is the name that replies carry."""

    def __init__(self, pictures: Pictures, prefix: str, worker: str, stopping: Event) -> None:
        self.client, self.pictures = pictures.client, pictures
        self.key = batches_key(prefix)
        self.worker = worker
        self.stopping = stopping

    def drain(self, serve: Serve, idle: Callable[[], None]) -> None:
        """Until none has come for LOOK_SECONDS, or the worker stops. `idle` is called when none
        comes for a moment."""
        until = time.monotonic() + LOOK_SECONDS
        while not self.stopping.is_set() and time.monotonic() < until:
            try:
                item: Any = self.client.blpop([self.key], timeout=BLOCK_SECONDS)
                if item is None:
                    idle()
                else:
                    self._take(item[1], serve)
                    until = time.monotonic() + LOOK_SECONDS
            except (RedisError, OSError) as error:
                log.warning("batches wait: %s (%s)", trouble(error), error)
                self.stopping.wait(RETRY_SECONDS)

    def _take(self, text: bytes, serve: Serve) -> None:
        """Make one batch and answer to the API process that waits for it."""
        try:
            batch = Batch.model_validate_json(text)
        except ValidationError as error:
            log.warning("a batch cannot be read: %s", error)
            return
        if batch.expires_at < time.time():
            return
        images, head = _answer(batch, serve)
        head |= {"id": batch.id, "worker": self.worker, "looks": LOOK_SECONDS}
        names = batch.kept_as if len(batch.kept_as) == len(images) else [None] * len(images)
        self.pictures.answer(batch.reply, head, images, names)


def _answer(batch: Batch, serve: Serve) -> tuple[list[bytes], dict[str, Any]]:
    """The images and the head of the reply."""
    try:
        images, timing = serve(batch)
        return images, {"ok": True, "timing": timing}
    except GanvasError as error:
        return [], {"ok": False, "error": error.record()}
    except Exception:
        log.exception("batch %s failed", batch.id)
        error = Internal("The image could not be made; the worker's log says why.")
        return [], {"ok": False, "error": error.record()}
