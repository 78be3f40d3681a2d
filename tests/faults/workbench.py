"""A worker without Celery: reconciles and works through both queues until its standard input ends.

`python -m tests.faults.workbench quick|real`, with the settings of a service in the environment.
`quick` replaces training by a child that writes the same files without computing anything.
"""

import os
import sys
import threading

from core.connection import connect
from core.crashpoints import arm
from core.errors import Unavailable
from core.home import Home
from core.janitor import Janitor
from core.jobs import JobStore
from core.queue import JOB_QUEUES
from core.registry import ModelStore
from core.schemas import JobKind
from core.settings import Settings
from worker.kinds import Training, kinds
from worker.outcomes import Kind
from worker.runner import Runner


class Quick(Training):
    """Trains nothing, publishes in earnest."""

    module = "tests.faults.quick_child"


def table(mode: str, home: Home) -> dict[JobKind, Kind]:
    real = kinds(home)
    return real | {JobKind.TRAIN: Quick(home, ModelStore(home))} if mode == "quick" else real


def main() -> None:
    settings = Settings()
    arm(settings.crash_at, settings.home)
    home, ended = settings.folders, threading.Event()
    jobs = JobStore(connect(settings.redis_url), settings.prefix, home, settings.lease_seconds)
    owner = f"workbench-{os.getpid()}"
    runner = Runner(jobs, home, table(sys.argv[1], home), owner, ended)
    threading.Thread(target=lambda: (sys.stdin.read(), ended.set()), daemon=True).start()
    while not ended.wait(0.05):
        try:
            jobs.ledger.complete()
            jobs.reap()
            jobs.ledger.archive_all()
            Janitor(jobs, settings.keep_jobs_days).adopt()
        except Unavailable:
            continue
        for queue in JOB_QUEUES:
            runner.drain(queue)


if __name__ == "__main__":
    main()
