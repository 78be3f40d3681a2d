"""One small service for one crash point: work is accepted, somebody is killed there, and the rest
has to bring it to its end."""

import os
import signal
import subprocess
import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.connection import connect
from core.files import read_json, write_json
from core.home import Home
from core.jobs import JobStore
from core.registry import ModelStore
from core.schemas import Job, JobKind
from core.settings import Settings
from tests.waiting import wait_for
from tests.worker.datasets import dataset
from tests.worker.datasets import folder as prepared

LEASE = 2.0
TINY = {"width": 8, "max_width": 16, "batch": 4}  # a network that takes milliseconds a step
PAIRS = TINY | {"batch": 8, "measure_kimg": 0.16}  # two pairs where there are two cores; measured


def prepare_discs(home: Home, count: int = 64) -> None:
    """The data set `discs`, as the prepare worker leaves it."""
    folder = prepared(home.dataset("discs"), dataset(count, 32))
    card = {"id": "discs", "name": "Discs", "created_at": "2026-01-01T00:00:00Z"}
    card |= {"trains": {"generate": True}}
    write_json(folder / "dataset.json", read_json(folder / "dataset.json") | card)


@dataclass
class Walk:
    """A home folder, its records, and how to start processes on them."""

    settings: Settings
    jobs: JobStore
    kills: int = 0

    def environment(self, point: str) -> dict[str, str]:
        chosen = self.settings
        return os.environ | {
            "GANVAS_HOME": str(chosen.home),
            "GANVAS_PREFIX": chosen.prefix,
            "REDIS_URL": chosen.redis_url,
            "GANVAS_LEASE_SECONDS": str(LEASE),
            "GANVAS_TRAIN_CHECKPOINT_SECONDS": "0.2",
            "GANVAS_CRASH_AT": point,
            "OMP_NUM_THREADS": "1",
        }

    def submit(self, point: str = "", key: str = "one") -> tuple[str, int]:
        """Accept a training in a process of its own; what it printed, and its exit code."""
        done = subprocess.run(
            [sys.executable, "-m", "tests.faults.submit", key],
            env=self.environment(point),
            capture_output=True,
            text=True,
            timeout=60,
        )
        return done.stdout.strip(), done.returncode

    def finish(self, job_id: str, point: str = "", mode: str = "quick") -> Job:
        """Let workbenches work until the job has ended; one that is killed is replaced."""
        with self._bench(mode, point) as bench:
            state = lambda: self.jobs.get(job_id).state.terminal  # noqa: E731
            wait_for(lambda: bench.poll() is not None or state(), "the job to end", 180)
            if bench.poll() is None:
                return self.jobs.get(job_id)
            assert bench.returncode == -signal.SIGKILL, bench.returncode
            self.kills += 1
        return self.finish(job_id, point, mode)

    def train(self, **input: Any) -> str:
        """Accept a training in this process."""
        whole = {"dataset_id": "discs", "dataset_name": "Discs", "model": "discs"} | input
        return self.jobs.create(JobKind.TRAIN, whole, seed=1)[0].id

    def crashed(self, point: str) -> bool:
        """Whether somebody was killed there."""
        return (self.settings.home / f".crashed-{point.partition('#')[0]}").exists()

    def models(self) -> list[tuple[str, int, str]]:
        """Every published model: the job it is of, its version and its digest."""
        found = ModelStore(self.settings.folders).all()
        return [(model.job or "", model.version, model.digest) for model in found]

    @contextmanager
    def _bench(self, mode: str, point: str) -> Iterator[subprocess.Popen[bytes]]:
        with open(self.settings.home / "workbench.log", "ab") as log:
            bench = subprocess.Popen(
                [sys.executable, "-m", "tests.faults.workbench", mode],
                env=self.environment(point),
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
            )
        if hasattr(os, "sched_setaffinity"):  # one thread of torch: others run at the same time
            cores = sorted(os.sched_getaffinity(0))
            os.sched_setaffinity(bench.pid, {cores[bench.pid % len(cores)]})
        try:
            yield bench
        finally:
            assert bench.stdin is not None
            bench.stdin.close()
            bench.wait(30)


@contextmanager
def walking(redis_url: str, folder: Path) -> Iterator[Walk]:
    prefix = f"w{uuid.uuid4().hex[:8]}"
    settings = Settings(home=folder / "home", redis_url=redis_url, prefix=prefix)
    settings.folders.create()
    with connect(redis_url) as client:
        jobs = JobStore(client, prefix, settings.folders, LEASE)
        yield Walk(settings=settings, jobs=jobs)
