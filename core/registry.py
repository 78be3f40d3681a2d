"""The trained models on disk: `models/{name}/{version}/` with weights, header and card.

A version is immutable. `model=` takes `name`, `name@3`, `name@latest`, `job:{id}` (the newest
checkpoint of a job), `job:{id}@{step}` or nothing (the newest model of all).
"""

import errno
import logging
import os
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from core.crashpoints import crash_point
from core.errors import NotFound, NotReady
from core.evaluations import evaluations_of, publish_evaluation
from core.files import (
    publish_folder,
    read_json,
    remove_tree,
    sha256_of,
    write_json,
    write_once,
)
from core.home import Home
from core.ids import is_id
from core.schemas import Model

LATEST = "latest"
WEIGHTS = "model.safetensors"
HEADER = "model.json"
CARD = "card.json"
CHANGED = "changed.json"  # replaced with every change
DECISION = "published.json"  # in the folder of the job
JOB_PREFIX = "job:"
log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Reference:
    """A model reference that was looked up. `pinned`: it names one version for ever."""

    model: Model
    folder: Path
    pinned: bool


class ModelStore:
    """Reads are cached until the folder of models changes."""

    def __init__(self, home: Home) -> None:
        self.home = home
        self._seen = (-1, -1)
        self._models: dict[str, dict[int, Model]] = {}
        self._newest_first: list[Model] = []

    def publish(self, source: Path, name: str, card: dict[str, Any]) -> Model:
        """Move a folder with weights and header to its place as the next version of `name`.

        Once by job: which version it gets is decided by the first attempt that links its decision
        into the job's folder; every later one publishes under the same number or not at all.
        """
        crash_point("publish.begin")
        folder = self.home.model(name)
        folder.mkdir(mode=0o700, exist_ok=True)
        version = self._decide(self.home.job(card["job"]) / DECISION, folder)
        crash_point("publish.decided")
        identity = {"name": name, "version": version, "created_at": _now()}
        write_json(source / CARD, describe(source, card | identity))
        try:
            publish_folder(source, folder / str(version))
        except OSError as error:
            if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
                raise
            remove_tree(source)  # an attempt before this one was quicker: the first one stays
        crash_point("publish.renamed")
        self._touch()
        crash_point("publish.told")
        return self._load(name, version)

    def all(self) -> list[Model]:
        """Every version of every model, newest first."""
        self._refresh()
        return list(self._newest_first)

    def versions(self, name: str) -> list[Model]:
        """The versions of one model, newest first; empty when there is none."""
        self._refresh()
        return sorted(self._models.get(name, {}).values(), key=lambda m: m.version, reverse=True)

    def get(self, name: str, version: int) -> Model:
        self._refresh()
        found = self._models.get(name, {}).get(version)
        if found is None:
            raise NotFound(f"There is no version {version} of a model with this name.")
        return found

    def folder(self, model: Model) -> Path:
        return self.home.model(model.name) / str(model.version)

    def resolve(self, reference: str | None) -> Reference:
        """Look up what `model=` names. Raises NotFound, NotReady."""
        if reference is None:
            return self._newest()
        if reference.startswith(JOB_PREFIX):
            return self._of_job(reference.removeprefix(JOB_PREFIX))
        name, _, selector = reference.partition("@")
        versions = self.versions(name) if is_id(name) else []
        if not versions:
            known = ", ".join(sorted(self._models)[:10]) or "none yet"
            raise NotFound(f"There is no model with this name; there are: {known}.")
        if selector in ("", LATEST):
            return Reference(model=versions[0], folder=self.folder(versions[0]), pinned=False)
        if not selector.isascii() or not selector.isdigit() or len(selector) > 9:
            raise NotFound("After @ stands a version number or the alias latest.")
        model = self.get(name, int(selector))
        return Reference(model=model, folder=self.folder(model), pinned=True)

    def add_evaluation(self, model: Model, source: Path, job_id: str) -> Model:
        """Put the result of an evaluation (core/evaluations.py) beside the model. Idempotent.

        Raises NotFound when the model was removed meanwhile.
        """
        folder = self.folder(self.get(model.name, model.version))
        publish_evaluation(folder, source, job_id)
        self._touch()
        return self._load(model.name, model.version)

    def remove(self, name: str, version: int) -> None:
        model = self.get(name, version)
        remove_tree(self.folder(model))
        self._touch()

    def _decide(self, path: Path, folder: Path) -> int:
        """The version number that belongs to the job for ever."""
        if path.exists():
            return int(read_json(path)["version"])
        version = self._reserve(folder)
        crash_point("publish.numbered")
        return int(write_once(path, {"version": version})["version"])

    def _reserve(self, folder: Path) -> int:
        """A number that no version of this model ever had, nor another training gets."""
        taken = [int(name.strip(".")) for name in os.listdir(folder) if name.strip(".").isdigit()]
        number = max(taken, default=0) + 1
        while True:
            try:
                os.close(os.open(folder / f".{number}", os.O_CREAT | os.O_EXCL, 0o600))
                return number
            except FileExistsError:
                number += 1

    def _newest(self) -> Reference:
        self._refresh()
        if not self._newest_first:
            raise NotReady("There is no model yet: POST /train makes one.")
        model = self._newest_first[0]
        return Reference(model=model, folder=self.folder(model), pinned=False)

    def _of_job(self, reference: str) -> Reference:
        """`{id}` the newest checkpoint of a job, `{id}@{step}` a certain one."""
        job_id, _, step = reference.partition("@")
        folder = self.home.job(job_id)
        if not folder.exists():
            raise NotFound(f"There is no job {job_id}.")
        snapshots = snapshot_folders(folder)
        if not snapshots:
            raise NotReady("This job has no checkpoint yet; the first comes within a minute.")
        steps = {str(int(path.name)): path for path in snapshots}
        chosen = steps.get(step) if step else snapshots[-1]
        if chosen is None:
            raise NotFound(
                f"After @ stands the step of a checkpoint; there are: {', '.join(steps)}."
            )
        card = read_json(chosen / CARD)
        return Reference(model=Model(**card), folder=chosen, pinned=False)

    def _touch(self) -> None:
        """Tell every process that the models changed."""
        write_json(self.home.models / CHANGED, {"at": _now()})

    def _refresh(self) -> None:
        changed = self._changed()
        if changed == self._seen:
            return
        models: dict[str, dict[int, Model]] = {}
        for entry in os.scandir(self.home.models):
            if entry.is_dir(follow_symlinks=False) and is_id(entry.name):
                numbers = [int(child.name) for child in os.scandir(entry) if child.name.isdigit()]
                loaded = ((number, self._readable(entry.name, number)) for number in numbers)
                models[entry.name] = {number: model for number, model in loaded if model}
        found = [model for versions in models.values() for model in versions.values()]
        self._newest_first = sorted(found, key=lambda m: (m.created_at, m.name), reverse=True)
        self._models = {name: versions for name, versions in models.items() if versions}
        self._seen = changed

    def _changed(self) -> tuple[int, int]:
        """Different after every change: two within one tick of the clock replace the file twice."""
        try:
            file = (self.home.models / CHANGED).stat().st_ino
        except FileNotFoundError:
            file = 0
        return self.home.models.stat().st_mtime_ns, file

    def _readable(self, name: str, version: int) -> Model | None:
        """None for a version that is damaged, or removed at this moment: the others still work."""
        try:
            return self._load(name, version)
        except (OSError, ValueError) as error:
            log.warning("version %d of %s cannot be read: %s", version, name, error)
            return None

    def _load(self, name: str, version: int) -> Model:
        folder = self.home.model(name) / str(version)
        results = evaluations_of(folder)
        newest = {"evaluation": results[0]} if results else {}
        return Model(**read_json(folder / CARD) | newest)


def snapshot_folders(job_folder: Path) -> list[Path]:
    """The usable checkpoints of a job as model folders, oldest first."""
    parent = job_folder / "snapshots"
    if not parent.exists():
        return []
    names = sorted(entry.name for entry in os.scandir(parent) if entry.name.isdigit())
    return [parent / name for name in names]


def describe(folder: Path, card: dict[str, Any]) -> dict[str, Any]:
    """A card with what the weights and their header say of themselves."""
    weights = folder / WEIGHTS
    facts = {"digest": sha256_of(weights), "bytes": weights.stat().st_size}
    header = read_json(folder / HEADER)
    return header | header["shape"] | card | facts


def _now() -> str:
    return datetime.now(UTC).isoformat()
