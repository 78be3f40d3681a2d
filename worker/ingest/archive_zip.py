"""A zip reader that believes nothing: the format's own sizes only ever make it stop earlier.

Reads the central directory (APPNOTE 4.3.12, with ZIP64), refuses entries that overlap, that are
encrypted or links, and inflates in small pieces under the limits of `archive_rules.py`.
"""

import functools
import stat
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from worker.ingest.archive_rules import (
    CHUNK,
    Entry,
    Limits,
    Meter,
    clean_name,
    damaged,
    is_junk,
    not_a_file,
    text_of,
)

_END, _END64, _LOCATOR64 = b"PK\x05\x06", b"PK\x06\x06", b"PK\x06\x07"
_CENTRAL, _LOCAL = b"PK\x01\x02", b"PK\x03\x04"
_STORED, _DEFLATED = 0, 8
_ENCRYPTED = 0x0001 | 0x0040 | 0x2000
_UNIX = (3, 19)  # systems whose attributes hold a Unix mode
_FULL16, _FULL32 = 0xFFFF, 0xFFFFFFFF


@dataclass(frozen=True, slots=True)
class _Record:
    raw_name: bytes
    name: str
    method: int
    crc: int
    packed: int
    size: int
    offset: int
    end: int = 0  # where the next entry, or the directory, begins


def zip_entries(file: BinaryIO, limits: Limits) -> Iterator[Entry]:
    """The regular files of a zip, in the order of their bytes. The whole directory is checked
    before the first one is given out."""
    meter = Meter(limits)
    start, size = _directory(file)
    records = sorted(_records(file, start, size, meter), key=lambda record: record.offset)
    ends = [record.offset for record in records[1:]] + [start]
    for record, end in zip(records, ends, strict=False):
        if record.offset + 30 + len(record.raw_name) + record.packed > end:
            raise damaged("its entries overlap")
        if record.name and not record.name.endswith("/") and not is_junk(record.name):
            read = functools.partial(_read, file, record, end, meter)
            yield Entry(name=record.name, read=read)


def _exactly(file: BinaryIO, at: int, number: int) -> bytes:
    file.seek(at)
    data = file.read(number)
    if len(data) != number:
        raise damaged("it is cut short")
    return data


def _directory(file: BinaryIO) -> tuple[int, int]:
    """(offset, size) of the central directory."""
    length = file.seek(0, 2)
    tail_at = max(0, length - 22 - _FULL16)
    tail = _exactly(file, tail_at, length - tail_at)
    at = tail.rfind(_END)
    if at < 0 or len(tail) < at + 22:
        raise damaged("it is cut short, its directory is missing")
    disk, start_disk, _, count, size, start, comment = struct.unpack_from("<4H2IH", tail, at + 4)
    if at + 22 + comment > len(tail):
        raise damaged("it is cut short")
    end = tail_at + at
    if end >= 20 and _exactly(file, end - 20, 4) == _LOCATOR64:
        end, size, start = _directory64(file, end - 20)
    elif disk or start_disk or _FULL32 in (size, start) or count == _FULL16:
        raise damaged("its directory contradicts itself")
    if start + size != end:
        raise damaged("its directory is not where it should be")
    return start, size


def _directory64(file: BinaryIO, locator: int) -> tuple[int, int, int]:
    at = struct.unpack("<Q", _exactly(file, locator + 8, 8))[0]
    if at + 56 > locator:
        raise damaged("its ZIP64 directory is not where it should be")
    record = _exactly(file, at, 56)
    if record[:4] != _END64:
        raise damaged("its ZIP64 directory is missing")
    size, start = struct.unpack_from("<QQ", record, 40)
    return at, size, start


