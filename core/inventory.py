"""What stands in the folder of models, read at once: every card, with evaluations and aliases."""

import logging
import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from core.aliases import LATEST, present_in, versions_in
from core.errors import NotFound
from core.evaluations import evaluations_of
from core.files import read_json, write_json
from core.home import Home
from core.ids import is_id
from core.schemas import Model

CARD = "card.json"
PINNED = "pinned"  # an empty file: core/pins.py
CHANGED = "changed.json"  # replaced with every change
log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Inventory:
    """All models as of `stamp`. Models of which no version is left are not in it."""

    stamp: tuple[int, bytes]
    models: Mapping[str, Mapping[int, Model]] = field(default_factory=dict)  # newest first
    aliases: Mapping[str, Mapping[str, int]] = field(default_factory=dict)  # LATEST first
    newest_first: tuple[Model, ...] = ()

    def get(self, name: str, version: int) -> Model:
        """Raises NotFound."""
        found = self.models.get(name, {}).get(version)
        if found is None:
            raise NotFound(f"There is no version {version} of a model with this name.")
        return found


NOTHING = Inventory(stamp=(-1, b""))


def stamp(home: Home) -> tuple[int, bytes]:
    """Different after every change, also after two within one tick of the clock."""
    folder = str(home.models)  # every request for an image comes by here
    try:
        with open(f"{folder}/{CHANGED}", "rb", buffering=0) as file:
            told = file.read()
    except FileNotFoundError:
        told = b""
    return os.stat(folder).st_mtime_ns, told


def tell(home: Home) -> None:
    """Let every process see that the models changed."""
    write_json(home.models / CHANGED, secrets.token_hex(16))


def overlooked(home: Home) -> bool:
    """Whether a process changed the models and died before it could tell."""
    try:
        told = (home.models / CHANGED).stat().st_mtime_ns
    except FileNotFoundError:
        told = 0
    with os.scandir(home.models) as entries:
        folders = [entry for entry in entries if is_id(entry.name)]
    return any(entry.stat(follow_symlinks=False).st_mtime_ns > told for entry in folders)


def take_inventory(home: Home, stamp: tuple[int, bytes]) -> Inventory:
    """Read everything. `stamp` was taken before: what changes meanwhile is read again."""
    models: dict[str, dict[int, Model]] = {}
    aliases: dict[str, dict[str, int]] = {}
    for entry in os.scandir(home.models):
        if entry.is_dir(follow_symlinks=False) and is_id(entry.name):
            moved = _aliases(Path(entry.path))
            found = _versions(Path(entry.path), moved)
            if found:
                models[entry.name] = found
                aliases[entry.name] = {LATEST: next(iter(found)), **moved}
    every = [model for versions in models.values() for model in versions.values()]
    newest = sorted(every, key=lambda m: (m.created_at, m.name), reverse=True)
    return Inventory(stamp=stamp, models=models, aliases=aliases, newest_first=tuple(newest))


def card_in(folder: Path, version: int) -> Model:
    """One version of the model in `folder`, with its newest evaluation and its aliases."""
    newest = {LATEST: max(versions_in(folder))}
    return _card(folder, version, newest | _aliases(folder))


def _versions(folder: Path, aliases: Mapping[str, int]) -> dict[int, Model]:
    """Those that can be read, newest first; the newest of them is the latest."""
    numbers = sorted(versions_in(folder), reverse=True)
    loaded = {number: _readable(folder, number, aliases) for number in numbers}
    found = {number: model for number, model in loaded.items() if model}
    if found:
        last = next(iter(found.values()))
        own = [LATEST, *last.aliased_as]
        found[last.version] = last.model_copy(update={"aliased_as": own})
    return found


def _card(folder: Path, version: int, aliases: Mapping[str, int]) -> Model:
    own = folder / str(version)
    results = evaluations_of(own)
    newest: dict[str, Any] = {"evaluation": results[0]} if results else {}
    pointing = sorted(alias for alias, target in aliases.items() if target == version)
    pointing.sort(key=lambda alias: alias != LATEST)  # which comes first
    told = {"aliased_as": pointing, "pinned": (own / PINNED).exists()}
    return Model(**read_json(own / CARD) | newest | told)


def _readable(folder: Path, version: int, aliases: Mapping[str, int]) -> Model | None:
    """None for a version that is damaged, or removed at this moment: the others still work."""
    try:
        return _card(folder, version, aliases)
    except (OSError, ValueError, TypeError) as error:
        log.warning("version %d of %s cannot be read: %s", version, folder.name, error)
        return None


def _aliases(folder: Path) -> dict[str, int]:
    try:
        return present_in(folder)
    except (OSError, ValueError, TypeError) as error:
        log.warning("the aliases of %s cannot be read: %s", folder.name, error)
        return {}
