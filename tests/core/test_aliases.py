"""Aliases: moved by one at a time, seen by all at once, and never pointing at nothing."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from core.aliases import HISTORY, PRESENT, Aliases, precondition
from core.errors import Conflict, InUse, Invalid, NotFound, PreconditionFailed
from core.files import write_json
from core.home import Home
from core.registry import ModelStore
from core.settings import Settings
from tests.core.test_stores import weights

ROOT = Path(__file__).parents[2]
RACER = """
import sys
from core.errors import PreconditionFailed
from core.aliases import precondition
from core.home import Home
from core.registry import ModelStore
home, tag, version = sys.argv[1:]
aliases = ModelStore(Home(__import__("pathlib").Path(home))).aliases("cats")
print("ready", flush=True)
sys.stdin.readline()
try:
    aliases.put("stable", int(version), precondition(tag, ""))
    print("won")
except PreconditionFailed:
    print("lost")
"""


@pytest.fixture
def home(settings: Settings) -> Home:
    """Three versions of cats."""
    home = settings.folders
    for number in (1, 2, 3):
        home.job(f"job-{number}").mkdir()
        source = weights(home.root / f"source-{number}", str(number).encode())
        ModelStore(home).publish(source, "cats", {"job": f"job-{number}"})
    return home


@pytest.fixture
def aliases(home: Home) -> Aliases:
    return ModelStore(home).aliases("cats")


def test_an_alias_is_made_moved_and_removed(aliases: Aliases) -> None:
    made, new = aliases.put("stable", 1)
    assert (made.version, new, made.model) == (1, True, "cats")
    moved, new = aliases.put("stable", 3)
    assert (moved.version, new) == (3, False)
    assert [(move.before, move.to) for move in moved.history] == [(1, 3), (None, 1)]
    aliases.remove("stable")
    assert aliases.present() == {}
    with pytest.raises(NotFound, match="latest"):
        aliases.show("stable")
    again, new = aliases.put("stable", 2)
    assert new and [move.to for move in again.history] == [2, None, 3, 1]


def test_putting_what_is_so_already_changes_nothing(aliases: Aliases) -> None:
    first, _ = aliases.put("stable", 2)
    second, new = aliases.put("stable", 2)
    assert (second, new) == (first, False)


@pytest.mark.parametrize(
    ("alias", "error"),
    [("latest", Conflict), ("3", Invalid), ("007", Invalid), ("Stable", Invalid), ("", Invalid)],
)
def test_names_that_are_no_aliases(aliases: Aliases, alias: str, error: type[Exception]) -> None:
    for change in (
        lambda: aliases.put(alias, 1),
        lambda: aliases.remove(alias),
        lambda: aliases.roll_back(alias),
    ):
        with pytest.raises(error):
            change()


def test_an_alias_points_at_versions_that_there_are(aliases: Aliases) -> None:
    with pytest.raises(NotFound, match="no version 4"):
        aliases.put("stable", 4)
    assert aliases.present() == {}


def test_the_tag_is_another_one_after_every_move(aliases: Aliases) -> None:
    tags = [aliases.put("stable", version)[0].etag for version in (1, 2, 1)]
    tags.append(aliases.put("canary", 1)[0].etag)
    assert len(set(tags)) == 4


@pytest.mark.parametrize(
    ("if_match", "if_none_match", "exists", "allowed"),
    [
        ("", "", False, True),
        ("", "", True, True),
        ("{tag}", "", True, True),
        ('"x", {tag}', "", True, True),
        ("*", "", True, True),
        ("*", "", False, False),
        ('"x"', "", True, False),
        ('"x"', "", False, False),
        ("W/{tag}", "", True, False),
        ("", "*", False, True),
        ("", "*", True, False),
        ("", "{tag}", True, False),
        ("", '"x"', True, True),
    ],
)
def test_preconditions(
    aliases: Aliases, if_match: str, if_none_match: str, exists: bool, allowed: bool
) -> None:
    tag = aliases.put("stable", 1)[0].etag if exists else ""
    require = precondition(if_match.replace("{tag}", tag), if_none_match.replace("{tag}", tag))
    if allowed:
        assert aliases.put("stable", 2, require)[0].version == 2
    else:
        with pytest.raises(PreconditionFailed):
            aliases.put("stable", 2, require)
        assert aliases.present() == ({"stable": 1} if exists else {})


def test_of_two_processes_that_move_the_same_state_exactly_one_wins(
    home: Home, aliases: Aliases
) -> None:
    for _ in range(3):
        tag = aliases.put("stable", 1)[0].etag
        racers = [
            subprocess.Popen(
                [sys.executable, "-c", RACER, str(home.root), tag, version],
                cwd=ROOT,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
            for version in ("2", "3")
        ]
        for racer in racers:
            assert racer.stdout is not None and racer.stdout.readline() == "ready\n"
        for racer in racers:
            assert racer.stdin is not None
            racer.stdin.write("\n")
            racer.stdin.flush()
        said = [racer.communicate(timeout=30)[0].strip() for racer in racers]
        assert sorted(said) == ["lost", "won"]
        assert aliases.present() == {"stable": (2, 3)[said.index("won")]}


def test_other_processes_resolve_a_moved_alias_at_once(home: Home, aliases: Aliases) -> None:
    reader = ModelStore(home)
    for version in (1, 3, 2, 3, 1):
        aliases.put("stable", version)
        found = reader.resolve("cats@stable")
        assert (found.model.version, found.pinned) == (version, False)
        assert found.folder == home.model("cats") / str(version)
    aliases.remove("stable")
    with pytest.raises(NotFound, match=r"there are: latest\."):
        reader.resolve("cats@stable")


def test_a_version_knows_its_aliases(home: Home, aliases: Aliases) -> None:
    for alias, version in (("stable", 1), ("canary", 3), ("art", 1)):
        aliases.put(alias, version)
    known = [model.aliased_as for model in ModelStore(home).versions("cats")]
    assert known == [["latest", "canary"], [], ["art", "stable"]]


def test_rolling_back_goes_back_step_by_step(aliases: Aliases) -> None:
    for version in (1, 2, 3):
        aliases.put("stable", version)
    assert [aliases.roll_back("stable").version for _ in range(2)] == [2, 1]
    with pytest.raises(Conflict, match="no earlier version"):
        aliases.roll_back("stable")
    aliases.put("stable", 3)
    assert aliases.roll_back("stable").version == 1
    assert aliases.show("stable").history[0].how == "rolled_back"


def test_rolling_back_passes_over_versions_that_are_gone(home: Home, aliases: Aliases) -> None:
    for version in (1, 2, 3):
        aliases.put("stable", version)
    ModelStore(home).remove("cats", 2)
    assert aliases.roll_back("stable").version == 1


def test_rolling_back_ends_at_a_removal(aliases: Aliases) -> None:
    aliases.put("stable", 1)
    aliases.remove("stable")
    aliases.put("stable", 2)
    with pytest.raises(Conflict):
        aliases.roll_back("stable")
    with pytest.raises(NotFound):
        aliases.roll_back("canary")


def test_rolling_back_is_guarded_too(aliases: Aliases) -> None:
    old = aliases.put("stable", 1)[0].etag
    new = aliases.put("stable", 2)[0].etag
    with pytest.raises(PreconditionFailed):
        aliases.roll_back("stable", precondition(old, ""))
    assert aliases.roll_back("stable", precondition(new, "")).version == 1


def test_a_crash_before_the_line_of_a_move_loses_no_version(home: Home, aliases: Aliases) -> None:
    aliases.put("stable", 1)
    write_json(home.model("cats") / PRESENT, {"stable": 2})  # and then the process died
    assert aliases.show("stable").version == 2
    assert aliases.roll_back("stable").version == 1


def test_what_a_dead_process_could_not_tell_is_told_later(home: Home, aliases: Aliases) -> None:
    reader = ModelStore(home)
    aliases.put("stable", 1)
    assert reader.resolve("cats@stable").model.version == 1
    write_json(home.model("cats") / PRESENT, {"stable": 2})
    later = (home.models / "changed.json").stat().st_mtime_ns + 1_000_000
    os.utime(home.model("cats"), ns=(later, later))
    ModelStore(home).catch_up()
    assert reader.resolve("cats@stable").model.version == 2


def test_a_full_disk_changes_nothing(aliases: Aliases, monkeypatch: pytest.MonkeyPatch) -> None:
    before, _ = aliases.put("stable", 1)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    for name in ("write_atomic", "write_json"):
        with monkeypatch.context() as patch:
            patch.setattr(f"core.aliases.{name}", full)
            with pytest.raises(OSError, match="No space"):
                aliases.put("stable", 2)
        assert aliases.show("stable") == before
        assert not list(aliases.folder.glob(".*.tmp"))


def test_the_history_is_bounded(aliases: Aliases, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("core.aliases.KEPT", 5)
    monkeypatch.setattr("core.aliases.SHOWN", 3)
    for turn in range(8):
        aliases.put("stable", 1 + turn % 3)
    assert len(aliases.show("stable").history) == 3
    assert len((aliases.folder / HISTORY).read_text().splitlines()) == 5


@pytest.mark.parametrize("damage", ["{", "[]", '{"stable": null}'])
def test_damaged_aliases_do_not_hide_the_models(home: Home, damage: str) -> None:
    (home.model("cats") / PRESENT).write_text(damage)
    store = ModelStore(home)
    assert [model.version for model in store.versions("cats")] == [3, 2, 1]
    assert store.resolve("cats").model.version == 3


Removal = Callable[[ModelStore], None]


@pytest.mark.parametrize(
    "removal", [lambda s: s.remove("cats", 2), lambda s: s.remove("cats", 1, 2, 3)]
)
def test_what_an_alias_points_at_is_not_removed(
    home: Home, aliases: Aliases, removal: Removal
) -> None:
    aliases.put("stable", 2)
    store = ModelStore(home)
    with pytest.raises(InUse, match="PUT /v1/models/cats/aliases/stable"):
        removal(store)
    assert len(store.versions("cats")) == 3
    aliases.remove("stable")
    removal(store)
    assert 2 not in [model.version for model in store.versions("cats")]
