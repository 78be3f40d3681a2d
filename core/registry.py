"""The trained models on disk: `models/{name}/{version}/` with weights, header and card.

A version is immutable. `model=` takes `name`, `name@3`, `name@latest` or another alias, `job:{id}`
(the newest checkpoint of a job), `job:{id}@{step}` or nothing (the newest model of all).
"""

import errno
import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

from core.aliases import LATEST, Aliases
from core.crashpoints import crash_point
from core.errors import InUse, NotFound, NotReady
from core.evaluations import publish_evaluation
from core.files import publish_folder, read_json, remove_tree, sha256_of, write_json, write_once
from core.home import Home
from core.inventory import (
    CARD,
    NOTHING,
    Inventory,
    card_in,
    overlooked,
    stamp,
    take_inventory,
    tell,
)
from core.removal import refuse_removed, remove_version
from core.schemas import Model

WEIGHTS = "model.safetensors"
HEADER = "model.json"
DECISION = "published.json"  # in the folder of the job
JOB_PREFIX = "job:"


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
        self._known = NOTHING

    def publish(self, source: Path, name: str, card: dict[str, Any]) -> Model:
        """Move a folder with weights and header to its place as the next version of `name`.

        Once by job: which version it gets is decided by the first attempt that links its decision
        into the job's folder; every later one publishes under the same number or not at all.
        Raises NotFound when the version was removed meanwhile.
        """
        crash_point("publish.begin")
        folder = self.home.model(name)
        folder.mkdir(mode=0o700, exist_ok=True)
        version = self._decide(self.home.job(card["job"]) / DECISION, folder)
        crash_point("publish.decided")
        identity = {"name": name, "version": version, "created_at": now()}
        try:
            refuse_removed(folder, version)
            write_json(source / CARD, describe(source, card | identity))
            publish_folder(source, folder / str(version))
        except NotFound:
            remove_tree(source)
            raise
        except OSError as error:
            if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
                refuse_removed(folder, version)
                raise
            remove_tree(source)  # an attempt before this one was quicker: the first one stays
        crash_point("publish.renamed")
        tell(self.home)
        crash_point("publish.told")
        return card_in(folder, version)

    def all(self) -> list[Model]:
        """Every version of every model, newest first."""
        return list(self._inventory().newest_first)

    def versions(self, name: str) -> list[Model]:
        """The versions of one model, newest first; empty when there is none."""
        return list(self._inventory().models.get(name, {}).values())

    def get(self, name: str, version: int) -> Model:
        """Raises NotFound."""
        return self._inventory().get(name, version)

    def aliases(self, name: str) -> Aliases:
        """The aliases of a model, to read and to move. Raises NotFound."""
        if not self.versions(name):
            raise NotFound("There is no model with this name; GET /v1/models lists them.")
        return Aliases(self.home.model(name), lambda: tell(self.home))

    def folder(self, model: Model) -> Path:
        return _folder(self.home, model.name, model.version)

    def resolve(self, reference: str | None) -> Reference:
        """Look up what `model=` names. Raises NotFound, NotReady."""
        if reference is None:
            return self._newest()
        if reference.startswith(JOB_PREFIX):
            return self._of_job(reference.removeprefix(JOB_PREFIX))
        name, _, selector = reference.partition("@")
        inventory = self._inventory()
        if name not in inventory.models:
            known = ", ".join(sorted(inventory.models)[:10]) or "none yet"
            raise NotFound(f"There is no model with this name; there are: {known}.")
        if selector.isascii() and selector.isdigit() and len(selector) < 10:
            model = inventory.get(name, int(selector))
            return Reference(model=model, folder=self.folder(model), pinned=True)
        aliases = inventory.aliases[name]
        if (selector or LATEST) not in aliases:
            known = ", ".join(list(aliases)[:20])
            raise NotFound(f"After @ stands a version number or an alias; there are: {known}.")
        model = inventory.get(name, aliases[selector or LATEST])
        return Reference(model=model, folder=self.folder(model), pinned=False)

    def add_evaluation(self, model: Model, source: Path, job_id: str) -> Model:
        """Put the result of an evaluation (core/evaluations.py) beside the model. Idempotent.

        Raises NotFound when the model was removed meanwhile.
        """
        folder = self.folder(self.get(model.name, model.version))
        publish_evaluation(folder, source, job_id)
        tell(self.home)
        return card_in(folder.parent, model.version)

    def remove(self, name: str, *versions: int) -> None:
        """Remove these versions, or none. Raises NotFound, InUse."""
        models = [self.get(name, version) for version in versions]
        with self.aliases(name).held() as aliases:
            refuse_aliased(name, {a: v for a, v in aliases.items() if v in versions})
            try:
                for model in models:
                    remove_version(self.home, model)
            finally:
                tell(self.home)

    def catch_up(self) -> None:
        """Let every process see what one that died could not tell of."""
        if overlooked(self.home):
            tell(self.home)

    def _decide(self, path: Path, folder: Path) -> int:
        """The version number that belongs to the job for ever."""
        if path.exists():
            return int(read_json(path)["version"])
        version = self.reserve(folder)
        crash_point("publish.numbered")
        return int(write_once(path, {"version": version})["version"])

    def reserve(self, folder: Path) -> int:
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
        models = self._inventory().newest_first
        if not models:
            raise NotReady("There is no model yet: POST /train makes one.")
        model = models[0]
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

    def _inventory(self) -> Inventory:
        """The present one. Threads may take it twice; none ever gets a mixture of two."""
        now, known = stamp(self.home), self._known
        if now != known.stamp:
            known = self._known = take_inventory(self.home, now)
        return known


@lru_cache(1024)
def _folder(home: Home, name: str, version: int) -> Path:
    """Every request for an image comes by here."""
    return home.model(name) / str(version)


def snapshot_folders(job_folder: Path) -> list[Path]:
    """The usable checkpoints of a job as model folders, oldest first."""
    parent = job_folder / "snapshots"
    if not parent.exists():
        return []
    names = sorted(entry.name for entry in os.scandir(parent) if entry.name.isdigit())
    return [parent / name for name in names]


def pinned(model: Model) -> dict[str, Any]:
    """How requests and outputs of jobs name a version."""
    return {"model": model.name, "version": model.version, "digest": model.digest}


def describe(folder: Path, card: dict[str, Any]) -> dict[str, Any]:
    """A card with what the weights and their header say of themselves."""
    weights = folder / WEIGHTS
    facts = {"digest": sha256_of(weights), "bytes": weights.stat().st_size}
    header = read_json(folder / HEADER)
    return header | header["shape"] | card | facts


def refuse_aliased(name: str, aliases: Mapping[str, int]) -> None:
    """Raise InUse, saying how to move the aliases that point at a version that is to go."""
    if not aliases:
        return
    pointing = ", ".join(f"{alias} (version {version})" for alias, version in aliases.items())
    first = f"/v1/models/{name}/aliases/{next(iter(aliases))}"
    raise InUse(
        f"These aliases of {name} point there: {pointing}. Move each of them to another version "
        f'first, as with PUT {first} {{"version": N}}, or remove it with DELETE {first}.',
        errors=[
            {"pointer": f"#/aliases/{alias}", "message": f"It points at version {version}."}
            for alias, version in aliases.items()
        ],
    )


def now() -> str:
    return datetime.now(UTC).isoformat()
