"""What one API process holds while it runs: settings, clients, stores, batcher, reconciler."""

import logging
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass

import redis
import redis.asyncio
from celery import Celery
from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

from app.batcher import Batcher, Send
from app.counters import BATCHES, Counters
from app.replies import Courier
from app.room import Meter
from app.shelf import Shelf
from app.sse import STEP_SECONDS, Streams
from app.workforce import Workforce
from core.connection import connect, connect_async, require_supported
from core.datasets import DatasetStore
from core.generation import Batch
from core.incoming import Incoming
from core.jobs import JobStore
from core.presence import Presence
from core.queue import celery_app, hint
from core.reconciler import Reconciler
from core.registry import ModelStore
from core.schemas import JobKind
from core.settings import Settings

MAX_ZIPS = 16
log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Services:
    settings: Settings
    jobs: JobStore
    datasets: DatasetStore
    incoming: Incoming
    models: ModelStore
    presence: Presence
    celery: Celery
    waiting: redis.asyncio.Redis  # for blocking reads of event streams
    streams: Streams
    zips: Streams  # of images, as they are sent
    batcher: Batcher
    shelf: Shelf
    meter: Meter
    counters: Counters

    def hint(self, kind: JobKind) -> None:
        """Wake a worker. When that fails the reconciler does it later."""
        self.wake(kind.queue)

    def wake(self, queue: str) -> None:
        """Tell a worker of this queue to look for work."""
        try:
            hint(self.celery, queue)
        except (OperationalError, RedisError, OSError) as error:
            log.warning("no hint for %s: %s", queue, error)


@asynccontextmanager
async def open_services(settings: Settings) -> AsyncIterator[Services]:
    """Connect, start what runs in the background, and end it afterwards."""
    home = settings.folders
    home.create()
    with _reconciled(settings) as (jobs, celery):
        presence = Presence(jobs.client, jobs.keys)
        waiting = connect_async(settings.redis_url, block=STEP_SECONDS)
        workforce = Workforce(presence.alive)
        courier = Courier(settings, celery, workforce)
        streams, zips = Streams(), Streams(MAX_ZIPS, "try again when one of them has ended")
        counters = Counters(
            courier.client, jobs.keys, lambda: {"events": streams.open, "zips": zips.open}
        )
        send = _counted(courier.send, counters)
        batcher = Batcher(send, courier.reply, workforce, settings.generate_deadline)
        try:
            async with (
                workforce.watching(batcher.pump),
                courier.receiving(batcher.answered),
                counters.sharing(),
            ):
                yield Services(
                    settings=settings,
                    jobs=jobs,
                    datasets=DatasetStore(home),
                    incoming=Incoming(home),
                    models=ModelStore(home),
                    presence=presence,
                    celery=celery,
                    waiting=waiting,
                    streams=streams,
                    zips=zips,
                    batcher=batcher,
                    shelf=Shelf(courier.client, settings.prefix, settings.cache_bytes),
                    meter=Meter(home),
                    counters=counters,
                )
        finally:
            batcher.close()
            await waiting.aclose()


@contextmanager
def _reconciled(settings: Settings) -> Iterator[tuple[JobStore, Celery]]:
    """The jobs and the way to the workers, with somebody who puts right what gets lost."""
    client = connect(settings.redis_url)
    _check(client)
    jobs = JobStore(client, settings.prefix, settings.folders, settings.lease_seconds)
    celery = celery_app(settings.redis_url, settings.prefix)
    reconciler = Reconciler(jobs, celery, settings)
    reconciler.start()
    try:
        yield jobs, celery
    finally:
        reconciler.stop()
        celery.close()
        client.close()


def _counted(send: Send, counters: Counters) -> Send:
    """`send`, which also counts the images of each batch."""

    async def counted(batch: Batch, again: bool) -> None:
        if not again:
            counters.observe(BATCHES, sum(picture.images for picture in batch.pictures))
        await send(batch, again)

    return counted


def _check(client: redis.Redis) -> None:
    """Refuse a server that is known to be unfit; one that does not answer may still come."""
    try:
        require_supported(client)
    except RedisError as error:
        log.warning("Redis does not answer yet: %s", error)
