"""The two copies of the truth about jobs: records in Redis, requests and ends on disk.

Runs the scripts of core/lua, and rebuilds in Redis what only the disk still has.
"""

import contextlib
import logging
import os
from collections.abc import Callable
from typing import Any, TypeVar

import redis
from redis.exceptions import RedisError

from core.connection import trouble
from core.crashpoints import crash_point
from core.errors import BadSpec, NotFound, QueueFull, Unavailable
from core.files import remove_tree, write_json
from core.home import Home
from core.ids import is_id, new_id
from core.keys import Keys
from core.remains import DOUBT, END, remains_of, request_of
from core.scripts import job_scripts

T = TypeVar("T")
log = logging.getLogger(__name__)


class Ledger:
    """Raises `Unavailable` when Redis does not answer."""

    def __init__(self, client: redis.Redis, keys: Keys, home: Home) -> None:
        self.client = client
        self.keys = keys
        self.home = home
        self._scripts = job_scripts(client)

    def run(self, script: str, job_id: str, *arguments: Any) -> Any:
        """One transition."""
        keys, args = [self.keys.jobs], [self.keys.root, job_id, *arguments]
        return guarded(lambda: self._scripts[script](keys=keys, args=args))

    def accept(self, job_id: str, most: int, *, fresh: bool) -> None:
        """Queue the job that is on disk, if that is not done yet. Raises QueueFull.

        fresh: nobody had an answer for it yet. When Redis leaves it open, such a request is
        marked: without a record it never happened.
        """
        doubt = self.home.job(job_id) / DOUBT
        doubtful = fresh or doubt.exists()
        doubt.unlink(missing_ok=True)
        try:
            answer = self._queue(job_id, most)
            if answer == "unready":
                self.complete(besides=job_id if fresh else "")
                answer = self._queue(job_id, most)
        except Unavailable:
            if doubtful:
                with contextlib.suppress(OSError):
                    doubt.touch()
            raise
        if answer == "full":
            raise queue_full(most)

    def complete(self, besides: str = "") -> None:
        """Rebuild all records (`besides` one that is being accepted) when Redis has lost them."""
        if guarded(lambda: self.client.exists(self.keys.epoch)):
            return
        restored = sum(self.restore(job_id) for job_id in self.on_disk() if job_id != besides)
        if restored:
            log.warning("Redis had lost its records; %d jobs were rebuilt from disk", restored)
        guarded(lambda: self.client.set(self.keys.epoch, new_id("epoch")))

    def restore(self, job_id: str) -> bool:
        """Bring one job back from disk; False when it is not there, or was not missing."""
        try:
            remains = remains_of(self.home, job_id)
        except BadSpec as error:
            self._quarantine(job_id, error)
            return False
        except OSError as error:  # not now: nothing may be concluded from it
            raise Unavailable(f"{job_id} cannot be read now: {error}", retry_after=2) from error
        if remains is None:
            return False
        pairs = [text for pair in remains.fields.items() for text in pair]
        return bool(self.run("restore", job_id, remains.state.value, remains.reason, *pairs))

    def archive(self, job_id: str) -> None:
        """Write the end of a job to disk. Those that are not written yet are in `unsaved`."""
        fields: Any = guarded(lambda: self.client.hgetall(self.keys.job(job_id)))
        folder = self.home.job(job_id)
        if fields and folder.exists():
            try:
                write_json(folder / END, fields)
            except OSError as error:  # a full disk: the reconciler tries again
                log.warning("the end of %s is not on disk yet: %s", job_id, error)
                return
        crash_point("archive.written")
        guarded(lambda: self.client.srem(self.keys.unsaved, job_id))

    def archive_all(self) -> None:
        """Write every end that is not on disk yet."""
        unsaved: Any = guarded(lambda: self.client.smembers(self.keys.unsaved))
        for job_id in unsaved:
            self.archive(job_id)

    def forget(self, job_id: str) -> None:
        """Remove an ended job and its folder. Its model stays."""
        remove_tree(self.home.job(job_id))
        self.run("forget", job_id)

    def on_disk(self) -> list[str]:
        """The ids of all jobs that have a folder, oldest first."""
        return sorted(name for name in os.listdir(self.home.jobs) if is_id(name))

    def _queue(self, job_id: str, most: int) -> str:
        request = request_of(self.home, job_id)
        if request is None:
            raise NotFound("The job of this Idempotency-Key is gone; use a new key.")
        names = ("kind", "queue", "input", "metadata", "seed", "priority")
        return self.run("create", job_id, *(request[name] for name in names), most)

    def _quarantine(self, job_id: str, error: BadSpec) -> None:
        """A request that cannot be read, and that Redis does not know either, is set aside."""
        if guarded(lambda: self.client.exists(self.keys.job(job_id))):
            return
        folder = self.home.job(job_id)
        aside = folder.with_name(f".damaged-{job_id}")
        os.rename(folder, aside)
        log.error("%s; the job is set aside as %s", error.detail, aside)


def guarded(command: Callable[[], T]) -> T:
    """`command()`; `Unavailable` when Redis does not do its part."""
    try:
        return command()
    except RedisError as error:
        raise Unavailable(f"{trouble(error)}. Try again in a moment.", retry_after=2) from error


def queue_full(most: int) -> QueueFull:
    return QueueFull(f"{most} jobs are waiting already.", retry_after=60)
