"""Tidies the home folder: what killed processes left behind, and jobs whose time is over.

Nothing younger than an hour is touched, unless the job that it belongs to has ended.
"""

import logging
import os
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from core.datasets import DatasetStore
from core.errors import GanvasError
from core.files import PARTIAL, read_json, remove_tree
from core.idempotency import LIFE_SECONDS
from core.ids import is_id
from core.incoming import Incoming
from core.jobs import JobStore
from core.ledger import guarded
from core.remains import DOUBT, REQUEST
from core.retention import Retention
from core.schemas import Job, JobKind

LEFTOVER_SECONDS = 3600.0
ADOPT_SECONDS = 15.0  # a request that is still being accepted is not touched
LOCK_SECONDS = 50
CHUNK = 500
log = logging.getLogger(__name__)


class Janitor:
    """One round at a time in the whole service."""

    def __init__(self, jobs: JobStore, keep_days: float, keep_versions: int = 0) -> None:
        self.jobs = jobs
        self.home = jobs.home
        self.keep = timedelta(days=keep_days)
        self.retention = Retention(jobs, keep_versions)

    def tidy(self) -> None:
        """One round, unless somebody else did it within the last minute."""
        lock = self.jobs.keys.lock("tidy")
        if not guarded(lambda: self.jobs.client.set(lock, "1", nx=True, ex=LOCK_SECONDS)):
            return
        self.adopt()
        self.jobs.ring.expire()
        jobs = [job for ids in self._chunks() for job in self.jobs.get_many(ids)]
        self.retire(jobs)
        self.sweep({job.id: job for job in jobs})
        self.retention.models.catch_up()
        self.retention.apply(jobs)

    def adopt(self) -> None:
        """Bring back requests that are on disk and that Redis does not know."""
        ids = self.jobs.ledger.on_disk()
        known = {job_id for ids in self._chunks() for job_id in ids}
        for job_id in ids:
            folder = self.home.job(job_id)
            if job_id in known or _age(folder) < ADOPT_SECONDS:
                continue
            if self.jobs.ledger.restore(job_id):
                log.warning("%s was on disk only and is brought back", job_id)
            elif self._abandoned(folder):
                remove_tree(folder)  # nobody got an answer for it

    def retire(self, jobs: list[Job]) -> None:
        """Remove jobs that ended long ago, with their checkpoints. Models stay."""
        oldest = datetime.now(UTC) - self.keep
        for job in jobs:
            if job.state.terminal and job.finished_at is not None and job.finished_at < oldest:
                self.jobs.ledger.forget(job.id)

    def sweep(self, jobs: dict[str, Job]) -> None:
        """Remove temporary files, workspaces and uploads that nobody uses any more."""
        for path in self._temporary():
            if self._unused(path, jobs):
                log.info("removing the leftover %s", path)
                remove_leftover(path)
        self._sweep_uploads(jobs)
        Incoming(self.home).expire()

    def _abandoned(self, folder: Path) -> bool:
        """A request whose acceptance was left open, or that was never written whole."""
        if (folder / DOUBT).exists():
            return _age(folder) > LEFTOVER_SECONDS
        lost = LIFE_SECONDS + LEFTOVER_SECONDS  # its key may still be used
        return not (folder / REQUEST).exists() and _age(folder) > lost

    def _chunks(self) -> Iterator[list[str]]:
        """The ids of all jobs."""
        after = None
        while ids := self.jobs.ids(after, CHUNK):
            yield ids
            after = ids[-1]

    def _temporary(self) -> Iterator[Path]:
        """Everything with a name that no reader looks at, below jobs, data sets and models."""
        for folder in (self.home.root, self.home.datasets, self.home.jobs, self.home.uploads):
            yield from folder.glob(f".*{PARTIAL}")
        yield from self.home.incoming.glob(f".*{PARTIAL}")
        for folder in (self.home.root / "keys", self.home.models, self.home.features):
            yield from folder.glob(f".*{PARTIAL}")
        yield from self.home.models.glob(f"*/.*{PARTIAL}")
        yield from self.home.jobs.glob(f"*/.*{PARTIAL}")
        yield from self.home.jobs.glob(f"*/*/.*{PARTIAL}")
        yield from self.home.jobs.glob("*/snapshots/.*-f*")
        yield from self.home.jobs.glob("*/publish-f*")

    def _unused(self, path: Path, jobs: dict[str, Job]) -> bool:
        """Old, or of a job that has ended."""
        owner = next((job for part in path.parts for job in jobs.values() if job.id in part), None)
        if owner is not None:
            return owner.state.terminal
        return _age(path) > LEFTOVER_SECONDS

    def _sweep_uploads(self, jobs: dict[str, Job]) -> None:
        """An upload is needed until its job has ended; without a job for an hour."""
        wanted = {
            job.input.get("dataset")
            for job in jobs.values()
            if job.kind is JobKind.INGEST and not job.state.terminal
        }
        datasets = DatasetStore(self.home)
        for dataset_id in os.listdir(self.home.uploads):
            if not is_id(dataset_id) or dataset_id in wanted:
                continue
            folder = self.home.upload(dataset_id)
            if _age(folder) > LEFTOVER_SECONDS or self._job_ended(folder, jobs):
                log.info("removing the upload %s", dataset_id)
                datasets.discard(dataset_id)

    def _job_ended(self, folder: Path, jobs: dict[str, Job]) -> bool:
        try:
            record: Any = read_json(folder / "upload.json")
            job = jobs.get(record.get("job", ""))
        except (OSError, ValueError, AttributeError, GanvasError):
            return False
        return job is not None and job.state.terminal


def remove_leftover(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        remove_tree(path)
    else:
        path.unlink(missing_ok=True)


def _age(path: Path) -> float:
    """Seconds since the last change of it or of anything in it; 0 for what has gone."""
    try:
        times = [path.lstat().st_mtime, *(below.lstat().st_mtime for below in path.rglob("*"))]
    except FileNotFoundError:
        return 0.0
    return time.time() - max(times)
