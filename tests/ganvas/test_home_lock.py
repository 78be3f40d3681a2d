"""One launcher for one home folder."""

import json
import os
from pathlib import Path

import pytest

from ganvas.home_lock import AlreadyRunning, HomeLock, running


def test_second_launcher_is_refused_with_the_address_of_the_first(tmp_path: Path) -> None:
    first, second = HomeLock(tmp_path), HomeLock(tmp_path)
    first.acquire()
    first.announce("http://127.0.0.1:8123")
    with pytest.raises(AlreadyRunning, match=r"at http://127\.0\.0\.1:8123"):
        second.acquire()
    first.withdraw()
    first.release()
    second.acquire()
    second.release()


def test_launcher_that_says_nothing_is_waited_for_and_then_respected(tmp_path: Path) -> None:
    first, second = HomeLock(tmp_path), HomeLock(tmp_path)
    first.acquire()
    with pytest.raises(AlreadyRunning, match="is starting"):
        second.acquire(patience=0.05)
    first.release()


def test_stale_note_of_a_dead_launcher_does_not_count(tmp_path: Path) -> None:
    child = os.fork()
    if child == 0:
        os._exit(0)
    os.waitpid(child, 0)
    (tmp_path / "up.json").write_text(json.dumps({"url": "http://x", "pid": child}))
    assert running(tmp_path) is None
    lock = HomeLock(tmp_path)
    lock.acquire()
    lock.release()


@pytest.mark.parametrize("note", ["", "{}", "[1]", '{"url": "http://x", "pid": "no"}'])
def test_damaged_note_does_not_count(tmp_path: Path, note: str) -> None:
    (tmp_path / "up.json").write_text(note)
    assert running(tmp_path) is None


def test_live_launcher_is_found(tmp_path: Path) -> None:
    lock = HomeLock(tmp_path)
    lock.acquire()
    lock.announce("http://127.0.0.1:8123")
    found = running(tmp_path)
    assert found is not None and (found.url, found.pid) == ("http://127.0.0.1:8123", os.getpid())
    lock.release()
