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


class Heads:
    """What stands before each file of an archive, as they come, and in the end behind all of them.

    wide: the archive may be longer than FULL.
    """

    def __init__(self, *, wide: bool) -> None:
        self.wide = wide
        self._central: list[bytes] = []
        self._offset = 0

    def before(self, name: str, size: int, crc: int) -> bytes:
        """What stands before the next file."""
        raw, wide, offset = name.encode(), self.wide, self._offset
        sizes = (FULL, FULL) if wide else (size, size)
        own = struct.pack("<2H2Q", 1, 16, size, size) if wide else b""
        extra = struct.pack("<2H3Q", 1, 24, size, size, offset) if wide else b""
        fixed = struct.pack("<5H3I", _NEED, _UTF8, 0, 0, _DATE, crc, *sizes)
        head = _LOCAL + fixed + struct.pack("<2H", len(raw), len(own)) + raw + own
        place = struct.pack("<5H2I", len(raw), len(extra), 0, 0, 0, _MODE, _narrow(offset, wide))
        self._central.append(_CENTRAL + struct.pack("<H", _MADE) + fixed + place + raw + extra)
        self._offset += len(head) + size
        return head

    def behind(self) -> bytes:
        """The directory of all files."""
        central = b"".join(self._central)
        ending = _ending(len(self._central), len(central), self._offset, self.wide)
        return central + ending


def _heads(members: Sequence[Member]) -> list[bytes]:
    """What stands before each file, and last what stands behind all of them."""
    heads = Heads(wide=sum(member.size + 256 for member in members) >= FULL)
    before = [heads.before(member.name, member.size, member.crc) for member in members]
    return [*before, heads.behind()]


def _ending(count: int, size: int, start: int, wide: bool) -> bytes:
    end = struct.pack("<4H2IH", 0, 0, count, count, size, _narrow(start, wide), 0)
    if not wide:
        return _END + end
    record = struct.pack("<Q2H2I4Q", 44, _MADE, _NEED, 0, 0, count, count, size, start)
    locator = struct.pack("<IQI", 0, start + size, 1)
    return _END64 + record + _LOCATOR64 + locator + _END + end


def _narrow(offset: int, wide: bool) -> int:
    return FULL if wide else offset