def _records(file: BinaryIO, start: int, size: int, meter: Meter) -> Iterator[_Record]:
    at, end = start, start + size
    while at < end:
        meter.count_entry()
        fixed = _exactly(file, at, 46)
        if fixed[:4] != _CENTRAL:
            raise damaged("its directory is broken")
        lengths = struct.unpack_from("<3H", fixed, 28)
        at += 46 + sum(lengths)
        if at > end:
            raise damaged("its directory is broken")
        rest = file.read(sum(lengths))
        if len(rest) != sum(lengths):
            raise damaged("it is cut short")
        name, extra = rest[: lengths[0]], rest[lengths[0] : lengths[0] + lengths[1]]
        yield _record(fixed, name, extra, meter.limits)


def _record(fixed: bytes, raw_name: bytes, extra: bytes, limits: Limits) -> _Record:
    system, flags, method = struct.unpack_from("<xB2xHH", fixed, 4)
    crc, packed, size = struct.unpack_from("<3I", fixed, 16)
    attributes, offset = struct.unpack_from("<2I", fixed, 38)
    text = text_of(raw_name)
    folder = text.endswith("/")
    name = clean_name(text, limits) + ("/" if folder else "")
    kind = stat.S_IFMT(attributes >> 16) if system in _UNIX else 0
    if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
        raise not_a_file(name, "a link" if kind == stat.S_IFLNK else "a device or a pipe")
    if flags & _ENCRYPTED:
        raise damaged("it is encrypted")
    if method not in (_STORED, _DEFLATED):
        raise damaged(f"{name[:200]!r} is packed by method {method}, only deflate is accepted")
    size, packed, offset = _wide(extra, size, packed, offset)
    return _Record(raw_name, name, method, crc, packed, size, offset)


def _wide(extra: bytes, *narrow: int) -> tuple[int, int, int]:
    """The true size, packed size and offset: 64 bits in the extra field where 32 are full."""
    values = list(narrow)
    missing = [place for place, value in enumerate(values) if value == _FULL32]
    if not missing:
        return values[0], values[1], values[2]
    at = 0
    while at + 4 <= len(extra):
        kind, length = struct.unpack_from("<2H", extra, at)
        if kind == 1 and len(missing) * 8 <= length <= len(extra) - at - 4:
            for turn, place in enumerate(missing):
                values[place] = struct.unpack_from("<Q", extra, at + 4 + 8 * turn)[0]
            return values[0], values[1], values[2]
        at += 4 + length
    raise damaged("its ZIP64 sizes are missing")


def _read(file: BinaryIO, record: _Record, end: int, meter: Meter) -> bytes:
    fixed = _exactly(file, record.offset, 30)
    name_length, extra_length = struct.unpack_from("<2H", fixed, 26)
    start = record.offset + 30 + name_length + extra_length
    if fixed[:4] != _LOCAL or start + record.packed > end:
        raise damaged("its entries overlap")
    if file.read(name_length) != record.raw_name:
        raise damaged("an entry has two names")
    file.seek(start)
    content = meter.collect(record.name, _pieces(file, record, meter))
    if len(content) != record.size or zlib.crc32(content) != record.crc:
        raise damaged(f"{record.name[:200]!r} is not what its checksum says")
    return content


def _pieces(file: BinaryIO, record: _Record, meter: Meter) -> Iterator[tuple[bytes, int]]:
    made = 0
    for piece in _inflate(file, record):
        made += len(piece)
        meter.count_bytes(len(piece))
        if made > record.size:
            raise damaged(f"{record.name[:200]!r} is larger than it says")
        yield piece, record.packed


def _inflate(file: BinaryIO, record: _Record) -> Iterator[bytes]:
    left = record.packed
    inflater = None if record.method == _STORED else zlib.decompressobj(-zlib.MAX_WBITS)
    while left:
        data = file.read(min(CHUNK, left))
        if not data:
            raise damaged("it is cut short")
        left -= len(data)
        if inflater is None:
            yield data
            continue
        try:
            while data and not inflater.eof:
                yield inflater.decompress(data, CHUNK)
                data = inflater.unconsumed_tail
        except zlib.error as error:
            raise damaged(f"{record.name[:200]!r} does not unpack") from error
    if inflater is not None:
        yield inflater.flush()
