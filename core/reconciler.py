"""Makes sure that accepted work is done although messages, workers and records may be lost.

Runs in every worker and API process, idempotent: frees jobs of dead workers, rebuilds records that
Redis lost, writes ends to disk, repeats the hint for queues that hold jobs but no message, and now
and then tidies up.
"""

import logging
import random
import threading
import time
from typing import Any

from celery import Celery
from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

from core.errors import Unavailable
from core.janitor import Janitor
from core.jobs import JobStore
from core.queue import JOB_QUEUES, hint, key_prefix
from core.settings import Settings

PERIOD_SECONDS = 5.0
TIDY_SECONDS = 60.0
log = logging.getLogger(__name__)


class Reconciler:
    """A background thread; `stop` ends it at once."""

    def __init__(self, jobs: JobStore, celery: Celery, settings: Settings) -> None:
        self.jobs = jobs
        self.celery = celery
        self.messages = key_prefix(settings.prefix)
        self.period = min(PERIOD_SECONDS, settings.lease_seconds / 4)
        self.janitor = Janitor(jobs, settings.keep_jobs_days, settings.keep_versions)
        self._stopped = threading.Event()
        self._tidy_at = 0.0
        self._thread = threading.Thread(target=self._run, name="reconciler", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopped.set()

    def reconcile(self) -> None:
        """One round."""
        self.jobs.ledger.complete()
        freed = self.jobs.reap()
        if freed:
            log.warning("%d jobs lost their worker and wait again", freed)
        self.jobs.ledger.archive_all()
        for queue in JOB_QUEUES:
            pending: Any = self.jobs.client.llen(self.messages + queue)
            if pending == 0 and self.jobs.waiting(queue) > 0:
                hint(self.celery, queue)
        if time.monotonic() >= self._tidy_at:
            self._tidy_at = time.monotonic() + TIDY_SECONDS * random.uniform(0.5, 1.0)
            self.janitor.tidy()

    def _run(self) -> None:
        while not self._stopped.wait(self.period * random.uniform(0.5, 1.0)):
            try:
                self.reconcile()
            except (Unavailable, RedisError, OperationalError) as error:
                log.warning("reconciling waits for Redis: %s", error)
            except Exception:  # whatever it is: nobody else does this work in this process
                log.exception("reconciling failed")
