"""The child process that pushes and pulls models: `python -m worker.store_run HOME JOB FENCE`.

The only one that gets the credentials of the store (worker/child.py). What it pulls comes from
anybody: it is checked as an import is, and left in the job's folder for the supervisor.
"""

import hashlib
import time
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from core.archives import archive_of, write_archive
from core.errors import BadSpec, Invalid, TooLarge, Unavailable
from core.files import chunks_of, read_json, remove_tree
from core.home import Home
from core.imports import take_model
from core.registry import ModelStore, pinned
from core.schemas import JobKind
from core.settings import Settings
from core.store import Store, file_of, require_digest
from worker.channel import DONE, RELEASED, STOP, Channel, enter
from worker.jobfile import read_job

NICE = 5
NEEDS = {JobKind.PUSH: {"model": str, "version": int}, JobKind.PULL: {"name": str}}
TOLD_SECONDS = 0.5  # between two reports of progress


class Asked(Exception):
    """Somebody wants the work to end; the word says how."""


class Carrier:
    """Moves bytes for one job: reports progress, and leaves when it is asked to."""

    def __init__(self, channel: Channel, settings: Settings, folder: Path) -> None:
        self.channel = channel
        self.limit = settings.max_upload_bytes
        self.store = Store(settings.store)
        self.folder = folder

    def push(self, home: Home, input: dict[str, Any]) -> dict[str, Any]:
        """Write the archive of a version and read it back. Raises Unavailable when it differs."""
        models = ModelStore(home)
        model = models.get(input["model"], input["version"])
        self.phase("packing")
        path = self.folder / "archive.zip"
        write_archive(archive_of(models.folder(model), model), path)
        size, name, file = path.stat().st_size, model.name, file_of(model)
        expected = self.digest("checking", _chunks(path), size)
        if self.store.size(name, file) != size or self.stored(name, file, size) != expected:
            self.store.write(name, file, self.carried("pushing", _chunks(path), size))
            if self.store.size(name, file) != size or self.stored(name, file, size) != expected:
                raise Unavailable(f"The store gives back other bytes of {file} than it was given.")
        return pinned(model) | {"file": f"{name}/{file}", "bytes": size, "sha256": expected}

    def pull(self, input: dict[str, Any]) -> dict[str, Any]:
        """Fetch an archive and take the model out of it."""
        chosen = self.store.choose(input["name"], input.get("version"), input.get("file"))
        if chosen.bytes > self.limit:
            raise TooLarge(f"{chosen.file} has {chosen.bytes} bytes; {self.limit} are allowed.")
        source = self.folder / "source"
        with open(source, "xb") as target:
            fetched = self.store.read(chosen.name, chosen.file)
            for chunk in self.carried("pulling", fetched, chosen.bytes):
                target.write(chunk)
        self.phase("checking")
        found = take_model(source, self.folder / "model", self.limit)
        source.unlink()
        require_digest(chosen, found.digest)
        known = input.get("architectures")
        if known and found.architecture not in known:
            names = ", ".join(known)
            raise Invalid(f"The model is a {found.architecture}; the workers know: {names}.")
        return {"model": asdict(found), "file": f"{chosen.name}/{chosen.file}"}

    def stored(self, name: str, file: str, size: int) -> str:
        return self.digest("reading back", self.store.read(name, file), size)

    def digest(self, phase: str, chunks: Iterable[bytes], size: int) -> str:
        whole = hashlib.sha256()
        for chunk in self.carried(phase, chunks, size):
            whole.update(chunk)
        return whole.hexdigest()

    def carried(self, phase: str, chunks: Iterable[bytes], size: int) -> Iterator[bytes]:
        """The chunks, while progress is told. Raises Asked, and TooLarge beyond the limit."""
        self.phase(phase)
        done, told = 0, 0.0
        for chunk in chunks:
            done += len(chunk)
            if done > self.limit:
                raise TooLarge(f"An archive may have {self.limit} bytes.")
            for word in ("cancel", STOP):
                if self.channel.asked(word):
                    raise Asked(word)
            if time.monotonic() - told > TOLD_SECONDS:
                told = time.monotonic()
                shown = {"value": min(done / max(size, 1), 1.0), "step": done, "steps": size}
                self.channel.send("progress", shown, field="progress", value=shown)
            yield chunk

    def phase(self, name: str) -> None:
        self.channel.send("phase", {"phase": name}, field="phase", value=name)


def run(home: Home, job_id: str, fence: int, channel: Channel) -> int:
    """Do what the job says; answers the exit code."""
    kind = kind_of(home, job_id)
    input = read_job(home, job_id, kind, NEEDS[kind])["input"]
    folder = home.job(job_id) / f"publish-f{fence}"
    remove_tree(folder)
    folder.mkdir(mode=0o700)
    carrier = Carrier(channel, Settings(), folder)
    channel.ready()
    try:
        result = carrier.push(home, input) if kind is JobKind.PUSH else carrier.pull(input)
    except Asked as asked:
        if str(asked) == STOP:
            return RELEASED
        result = {"cancelled": True}
    channel.send("result", result)
    return DONE


def kind_of(home: Home, job_id: str) -> JobKind:
    """Whether the job pushes or pulls. Raises BadSpec."""
    try:
        kind = JobKind(read_json(home.job(job_id) / "job.json")["kind"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BadSpec(f"The stored request of the job cannot be read: {error}.") from error
    if kind not in (JobKind.PUSH, JobKind.PULL):
        raise BadSpec("The stored request of the job is of another kind.")
    return kind


def _chunks(path: Path) -> Iterator[bytes]:
    with open(path, "rb") as file:
        yield from chunks_of(file)


if __name__ == "__main__":
    enter(run, NICE)
