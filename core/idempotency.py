"""Idempotency keys on disk: the same key means the same job, whatever happens to Redis.

A key is a file that is linked into place, which only one request can do.
"""

import contextlib
import hashlib
import time
from pathlib import Path

from core.errors import IdempotencyMismatch
from core.files import read_json, write_once
from core.home import Home

LIFE_SECONDS = 24 * 3600


class KeyRing:
    """The keys of one home folder."""

    def __init__(self, home: Home) -> None:
        self.folder = home.root / "keys"

    def take(self, key: str, digest: str, job_id: str) -> str:
        """The job that `key` means: `job_id` if the key is new. Raises IdempotencyMismatch."""
        path = self._path(key)
        self.folder.mkdir(mode=0o700, exist_ok=True)
        return _same(write_once(path, {"id": job_id, "digest": digest}), digest)

    def find(self, key: str, digest: str) -> str | None:
        """What `key` means already. Raises IdempotencyMismatch."""
        try:
            return _same(read_json(self._path(key)), digest)
        except FileNotFoundError:
            return None

    def drop(self, key: str, job_id: str) -> None:
        """Forget a key whose request was refused after all, if `job_id` is what it means."""
        path = self._path(key)
        with contextlib.suppress(OSError, ValueError):
            if read_json(path)["id"] == job_id:
                path.unlink()

    def expire(self) -> None:
        """Remove the keys that are older than a day."""
        oldest = time.time() - LIFE_SECONDS
        for path in self.folder.glob("*"):
            with contextlib.suppress(FileNotFoundError):
                if path.stat().st_mtime < oldest:
                    path.unlink()

    def _path(self, key: str) -> Path:
        return self.folder / hashlib.sha256(key.encode()).hexdigest()


def _same(known: dict[str, str], digest: str) -> str:
    if known["digest"] != digest:
        raise IdempotencyMismatch("Use a new Idempotency-Key for a new request.")
    return known["id"]
