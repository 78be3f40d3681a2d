"""Zip archives whose entries are stored as they are: the same files give the same bytes.

APPNOTE 4.3, with ZIP64 (4.5.3) for what is beyond 4 GiB. Dates are those of the format's beginning.
Sums come before the bytes that they are of, so that also a reader of streams can check them.
"""

import stat
import struct
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

FULL = 0xFFFFFFFF  # from here on sizes need ZIP64
_LOCAL, _CENTRAL, _END = b"PK\x03\x04", b"PK\x01\x02", b"PK\x05\x06"
_END64, _LOCATOR64 = b"PK\x06\x06", b"PK\x06\x07"
_UTF8 = 0x0800
_DATE = 0x0021  # 1 January 1980
_NEED, _MADE = 45, (3 << 8) | 45  # version 4.5; made on Unix
_MODE = (stat.S_IFREG | 0o600) << 16


@dataclass(frozen=True, kw_only=True)
class Member:
    """A file that is to be written: `chunks` gives its `size` bytes, whose CRC-32 is `crc`."""

    name: str
    size: int
    crc: int
    chunks: Callable[[], Iterable[bytes]]


def zip_length(members: Sequence[Member]) -> int:
    """How many bytes `zip_chunks` gives."""
    return sum(len(head) for head in _heads(members)) + sum(member.size for member in members)


def zip_chunks(members: Sequence[Member]) -> Iterator[bytes]:
    """The archive, piece by piece."""
    *heads, directory = _heads(members)
    for head, member in zip(heads, members, strict=True):
        yield head
        written = 0
        for chunk in member.chunks():
            written += len(chunk)
            yield chunk
        assert written == member.size, f"{member.name} changed while it was read"
    yield directory


def _heads(members: Sequence[Member]) -> list[bytes]:
    """What stands before each file, and last what stands behind all of them."""
    wide = sum(member.size + 256 for member in members) >= FULL
    heads, central, offset = [], b"", 0
    for member in members:
        name = member.name.encode()
        sizes = (FULL, FULL) if wide else (member.size, member.size)
        own = struct.pack("<2H2Q", 1, 16, member.size, member.size) if wide else b""
        extra = struct.pack("<2H3Q", 1, 24, member.size, member.size, offset) if wide else b""
        fixed = struct.pack("<5H3I", _NEED, _UTF8, 0, 0, _DATE, member.crc, *sizes)
        lengths = struct.pack("<2H", len(name), len(own))
        heads.append(_LOCAL + fixed + lengths + name + own)
        place = struct.pack("<5H2I", len(name), len(extra), 0, 0, 0, _MODE, _narrow(offset, wide))
        central += _CENTRAL + struct.pack("<H", _MADE) + fixed + place + name + extra
        offset += len(heads[-1]) + member.size
    return [*heads, central + _ending(len(members), len(central), offset, wide)]


def _ending(count: int, size: int, start: int, wide: bool) -> bytes:
    end = struct.pack("<4H2IH", 0, 0, count, count, size, _narrow(start, wide), 0)
    if not wide:
        return _END + end
    record = struct.pack("<Q2H2I4Q", 44, _MADE, _NEED, 0, 0, count, count, size, start)
    locator = struct.pack("<IQI", 0, start + size, 1)
    return _END64 + record + _LOCATOR64 + locator + _END + end


def _narrow(offset: int, wide: bool) -> int:
    return FULL if wide else offset
