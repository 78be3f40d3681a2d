"""One launcher for one home folder: a lock, and a note that says where the service answers."""

import fcntl
import json
import os
import time
from dataclasses import dataclass
from pathlib import Path

PATIENCE_SECONDS = 15.0  # for a previous run whose processes are still ending


class AlreadyRunning(Exception):
    """Another launcher holds the home folder."""

    def __init__(self, home: Path, url: str | None) -> None:
        where = f"at {url}" if url else "and is starting"
        super().__init__(f"Ganvas already runs on {home} {where}.")
        self.url = url


@dataclass(frozen=True)
class Running:
    """What a launcher says of itself in `home/up.json`."""

    url: str
    pid: int


class HomeLock:
    """Held from the start of a launcher until its last process has ended."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.descriptor = -1

    def acquire(self, patience: float = PATIENCE_SECONDS) -> None:
        """Raise AlreadyRunning when a live launcher has it; wait for one that is ending."""
        self.home.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.descriptor = os.open(self.home / "up.lock", os.O_RDWR | os.O_CREAT, 0o600)
        deadline = time.monotonic() + patience
        while not self._take():
            holder = running(self.home)
            if holder or time.monotonic() >= deadline:
                self.release()
                raise AlreadyRunning(self.home, holder.url if holder else None)
            time.sleep(0.05)

    def announce(self, url: str) -> None:
        """Tell the command line where the service answers."""
        note = self.home / "up.json"
        partial = note.with_suffix(".tmp")
        partial.write_text(json.dumps({"url": url, "pid": os.getpid()}))
        os.replace(partial, note)

    def withdraw(self) -> None:
        (self.home / "up.json").unlink(missing_ok=True)

    def release(self) -> None:
        if self.descriptor >= 0:
            os.close(self.descriptor)
            self.descriptor = -1

    def _take(self) -> bool:
        try:
            fcntl.flock(self.descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True


def running(home: Path) -> Running | None:
    """The launcher that runs on this home folder, if there is one."""
    try:
        note = json.loads((home / "up.json").read_text())
        found = Running(url=str(note["url"]), pid=int(note["pid"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return found if _lives(found.pid) else None


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # it lives, and is another user's
        return True
    return True
