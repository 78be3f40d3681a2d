"""The aliases of one model: names that are moved by hand from version to version.

`aliases.json` holds what is so now, {alias: version}; `aliases.jsonl` how it became so, a line for
each move. Changes take turns by a lock on a file in the model's folder, across all processes.
"""

import fcntl
import hashlib
import json
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from core.errors import Conflict, Invalid, NotFound, PreconditionFailed
from core.files import read_json, sync_folder, temporary, write_atomic, write_json
from core.ids import is_id
from core.schemas import Alias, Move

LATEST = "latest"
PRESENT, HISTORY, LOCK = "aliases.json", "aliases.jsonl", ".aliases.lock"
KEPT = 1000  # moves of one model that are remembered
SHOWN = 50  # moves of one alias that are answered


Require = Callable[[str | None], None]  # gets the present tag; raises PreconditionFailed


def anything(tag: str | None) -> None:
    """Nothing is required of the present state."""


class Aliases:
    """The aliases in the folder of one model; `moved` is told of every change."""

    def __init__(self, folder: Path, moved: Callable[[], None]) -> None:
        self.folder = folder
        self.moved = moved

    def present(self) -> dict[str, int]:
        return present_in(self.folder)

    def show(self, alias: str) -> Alias:
        """Raises NotFound."""
        now = self.present()
        if alias not in now:
            known = ", ".join([LATEST, *sorted(now)])
            raise NotFound(f"{self.folder.name} has no alias {alias}; it has: {known}.")
        return self._shown(alias, now[alias], self._moves(alias))

    def put(self, alias: str, version: int, require: Require = anything) -> tuple[Alias, bool]:
        """Let the alias point at a version; True when it is a new one.

        Raises Conflict, Invalid, NotFound, PreconditionFailed.
        """
        require_movable(alias)
        with self.held() as now:
            require(self._tag(alias, now))
            if version not in versions_in(self.folder):
                raise NotFound(f"There is no version {version} of {self.folder.name}.")
            if now.get(alias) != version:
                self._move(now, alias, version, "set")
            return self.show(alias), alias not in now

    def roll_back(self, alias: str, require: Require = anything) -> Alias:
        """Let the alias point at the version that it pointed at before, if that still exists.

        Asked again it goes one further back. Raises Conflict, NotFound, PreconditionFailed.
        """
        require_movable(alias)
        with self.held() as now:
            require(self._tag(alias, now))
            self.show(alias)
            trail = trail_of(self._moves(alias), now[alias])
            there = versions_in(self.folder)
            earlier = [version for version in trail[:-1] if version in there]
            if not earlier:
                raise Conflict(
                    f"{alias} has no earlier version of {self.folder.name} to go back to; PUT it "
                    "with the version that you want."
                )
            self._move(now, alias, earlier[-1], "rolled_back")
            return self.show(alias)

    def remove(self, alias: str, require: Require = anything) -> None:
        """Raises Conflict, NotFound, PreconditionFailed."""
        require_movable(alias)
        with self.held() as now:
            require(self._tag(alias, now))
            self.show(alias)
            self._move(now, alias, None, "removed")

    @contextmanager
    def held(self) -> Iterator[dict[str, int]]:
        """The present aliases, which nobody changes before the end of the block."""
        handle = os.open(self.folder / LOCK, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield self.present()
        finally:
            os.close(handle)

    def _move(self, now: Mapping[str, int], alias: str, to: int | None, how: str) -> None:
        """The present state changes first: what the history lacks after a crash does no harm."""
        at = datetime.now(UTC).isoformat()
        move = {"alias": alias, "from": now.get(alias), "to": to, "at": at, "how": how}
        lines = [*self._lines(), move][-KEPT:]
        text = "".join(json.dumps(line) + "\n" for line in lines)
        kept = {name: version for name, version in now.items() if name != alias}
        history = temporary(self.folder / HISTORY)
        write_atomic(history, text.encode())  # so that a full disk is noticed before the change
        try:
            write_json(self.folder / PRESENT, kept if to is None else kept | {alias: to})
            os.replace(history, self.folder / HISTORY)
        finally:
            history.unlink(missing_ok=True)
        sync_folder(self.folder)
        self.moved()

    def _lines(self) -> list[dict[str, Any]]:
        """Every move that is remembered, oldest first."""
        try:
            text = (self.folder / HISTORY).read_text()
        except FileNotFoundError:
            return []
        return [json.loads(line) for line in text.splitlines()]

    def _moves(self, alias: str) -> list[Move]:
        return [Move(**line) for line in self._lines() if line["alias"] == alias]

    def _tag(self, alias: str, now: Mapping[str, int]) -> str | None:
        """The ETag of the present state; None when there is no such alias."""
        if alias not in now:
            return None
        return self._shown(alias, now[alias], self._moves(alias)).etag

    def _shown(self, alias: str, version: int, moves: list[Move]) -> Alias:
        name = self.folder.name
        last = moves[-1].at.isoformat() if moves else ""
        digest = hashlib.sha256(f"{name} {alias} {version} {last}".encode()).hexdigest()
        return Alias(
            model=name,
            alias=alias,
            version=version,
            etag=f'"{digest[:32]}"',
            history=moves[: -SHOWN - 1 : -1],
        )


def present_in(folder: Path) -> dict[str, int]:
    """The aliases of the model in `folder`; none when there is no such file."""
    try:
        found = read_json(folder / PRESENT)
    except FileNotFoundError:
        return {}
    if not isinstance(found, dict):
        raise ValueError(f"{PRESENT} is no JSON object")
    return {a: int(version) for a, version in found.items() if is_id(a) and a != LATEST}


def versions_in(folder: Path) -> set[int]:
    """The numbers of the versions that stand in the folder of a model."""
    return {int(name) for name in os.listdir(folder) if name.isascii() and name.isdigit()}


def require_movable(alias: str) -> None:
    """Raise Conflict or Invalid for what cannot be an alias that is moved by hand."""
    if alias == LATEST:
        raise Conflict(
            "latest moves by itself: it is the newest version. Use an alias of your own, such as "
            "stable."
        )
    if alias.isdigit() or not is_id(alias):
        message = "An alias is 1 to 64 characters of a-z, 0-9, _ and -, and not only digits."
        raise Invalid(message, errors=[{"pointer": "#/path/alias", "message": message}])


def trail_of(moves: list[Move], present: int) -> list[int]:
    """The versions that rolling back goes through, the present one last.

    A removal forgets what was before it; a roll back takes back what it left.
    """
    trail: list[int] = []
    for move in moves:
        if move.to is None:
            trail = []
            continue
        if move.how == "rolled_back" and move.to in trail:
            while trail[-1] != move.to:
                trail.pop()
        elif trail[-1:] != [move.to]:
            trail.append(move.to)
    if trail[-1:] != [present]:  # a crash came between the change and its line
        trail.append(present)
    return trail


def precondition(if_match: str, if_none_match: str) -> Require:
    """What the two headers of RFC 9110 require of the present tag."""

    def require(tag: str | None) -> None:
        if if_match and not _named(if_match, tag):
            raise PreconditionFailed(
                "It was changed meanwhile: GET it, look, and send its new ETag in If-Match."
                if tag
                else "There is no such alias; create it without If-Match."
            )
        if if_none_match and _named(if_none_match, tag):
            raise PreconditionFailed("It exists already: leave If-None-Match out to move it.")

    return require


def _named(header: str, tag: str | None) -> bool:
    """Whether the header means the tag; weak tags never do."""
    return tag is not None and any(text.strip() in ("*", tag) for text in header.split(","))
