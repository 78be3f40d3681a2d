"""Reads zip archives of strangers whose entries are stored as they are (core/zip_writing.py).

Since nothing is packed, no entry can hold more than the file that it comes from; entries that
overlap, links, and all that a directory says twice and differently is refused.
"""

import stat
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from core.errors import CorruptArchive, TooLarge, UnsafePath

CHUNK = 1024 * 1024
_LOCAL, _CENTRAL, _END = b"PK\x03\x04", b"PK\x01\x02", b"PK\x05\x06"
_END64, _LOCATOR64 = b"PK\x06\x06", b"PK\x06\x07"
_FULL16, _FULL32 = 0xFFFF, 0xFFFFFFFF
_ENCRYPTED = 0x0001 | 0x0040 | 0x2000
_NAME_BYTES = 256
_MOST = 2**62  # no file is longer


@dataclass(frozen=True, kw_only=True)
class Stored:
    """A regular file in an archive: `size` bytes from `start` on."""

    name: str
    start: int
    size: int
    crc: int


def read_chunks(file: BinaryIO, entry: Stored) -> Iterator[bytes]:
    """The bytes of an entry. Raises CorruptArchive when they are not those of its checksum."""
    file.seek(entry.start)
    left, crc = entry.size, 0
    while left:
        chunk = file.read(min(CHUNK, left))
        if not chunk:
            raise _damaged("it is cut short")
        left -= len(chunk)
        crc = zlib.crc32(chunk, crc)
        yield chunk
    if crc != entry.crc:
        raise _damaged(f"{entry.name} is not what its checksum says")


def stored_entries(file: BinaryIO, most: int) -> list[Stored]:
    """The files of an archive, `most` at most, in the order of their bytes.

    Raises CorruptArchive, TooLarge, UnsafePath: whatever is odd is refused.
    """
    start, size = _directory(file)
    if size > most * (46 + 2 * _NAME_BYTES):
        raise TooLarge(f"The archive lists more than {most} files.")
    listed = sorted(_records(_exactly(file, start, size)), key=lambda record: record[1])
    if len(listed) > most:
        raise TooLarge(f"The archive has more than {most} entries.")
    names = [record.name for record, _ in listed]
    if len(set(names)) != len(names):
        raise _damaged("a name stands in it twice")
    ends = [offset for _, offset in listed[1:]] + [start]
    return [_located(file, *place, end) for place, end in zip(listed, ends, strict=False)]


def _exactly(file: BinaryIO, at: int, number: int) -> bytes:
    data = b""
    if at < _MOST:
        file.seek(at)
        data = file.read(number)
    if len(data) != number:
        raise _damaged("it is cut short")
    return data


def _directory(file: BinaryIO) -> tuple[int, int]:
    """(offset, size) of the central directory, which ends where the end record begins."""
    length = file.seek(0, 2)
    tail_at = max(0, length - 22 - _FULL16)
    tail = _exactly(file, tail_at, length - tail_at)
    at = tail.rfind(_END)
    if at < 0 or len(tail) < at + 22:
        raise _damaged("it is no zip file, or cut short")
    disk, other, _, _, size, start, comment = struct.unpack_from("<4H2IH", tail, at + 4)
    end = tail_at + at
    if disk or other or end + 22 + comment != length:
        raise _damaged("its directory contradicts itself")
    if start == _FULL32:
        size, start, end = _directory64(file, end)
    if start + size != end:
        raise _damaged("its directory is not where it should be")
    return start, size


def _directory64(file: BinaryIO, end: int) -> tuple[int, int, int]:
    locator = _exactly(file, max(0, end - 20), 20)
    at = struct.unpack_from("<Q", locator, 8)[0]
    if locator[:4] != _LOCATOR64 or at + 56 > end:
        raise _damaged("its ZIP64 directory is missing")
    record = _exactly(file, at, 56)
    if record[:4] != _END64:
        raise _damaged("its ZIP64 directory is missing")
    size, start = struct.unpack_from("<2Q", record, 40)
    return size, start, at


def _records(directory: bytes) -> Iterator[tuple[Stored, int]]:
    """The entries that the directory lists, and where the head of each begins."""
    at = 0
    while at < len(directory):
        if directory[at : at + 4] != _CENTRAL or at + 46 > len(directory):
            raise _damaged("its directory is broken")
        names, extras, comments = struct.unpack_from("<3H", directory, at + 28)
        end = at + 46 + names + extras + comments
        if end > len(directory):
            raise _damaged("its directory is broken")
        raw = directory[at + 46 : at + 46 + names]
        extra = directory[at + 46 + names : at + 46 + names + extras]
        yield _record(directory[at : at + 46], raw, extra)
        at = end


def _record(fixed: bytes, raw: bytes, extra: bytes) -> tuple[Stored, int]:
    system, flags, method = struct.unpack_from("<xB2xHH", fixed, 4)
    crc, packed, size = struct.unpack_from("<3I", fixed, 16)
    attributes, offset = struct.unpack_from("<2I", fixed, 38)
    name = _name(raw)
    kind = stat.S_IFMT(attributes >> 16) if system in (3, 19) else 0
    if kind not in (0, stat.S_IFREG):
        raise _unsafe(name, "is no regular file")
    if flags & _ENCRYPTED:
        raise _damaged("it is encrypted")
    if method != 0:
        raise _damaged(f"{name} is compressed: entries have to be stored, as by zip -0")
    if _FULL32 in (packed, size, offset):
        size, packed, offset = _wide(extra, size, packed, offset)
    if packed != size:
        raise _damaged(f"{name} has two sizes")
    return Stored(name=name, start=0, size=size, crc=crc), offset


def _wide(extra: bytes, *narrow: int) -> tuple[int, ...]:
    """The true values in the ZIP64 field, in place of those that are full."""
    at = 0
    while at + 4 <= len(extra):
        kind, length = struct.unpack_from("<2H", extra, at)
        field = extra[at + 4 : at + 4 + length]
        if kind == 1 and len(field) >= 8 * narrow.count(_FULL32):
            values = iter(struct.unpack_from(f"<{narrow.count(_FULL32)}Q", field))
            return tuple(next(values) if value == _FULL32 else value for value in narrow)
        at += 4 + length
    raise _damaged("its ZIP64 sizes are missing")


def _located(file: BinaryIO, entry: Stored, offset: int, end: int) -> Stored:
    """The entry with the place of its bytes, which end before `end`."""
    fixed = _exactly(file, offset, 30)
    names, extras = struct.unpack_from("<2H", fixed, 26)
    start = offset + 30 + names + extras
    if fixed[:4] != _LOCAL or start + entry.size > end:
        raise _damaged("its entries overlap")
    if struct.unpack_from("<H", fixed, 8)[0] != 0 or file.read(names) != entry.name.encode():
        raise _damaged("an entry has two descriptions")
    return Stored(name=entry.name, start=start, size=entry.size, crc=entry.crc)


def _name(raw: bytes) -> str:
    shown = ascii(raw[:_NAME_BYTES])[2:-1]
    if len(raw) > _NAME_BYTES or not raw.isascii():
        raise _unsafe(shown, "has a name that is not known here")
    return raw.decode("ascii")


def _damaged(what: str) -> CorruptArchive:
    return CorruptArchive(f"The archive cannot be read: {what}. Export the model again.")


def _unsafe(name: str, what: str) -> UnsafePath:
    return UnsafePath(
        f"The entry {name} {what}. Nothing of the archive was taken.",
        errors=[{"file": name, "detail": what}],
    )
