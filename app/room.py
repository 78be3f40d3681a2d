"""What takes how much room: hard links counted once, symbolic ones not followed, bounded work."""

import heapq
import os
import shutil
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from stat import S_ISDIR
from typing import Literal

from pydantic import Field

from core.home import Home
from core.ids import is_id
from core.schemas import Answer

MOST_FILES = 200_000  # that one measurement looks at
LARGEST = 10
FRESH_SECONDS = 5.0
IDLE = 10.0  # times as long as a measurement took, nothing is measured again
PARTS = {
    "checkpoints": "checkpoints",
    "snapshots": "checkpoints",
    "init": "checkpoints",
    "samples": "samples",
    "log.txt": "logs",
    "metrics.jsonl": "logs",
}
Of = Literal["dataset", "job", "model"]


class Item(Answer):
    """One of the largest things."""

    kind: Of
    id: str
    bytes: int
    url: str


class JobBytes(Answer):
    total: int = 0
    checkpoints: int = 0
    samples: int = 0
    logs: int = 0
    other: int = 0


class ModelBytes(Answer):
    total: int
    by_name: dict[str, int]


class Disk(Answer):
    """The file system of the home folder."""

    total: int
    free: int


class Storage(Answer):
    """Bytes of files; what is linked twice counts where it is met first, models before jobs."""

    object: Literal["storage"] = "storage"
    total: int
    datasets: int
    jobs: JobBytes
    models: ModelBytes
    uploads: int
    features: int = Field(description="Remembered features of data sets; made again when needed.")
    other: int
    disk: Disk
    largest: list[Item]
    complete: bool = Field(description="Whether every file was looked at: there is a limit.")
    seconds: float = Field(description="How long the measurement took.")


class Tally:
    """Adds up files, at most so many; `complete` says whether that was enough."""

    def __init__(self, most: int) -> None:
        self.left = most
        self._counted: set[tuple[int, int]] = set()

    @property
    def complete(self) -> bool:
        return self.left > 0

    def below(self, path: Path | str) -> int:
        """Bytes of a file, or of all files in a folder. What goes meanwhile counts nothing."""
        total, pending = self._own(path), [path]
        while pending and self.complete:
            try:
                with os.scandir(pending.pop()) as entries:
                    for entry in entries:
                        total += self._own(entry.path)
                        if entry.is_dir(follow_symlinks=False):
                            pending.append(entry.path)
            except (FileNotFoundError, NotADirectoryError):
                continue
        return total

    def _own(self, path: Path | str) -> int:
        """Of one file; folders themselves are not counted."""
        self.left -= 1
        try:
            found = os.lstat(path)
        except FileNotFoundError:
            return 0
        key = found.st_dev, found.st_ino
        if S_ISDIR(found.st_mode) or key in self._counted:
            return 0
        if found.st_nlink > 1:
            self._counted.add(key)
        return found.st_size


def bytes_below(folder: Path) -> int:
    """Of one small folder, such as that of a model version."""
    return Tally(10_000).below(folder)


class Meter:
    """Measures at most once in a while; meanwhile the last measurement is answered."""

    def __init__(self, home: Home) -> None:
        self.home = home
        self._turn = threading.Lock()
        self._last: Storage | None = None
        self._until = 0.0

    def read(self) -> Storage:
        """Blocks for the very first measurement only."""
        if not self._turn.acquire(blocking=self._last is None):
            assert self._last is not None
            return self._last
        try:
            if self._last is None or time.monotonic() >= self._until:
                self._last = measure(self.home)
                wait = max(FRESH_SECONDS, IDLE * self._last.seconds)
                self._until = time.monotonic() + wait
            return self._last
        finally:
            self._turn.release()


def measure(home: Home, most: int = MOST_FILES) -> Storage:
    """Look at the home folder, at `most` files of it at most."""
    began, tally = time.monotonic(), Tally(most)
    models, versions = _models(home, tally)
    datasets = _items(home.datasets, "dataset", "/v1/datasets", tally)
    parts, jobs = _jobs(home, tally)
    uploads = tally.below(home.uploads) + tally.below(home.incoming)
    features = tally.below(home.features)
    hidden = {path: _hidden(path, tally) for path in (home.datasets, home.models, home.jobs)}
    known = (home.datasets, home.jobs, home.models, home.uploads, home.incoming, home.features)
    other = sum(tally.below(path) for path in home.root.iterdir() if path not in known)
    in_datasets = sum(item.bytes for item in datasets) + hidden[home.datasets]
    in_models = sum(models.values()) + hidden[home.models]
    parts["other"] += hidden[home.jobs]
    in_jobs, disk = sum(parts.values()), shutil.disk_usage(home.root)
    items = [*versions, *datasets, *jobs]
    return Storage(
        total=in_datasets + in_models + in_jobs + uploads + features + other,
        datasets=in_datasets,
        jobs=JobBytes(total=in_jobs, **parts),
        models=ModelBytes(total=in_models, by_name=models),
        uploads=uploads,
        features=features,
        other=other,
        disk=Disk(total=disk.total, free=disk.free),
        largest=heapq.nlargest(LARGEST, items, key=lambda item: item.bytes),
        complete=tally.complete,
        seconds=round(time.monotonic() - began, 3),
    )


def _models(home: Home, tally: Tally) -> tuple[dict[str, int], list[Item]]:
    """Bytes by name, and every version."""
    by_name: dict[str, int] = {}
    items: list[Item] = []
    for folder in _folders(home.models):
        url = f"/v1/models/{folder.name}/versions"
        found = _items(folder, "model", url, tally)
        items += [item.model_copy(update={"id": f"{folder.name}@{item.id}"}) for item in found]
        by_name[folder.name] = sum(item.bytes for item in found) + _hidden(folder, tally)
    return by_name, items


def _jobs(home: Home, tally: Tally) -> tuple[dict[str, int], list[Item]]:
    """Bytes by what they are, and every job."""
    parts: dict[str, int] = dict.fromkeys(("checkpoints", "samples", "logs", "other"), 0)
    items: list[Item] = []
    for folder in _folders(home.jobs):
        own = 0
        for path in _listed(folder):
            size = tally.below(path)
            parts[PARTS.get(path.name, "other")] += size
            own += size
        url = f"/v1/jobs/{folder.name}"
        items.append(Item(kind="job", id=folder.name, bytes=own, url=url))
    return parts, items


def _items(parent: Path, kind: Of, url: str, tally: Tally) -> list[Item]:
    return [
        Item(kind=kind, id=path.name, bytes=tally.below(path), url=f"{url}/{path.name}")
        for path in _folders(parent)
    ]


def _hidden(parent: Path, tally: Tally) -> int:
    """What is in a folder and is none of its items."""
    items = {path.name for path in _folders(parent)}
    return sum(tally.below(path) for path in _listed(parent) if path.name not in items)


def _folders(parent: Path) -> Iterator[Path]:
    return (path for path in _listed(parent) if is_id(path.name) and path.is_dir())


def _listed(parent: Path) -> list[Path]:
    try:
        return [parent / name for name in sorted(os.listdir(parent))]
    except (FileNotFoundError, NotADirectoryError):
        return []
