"""Every source of files behind one iterator: zip, tar, tar.gz, uploaded files, a plain folder.

The kind is decided by the first bytes, never by the name. Nothing is ever extracted: a file's
content goes to the caller as bytes, its name as text; no path is built from that name.
"""

import functools
import os
import re
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

from core.errors import CorruptArchive
from core.files import read_json
from worker.ingest.archive_rules import (
    CHUNK,
    LIMITS,
    Entry,
    Limits,
    Meter,
    clean_name,
    is_junk,
    not_a_file,
)
from worker.ingest.archive_tar import BLOCK, is_header, tar_entries
from worker.ingest.archive_zip import zip_entries

NAMES = "names.json"  # beside uploaded files: {"files": [{"stored": "000001", "name": "..."}]}
_STORED = re.compile(r"[0-9]{1,9}")


def entries(path: Path, limits: Limits = LIMITS) -> Iterator[Entry]:
    """The regular files of an archive or a folder. Read each before asking for the next.

    Raises CorruptArchive, TooLarge, UnsafePath.
    """
    if not path.is_dir():
        yield from _archive_entries(path, limits)
        return
    uploaded = _uploaded(path)
    if len(uploaded) == 1 and _kind(uploaded[0][0]) is not None:
        yield from _archive_entries(uploaded[0][0], limits)
        return
    meter = Meter(limits)
    for file, name in uploaded or _walk(path, path):
        meter.count_entry()
        clean = clean_name(name, limits)
        if clean and not is_junk(clean):
            yield Entry(name=clean, read=functools.partial(_read, file, clean, meter))


def _archive_entries(path: Path, limits: Limits) -> Iterator[Entry]:
    kind = _kind(path)
    with _open(path) as file:
        if kind == "zip":
            yield from zip_entries(file, limits)
        elif kind is not None:
            yield from tar_entries(file, limits, gzipped=kind == "gzip")
        else:
            raise CorruptArchive("This is no archive: accepted are zip, tar and tar.gz.")


def _kind(path: Path) -> str | None:
    with _open(path) as file:
        return _kind_of(file.read(BLOCK))


def _kind_of(start: bytes) -> str | None:
    if start[:4] in (b"PK\x03\x04", b"PK\x05\x06"):
        return "zip"
    if start[:2] == b"\x1f\x8b":
        return "gzip"
    return "tar" if is_header(start) else None


def _open(path: Path) -> BinaryIO:
    """Open a regular file for reading; links are not followed."""
    return open(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb")


def _uploaded(folder: Path) -> list[tuple[Path, str]]:
    """The files of a multipart upload with the names that they came under."""
    if not (folder / NAMES).exists():
        return []
    listed: list[dict[str, Any]] = read_json(folder / NAMES)["files"]
    for file in listed:
        assert _STORED.fullmatch(file["stored"]), "stored names are ours: digits only"
    return [(folder / file["stored"], file["name"]) for file in listed]


def _walk(root: Path, folder: Path) -> Iterator[tuple[Path, str]]:
    with os.scandir(folder) as listing:
        children = sorted(listing, key=lambda child: child.name)
    for child in children:
        path = Path(child.path)
        name = path.relative_to(root).as_posix()
        mode = child.stat(follow_symlinks=False).st_mode
        if stat.S_ISDIR(mode):
            yield from _walk(root, path)
        elif stat.S_ISREG(mode):
            yield path, name
        else:
            raise not_a_file(name, "a link" if stat.S_ISLNK(mode) else "a device or a pipe")


def _read(path: Path, name: str, meter: Meter) -> bytes:
    def pieces() -> Iterator[tuple[bytes, int]]:
        with _open(path) as file:
            while piece := file.read(CHUNK):
                meter.count_bytes(len(piece))
                yield piece, meter.limits.entry_bytes

    return meter.collect(name, pieces())
