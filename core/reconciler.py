"""Makes sure that accepted work is done although messages and workers may be lost.

Runs in every worker and API process, idempotent: frees jobs of dead workers, and repeats the hint
for queues that hold jobs but no message.
"""

import logging
import random
import threading
from typing import Any

from celery import Celery
from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

from core.errors import Unavailable
from core.jobs import JobStore
from core.queue import JOB_QUEUES, hint, key_prefix

PERIOD_SECONDS = 5.0
log = logging.getLogger(__name__)


class Reconciler:
    """A background thread; `stop` ends it at once."""

    def __init__(self, jobs: JobStore, celery: Celery, prefix: str) -> None:
        self.jobs = jobs
        self.celery = celery
        self.messages = key_prefix(prefix)
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="reconciler", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopped.set()

    def reconcile(self) -> None:
        """One round."""
        freed = self.jobs.reap()
        if freed:
            log.warning("%d jobs lost their worker and wait again", freed)
        for queue in JOB_QUEUES:
            pending: Any = self.jobs.client.llen(self.messages + queue)
            if pending == 0 and self.jobs.waiting(queue) > 0:
                hint(self.celery, queue)

    def _run(self) -> None:
        while not self._stopped.wait(PERIOD_SECONDS * random.uniform(0.5, 1.0)):
            try:
                self.reconcile()
            except (Unavailable, RedisError, OperationalError) as error:
                log.warning("reconciling waits for Redis: %s", error)
