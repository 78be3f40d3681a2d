"""A generate worker without a network: takes batches from the real list and answers with text."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from core.connection import connect
from core.errors import GanvasError
from core.generation import Batch, batches_key, pack_reply
from core.settings import Settings


class Studio:
    """`open` lets it work; `batches` is what it has taken."""

    def __init__(self, settings: Settings, error: GanvasError | None = None) -> None:
        self.batches: list[Batch] = []
        self.open = threading.Event()
        self.open.set()
        self.queue = batches_key(settings.prefix)
        self._stopped = threading.Event()
        self._error = error
        self._queue_client = connect(settings.redis_url)
        self._reply_client = connect(settings.redis_url, text=False)

    def run(self) -> None:
        while not self._stopped.is_set():
            item: Any = self._queue_client.blpop([self.queue], timeout=0.1)
            if item is None:
                continue
            batch = Batch.model_validate_json(item[1])
            self.batches.append(batch)
            self.open.wait()
            self._reply_client.rpush(batch.reply, self._reply(batch))

    def stop(self) -> None:
        self.open.set()
        self._stopped.set()

    def close(self) -> None:
        self._queue_client.close()
        self._reply_client.close()

    def _reply(self, batch: Batch) -> bytes:
        if self._error is not None:
            return pack_reply({"id": batch.id, "ok": False, "error": self._error.record()}, [])
        images = [f"{batch.digest} {picture.seeds}".encode() for picture in batch.pictures]
        timing = {"infer_ms": 8.0, "encode_ms": 1.0, "load_ms": 0.0}
        return pack_reply({"id": batch.id, "ok": True, "timing": timing}, images)


@contextmanager
def studio(settings: Settings, error: GanvasError | None = None) -> Iterator[Studio]:
    worker = Studio(settings, error)
    thread = threading.Thread(target=worker.run)
    thread.start()
    try:
        yield worker
    finally:
        worker.stop()
        thread.join(10)
        worker.close()
