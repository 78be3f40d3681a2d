"""Files are whole or absent."""

import os
from pathlib import Path

import pytest

from core.files import publish_folder, read_json, remove_tree, write_atomic, write_json


def test_a_failed_write_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.json"
    write_json(path, {"old": True})

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(OSError, match="No space"):
        write_atomic(path, b"new")
    assert read_json(path) == {"old": True}
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.json"]


def test_planted_links_are_not_followed(tmp_path: Path) -> None:
    (tmp_path / "secret.json").write_text('{"secret": 1}')
    (tmp_path / "a.json").symlink_to(tmp_path / "secret.json")
    with pytest.raises(OSError):
        read_json(tmp_path / "a.json")


def test_folders_are_published_and_removed_whole(tmp_path: Path) -> None:
    source, target = tmp_path / ".part", tmp_path / "public"
    source.mkdir()
    (source / "file").write_text("x")
    publish_folder(source, target)
    assert not source.exists() and (target / "file").read_text() == "x"
    remove_tree(target)
    remove_tree(target)  # again is no error
    assert list(tmp_path.iterdir()) == []
