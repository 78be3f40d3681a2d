"""A generate worker without a network: takes batches from the real list and answers with text.

Or with a real studio (`artist`), in this process.
"""

import threading
from collections.abc import Iterator, Set
from contextlib import contextmanager
from typing import Any

from core.connection import connect
from core.errors import GanvasError
from core.generation import Batch, batches_key, pack_reply
from core.settings import Settings


class Studio:
    """`open` lets it work; `batches` is what it has taken.

    error: what it answers with, from its batch number `fails_after` on. lost: the numbers of
    batches, from 1 on, that it never answers. filler: bytes behind the text of each image. artist:
    who makes images instead, a worker.generate.Studio.
    """

    def __init__(
        self,
        settings: Settings,
        error: GanvasError | None = None,
        *,
        fails_after: int = 0,
        lost: Set[int] = frozenset(),
        filler: int = 0,
        artist: Any = None,
    ) -> None:
        self.batches: list[Batch] = []
        self.open = threading.Event()
        self.open.set()
        self.queue = batches_key(settings.prefix)
        self._stopped = threading.Event()
        self._error, self._fails_after = error, fails_after
        self._lost, self._filler, self._artist = lost, filler, artist
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
            if len(self.batches) not in self._lost:
                self._reply_client.rpush(batch.reply, self._reply(batch))

    def stop(self) -> None:
        self.open.set()
        self._stopped.set()

    def close(self) -> None:
        self._queue_client.close()
        self._reply_client.close()

    def _reply(self, batch: Batch) -> bytes:
        if self._error is not None and len(self.batches) > self._fails_after:
            return pack_reply({"id": batch.id, "ok": False, "error": self._error.record()}, [])
        if self._artist is not None:
            return self._painted(batch)
        end = bytes(self._filler)
        images = [f"{batch.digest} {picture.seeds}".encode() + end for picture in batch.pictures]
        timing = {"infer_ms": 8.0, "encode_ms": 1.0, "load_ms": 0.0}
        return pack_reply({"id": batch.id, "ok": True, "timing": timing}, images)

    def _painted(self, batch: Batch) -> bytes:
        try:
            images, timing = self._artist.serve(batch)
        except GanvasError as error:
            return pack_reply({"id": batch.id, "ok": False, "error": error.record()}, [])
        return pack_reply({"id": batch.id, "ok": True, "timing": timing}, images)


@contextmanager
def studio(
    settings: Settings, error: GanvasError | None = None, **behaviour: Any
) -> Iterator[Studio]:
    worker = Studio(settings, error, **behaviour)
    thread = threading.Thread(target=worker.run)
    thread.start()
    try:
        yield worker
    finally:
        worker.stop()
        thread.join(10)
        worker.close()


@contextmanager
def painting(settings: Settings) -> Iterator[Studio]:
    """A worker that makes real images, on one thread as a generate worker does."""
    import torch

    from worker.generate import Studio as Artist

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with studio(settings, artist=Artist(settings.home, 10**9, torch.device("cpu"))) as worker:
            yield worker
    finally:
        torch.set_num_threads(threads)
