"""A tar reader, plain or gzipped, front to back in small pieces: ustar, GNU names and pax paths.

Anything that is not a regular file or a folder refuses the archive: links, devices, pipes, sparse
files, files that ask for another user's rights.
"""

import functools
import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from core.errors import TooLarge
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

BLOCK = 512
_MAX_HEADER = 1 << 16  # of a long name or a pax header
_ZEROS = bytes(BLOCK)
_LINKS = {b"1": "a hard link", b"2": "a symbolic link"}
_OTHER = {b"3": "a device", b"4": "a device", b"6": "a pipe", b"S": "a sparse file"}
_PAX_LINE = re.compile(rb"(\d{1,6}) ([^=]+)=")


class _Stream:
    """The bytes of the tar, inflated when it is gzipped; `packed` counts what was used up."""

    def __init__(self, file: BinaryIO, meter: Meter, *, gzipped: bool) -> None:
        self.file = file
        self.meter = meter
        self.gzipped = gzipped
        self.inflater = zlib.decompressobj(zlib.MAX_WBITS | 16)
        self.waiting = b""
        self.packed = 0
        self.made = 0

    def some(self, number: int) -> bytes:
        """At most `number` bytes, none at the end."""
        data = self._inflate(number) if self.gzipped else self.file.read(number)
        self.made += len(data)
        if not self.gzipped:
            self.packed = self.made
        self.meter.count_bytes(len(data))
        limits = self.meter.limits
        if self.made > limits.free_bytes + limits.ratio * self.packed:
            raise TooLarge(f"The archive grows more than {limits.ratio}-fold when unpacked.")
        return data

    def pieces(self, number: int) -> Iterator[bytes]:
        while number:
            data = self.some(min(CHUNK, number))
            if not data:
                raise damaged("it is cut short")
            number -= len(data)
            yield data

    def exactly(self, number: int) -> bytes:
        return b"".join(self.pieces(number))

    def _inflate(self, number: int) -> bytes:
        while True:
            if not self.waiting:
                self.waiting = self.file.read(CHUNK)
                self.packed += len(self.waiting)
                if not self.waiting:
                    return self._end()
            if self.inflater.eof:  # a further gzip member
                self.inflater = zlib.decompressobj(zlib.MAX_WBITS | 16)
            try:
                data = self.inflater.decompress(self.waiting, number)
            except zlib.error as error:
                raise damaged("its gzip stream is broken") from error
            self.waiting = self.inflater.unconsumed_tail or self.inflater.unused_data
            if data:
                return data

    def _end(self) -> bytes:
        if not self.inflater.eof:
            raise damaged("it is cut short")
        return b""


@dataclass(frozen=True, kw_only=True)
class _Header:
    name: bytes
    size: int
    kind: bytes
    mode: int


@dataclass
class _Announced:
    """What a long-name or pax header says about the entry behind it."""

    name: bytes | None = None
    size: int | None = None


def tar_entries(file: BinaryIO, limits: Limits, *, gzipped: bool) -> Iterator[Entry]:
    """The regular files of a tar, in its order."""
    meter = Meter(limits)
    stream = _Stream(file, meter, gzipped=gzipped)
    announced = _Announced()
    while (block := stream.exactly(BLOCK)) != _ZEROS:
        meter.count_entry()
        header = _parse(block)
        if header.kind in b"LKxg":
            _announce(header, stream, announced)
            continue
        name = _checked_name(header, announced, limits)
        size = header.size if announced.size is None else announced.size
        announced = _Announced()
        body = _Body(stream, name, size if header.kind != b"5" else 0)
        if header.kind != b"5" and name and not is_junk(name):
            yield Entry(name=name, read=functools.partial(body.read, meter))
        body.skip()


class _Body:
    """The content of one entry: read once, or skipped."""

    def __init__(self, stream: _Stream, name: str, size: int) -> None:
        self.stream = stream
        self.name = name
        self.size = size
        self.unread = True

    def read(self, meter: Meter) -> bytes:
        assert self.unread, "an entry of a tar is read once, before the next one"
        self.unread = False
        before = self.stream.packed
        pieces = (
            (piece, self.stream.packed - before + CHUNK) for piece in self.stream.pieces(self.size)
        )
        return meter.collect(self.name, pieces)

    def skip(self) -> None:
        """Go to the next header: over the content, if nobody read it, and the padding."""
        left = -self.size % BLOCK + (self.size if self.unread else 0)
        self.unread = False
        for _ in self.stream.pieces(left):
            pass


def is_header(block: bytes) -> bool:
    """True for a first block of a tar: its checksum is right, or it is an empty archive's."""
    if len(block) != BLOCK:
        return False
    if block == _ZEROS:
        return True
    total = sum(block[:148]) + 8 * 32 + sum(block[156:])
    return bool(re.fullmatch(rb"[ 0-7\0]{8}", block[148:156])) and _number(block[148:156]) == total


def _parse(block: bytes) -> _Header:
    if not is_header(block):
        raise damaged("a tar header is broken")
    name = block[:100].split(b"\0", 1)[0]
    if block[257:263] == b"ustar\0":
        prefix = block[345:500].split(b"\0", 1)[0]
        name = prefix + b"/" + name if prefix else name
    return _Header(
        name=name, size=_number(block[124:136]), kind=block[156:157], mode=_number(block[100:108])
    )


def _number(field: bytes) -> int:
    """Octal digits, or 255 bits behind a set first bit (GNU)."""
    if field[0] == 0x80:
        return int.from_bytes(field[1:], "big")
    digits = field.strip(b" \0")
    if not re.fullmatch(rb"[0-7]*", digits):
        raise damaged("a number in a tar header is broken")
    return int(digits or b"0", 8)


def _checked_name(header: _Header, announced: _Announced, limits: Limits) -> str:
    raw = header.name if announced.name is None else announced.name
    name = clean_name(text_of(raw), limits)
    if header.kind in _LINKS or header.kind in _OTHER:
        raise not_a_file(name, _LINKS.get(header.kind) or _OTHER[header.kind])
    if header.kind not in (b"0", b"\0", b"5", b"7"):
        raise damaged(f"it holds an entry of the unknown kind {header.kind!r}")
    if header.kind != b"5" and header.mode & 0o6000:
        raise not_a_file(name, "a program with another user's rights")
    return name


def _announce(header: _Header, stream: _Stream, announced: _Announced) -> None:
    if header.size > _MAX_HEADER:
        raise TooLarge(f"A header in the archive is longer than {_MAX_HEADER:,} bytes.")
    content = stream.exactly(header.size + -header.size % BLOCK)[: header.size]
    if header.kind == b"L":
        announced.name = content.rstrip(b"\0")
    elif header.kind == b"x":
        _pax(content, announced)


def _pax(content: bytes, announced: _Announced) -> None:
    at = 0
    while at < len(content):
        match = _PAX_LINE.match(content, at)
        end = at + int(match[1]) if match else 0
        if match is None or not match.end() < end <= len(content):
            raise damaged("a pax header is broken")
        value = content[match.end() : end - 1]
        if match[2] == b"path":
            announced.name = value
        elif match[2] == b"size":
            announced.size = _size(value)
        elif match[2].startswith(b"GNU.sparse"):
            raise not_a_file(text_of(announced.name or b"an entry"), "a sparse file")
        at = end


def _size(value: bytes) -> int:
    if not re.fullmatch(rb"\d{1,18}", value):
        raise damaged("a size in a pax header is broken")
    return int(value)
