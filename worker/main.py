"""The entrance of the workers: Celery tasks that wake the runner or the image studio.

`celery -A worker.main worker -Q train|prepare|generate`. This module is an entrance: importing it
reads the environment. What needs torch is imported by the workers of the queues that use it.
"""

import json
import logging
import os
import socket
import subprocess
import sys
import threading
from datetime import UTC, datetime
from typing import Any

from celery import Celery, signals
from redis.exceptions import RedisError

from core.connection import connect
from core.crashpoints import arm
from core.extras import installed
from core.jobs import JobStore
from core.pictures import Pictures
from core.pins import pinned_folders
from core.presence import BEAT_SECONDS, Presence, WorkerInfo
from core.queue import GENERATE, PREPARE, TRAIN, celery_app
from core.reconciler import Reconciler
from core.registry import ModelStore
from core.retention import Retention
from core.settings import Settings
from worker.batches import Batches
from worker.kinds import kinds
from worker.machine import resident_bytes
from worker.runner import Runner

CATALOGUE_SECONDS = 120
log = logging.getLogger(__name__)


class Workshop:
    """What one worker process holds: its stores, its runner or studio, and its sign of life."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.stopping = threading.Event()
        self.owner = f"{socket.gethostname()}-{os.getpid()}"
        self.client = connect(settings.redis_url)
        home = settings.folders
        self.models = ModelStore(home)
        self.jobs = JobStore(self.client, settings.prefix, home, settings.lease_seconds)
        self.runner = Runner(
            self.jobs,
            home,
            kinds(home, Retention(self.jobs, settings.keep_versions).after_publication),
            self.owner,
            self.stopping,
            stall_seconds=settings.stall_seconds,
            disk_patience=settings.train_disk_patience,
        )
        self.presence = Presence(self.client, self.jobs.keys)
        images = connect(settings.redis_url, text=False)
        self.pictures = Pictures(images, settings.prefix, settings.cache_bytes)
        self.batches = Batches(self.pictures, settings.prefix, self.owner, self.stopping)
        self.studio: Any = None  # worker.generate.Studio, made by the generate workers only

    def open(self, app: Celery, queues: list[str]) -> None:
        """Begin: warm up, show a first sign of life, and keep showing it."""
        self.settings.folders.create()
        info = WorkerInfo(
            id=self.owner,
            queues=queues,
            pid=os.getpid(),
            host=socket.gethostname(),
            started_at=datetime.now(UTC),
            **self._equip(queues),
        )
        Reconciler(self.jobs, app, self.settings).start()
        threading.Thread(target=self._live, args=(info,), name="presence", daemon=True).start()

    def close(self) -> None:
        self.stopping.set()

    def serve(self) -> None:
        """Make images for as long as they are asked for."""
        self.batches.drain(self.studio.serve, self._pin)

    def _pin(self) -> None:
        self.studio.pin(pinned_folders(self.models))

    def _equip(self, queues: list[str]) -> dict[str, Any]:
        """Import what the queues need; answers what the sign of life says about it."""
        facts: dict[str, Any] = {}
        if GENERATE in queues:
            from worker.studio import open_studio

            self.studio = open_studio(self.settings)
            self._pin()
            self.pictures.make_room()
            facts["device"] = str(self.studio.device)
            facts["kind"], facts["bitwise"] = self.studio.kind.name, self.studio.kind.bitwise
        if PREPARE in queues:
            facts["extras"] = installed()
        if TRAIN in queues:
            facts["catalogue"] = catalogue()
            facts["device"] = facts["catalogue"]["device"]
        return facts

    def _held(self) -> dict[str, Any]:
        """What changes of the sign of life."""
        loaded = list(self.studio.held) if self.studio is not None else []
        return {"memory": resident_bytes(), "loaded": loaded}

    def _live(self, info: WorkerInfo) -> None:
        while True:
            try:
                self.presence.announce(info.model_copy(update=self._held()))
            except RedisError as error:
                log.warning("no sign of life could be given: %s", error)
            if self.stopping.wait(BEAT_SECONDS):
                break
        self.presence.leave(info.id)


def catalogue() -> dict[str, Any]:
    """What can be trained. A process of its own says it: torch would stay in memory here, where
    only the children of jobs need it."""
    argv = [sys.executable, "-m", "worker.catalogue"]
    told = subprocess.run(argv, stdout=subprocess.PIPE, check=True, timeout=CATALOGUE_SECONDS)
    return json.loads(told.stdout)


settings = Settings()
arm(settings.crash_at, settings.home)
app = celery_app(settings.redis_url, settings.prefix)
workshop = Workshop(settings)


@app.task(name=f"ganvas.{TRAIN}")
def train() -> None:
    workshop.runner.drain(TRAIN)


@app.task(name=f"ganvas.{PREPARE}")
def prepare() -> None:
    workshop.runner.drain(PREPARE)


@app.task(name=f"ganvas.{GENERATE}")
def generate() -> None:
    workshop.serve()


@signals.worker_ready.connect
def _opened(sender: Any, **_: Any) -> None:
    try:
        workshop.open(app, list(sender.app.amqp.queues.consume_from))
    except Exception:  # Celery would go on with a worker that never shows itself
        log.exception("the worker cannot start")
        os._exit(1)


@signals.worker_shutting_down.connect
def _closing(**_: Any) -> None:
    workshop.close()
