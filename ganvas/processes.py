"""The processes of the service and their exact commands.

The one table behind `ganvas up`; docker-compose.yml repeats it, and a test compares the two.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from core.settings import Settings

API, TRAIN, PREPARE, GENERATE = "api", "train", "prepare", "generate"

_CELERY = ("python", "-m", "celery", "-A", "worker.main", "worker")
_QUIET = ("--without-gossip", "--without-mingle", "--without-heartbeat", "-l", "WARNING")

COMMANDS: Mapping[str, tuple[str, ...]] = {
    API: ("python", "-m", "app.main"),
    TRAIN: (*_CELERY, "-Q", "train", "-P", "threads", "-c", "1", "-n", "train@%h", *_QUIET),
    PREPARE: (*_CELERY, "-Q", "prepare", "-P", "threads", "-c", "2", "-n", "prepare@%h", *_QUIET),
    GENERATE: (*_CELERY, "-Q", "generate", "-P", "solo", "-n", "generate1@%h", *_QUIET),
}

# One thread each: two workers of one thread make more images than one worker of two.
ONE_THREAD: Mapping[str, str] = {
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
}


@dataclass(frozen=True, kw_only=True)
class Crew:
    """How many processes serve on one machine."""

    generate: int
    api: int = 1

    @classmethod
    def usual(cls) -> "Crew":
        """One generate worker for two cores, at least one."""
        return cls(generate=max(1, (os.cpu_count() or 1) // 2))

    @property
    def commands(self) -> dict[str, tuple[str, ...]]:
        """The table with all of them: api, api2, ..., generate1, generate2, ..."""
        table = {name: COMMANDS[name] for name in (API, TRAIN, PREPARE)}
        for number in range(2, self.api + 1):
            table[f"{API}{number}"] = COMMANDS[API]
        for number in range(1, self.generate + 1):
            name = f"{GENERATE}{number}"
            table[name] = tuple(
                f"{name}@%h" if word == "generate1@%h" else word for word in COMMANDS[GENERATE]
            )
        return table

    def environment(self, name: str) -> Mapping[str, str]:
        """What one process of the table needs besides what is common to all."""
        if name.startswith(GENERATE):
            return ONE_THREAD
        shares = name.startswith(API) and self.api > 1
        return {"GANVAS_SHARE_PORT": "1"} if shares else {}


def environment(settings: Settings, redis_url: str) -> dict[str, str]:
    """What all processes of one service have to agree on."""
    return {
        "GANVAS_HOME": str(settings.home),
        "GANVAS_PREFIX": settings.prefix,
        "GANVAS_HOST": settings.host,
        "GANVAS_PORT": str(settings.port),
        "REDIS_URL": redis_url,
    }


def import_path(inherited: Mapping[str, str]) -> dict[str, str]:
    """Make our packages importable from any folder, and before anything of the same name in it."""
    ours = str(Path(__file__).resolve().parent.parent)
    known = inherited.get("PYTHONPATH", "").split(os.pathsep)
    return {
        "PYTHONPATH": os.pathsep.join([ours, *(path for path in known if path and path != ours)]),
        "PYTHONSAFEPATH": "1",
        "PYTHONUNBUFFERED": "1",
    }
