"""Files that are whole or absent: temporary name, fsync, rename, fsync of the folder."""

import contextlib
import errno
import hashlib
import json
import os
import secrets
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

from core.crashpoints import crash_point

OUT_OF_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})  # of an OSError
OUT_OF_HANDLES = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOMEM})
CHUNK = 1024 * 1024  # bytes that are read at once
PARTIAL = ".tmp"  # part of every temporary name, so that leftovers can be found and removed


def temporary(path: Path) -> Path:
    """A name beside `path` that no reader looks at."""
    return path.with_name(f".{path.name}.{secrets.token_hex(4)}{PARTIAL}")


def sync_folder(folder: Path) -> None:
    """Make renames inside `folder` survive a power cut."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def sync_file(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def write_atomic(path: Path, content: bytes) -> None:
    """Write `content` so that `path` holds either the old bytes or all of the new ones."""
    partial = temporary(path)
    try:
        with open(partial, "xb") as file:
            file.write(content)
            file.flush()
            crash_point("file.written")
            os.fsync(file.fileno())
        crash_point("file.synced")
        os.replace(partial, path)
        crash_point("file.renamed")
    except BaseException:
        partial.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def write_json(path: Path, value: Any) -> None:
    write_atomic(path, json.dumps(value, ensure_ascii=False, indent=1).encode())


def write_once(path: Path, value: Any) -> Any:
    """Write `value` unless there is one: exactly one of several writers wins, and all get its."""
    partial = temporary(path)
    write_json(partial, value)
    try:
        os.link(partial, path)
        sync_folder(path.parent)
    except FileExistsError:
        pass
    finally:
        partial.unlink(missing_ok=True)
    return read_json(path)


def passing(error: Exception) -> bool:
    """Whether a failed read says something of this moment, and nothing of the file."""
    return isinstance(error, OSError) and error.errno in OUT_OF_HANDLES


def read_json(path: Path) -> Any:
    """The JSON value in `path`. Links are not followed: our folders hold plain files only."""
    handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
    with open(handle, "rb") as file:
        return json.load(file)


def json_lines(path: Path) -> Iterator[dict[str, Any]]:
    """The records of a file with one in each line; torn lines, and no file, are passed over."""
    try:
        lines = path.read_bytes().splitlines()
    except FileNotFoundError:
        return
    for line in lines:
        with contextlib.suppress(ValueError):
            found = json.loads(line)
            if isinstance(found, dict):
                yield found


def chunks_of(file: BinaryIO) -> Iterator[bytes]:
    """What an open file still holds, piece by piece. It is closed afterwards."""
    with file:
        while chunk := file.read(CHUNK):
            yield chunk


def publish_folder(source: Path, target: Path) -> None:
    """Rename a finished folder to its public name, durable. `target` must not exist."""
    for path in source.iterdir():
        if path.is_file():
            sync_file(path)
    sync_folder(source)
    os.rename(source, target)
    sync_folder(target.parent)


def link_all(folder: Path, names: Iterable[str], target: Path) -> None:
    """Link files of one folder into another: all of this folder, also when another takes its name
    meanwhile. Raises FileNotFoundError."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        for name in names:
            os.link(name, target / name, src_dir_fd=handle)
    finally:
        os.close(handle)


def remove_tree(folder: Path) -> None:
    """Remove a folder, if it is there, by way of a hidden name: readers never see half of it."""
    hidden = temporary(folder)
    try:
        os.rename(folder, hidden)
    except FileNotFoundError:
        return
    shutil.rmtree(hidden)


def sha256_of(path: Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
