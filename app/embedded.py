"""Our texts inside image files: iTXt chunks of PNG, EXIF of WebP and JPEG (worker/encode.py).

The files are strangers': what a length says is not believed, every walk has an end, and nothing is
inflated or decoded.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

from core.errors import UnsupportedMedia
from core.generation import Format

MAX_PARTS = 10_000  # of a file that are looked at
MAX_TEXT_BYTES = 64 * 1024  # longer ones are not ours
MAX_FIELDS = 512  # of one EXIF directory
PNG, JPEG = b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff"
START_OF_SCAN = 0xDA  # behind it a JPEG has pixels
APP1 = 0xE1
DESCRIPTION, EXIF, COMMENT = 0x010E, 0x8769, 0x9286  # EXIF tags
TEXTS = (1, 2, 7)  # EXIF types of one byte
BYTE_ORDERS = {b"II*\0": "<", b"MM\0*": ">"}

Part = tuple[bytes | int, memoryview]  # its kind, and what there is of its content


@dataclass(frozen=True, kw_only=True)
class Embedded:
    """The format of a file, the line for people, and the JSON; either may be missing."""

    format: Format
    parameters: str | None
    facts: bytes | None


def embedded(data: bytes) -> Embedded:
    """Raises UnsupportedMedia when the file is no PNG, WebP or JPEG."""
    view = memoryview(data)
    if data.startswith(PNG):
        texts = _png_texts(view)
        return _found("png", texts.get(b"parameters"), texts.get(b"ganvas"))
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return _found("webp", *_exif_texts(_first(_webp_parts(view), b"EXIF")))
    if data.startswith(JPEG):
        return _found("jpeg", *_exif_texts(_first(_jpeg_parts(view), APP1, b"Exif\0\0")))
    raise UnsupportedMedia("This file is no PNG, WebP or JPEG image.")


def _found(format: Format, parameters: bytes | None, facts: bytes | None) -> Embedded:
    line = None if parameters is None else parameters.decode("utf-8", "replace")
    return Embedded(format=format, parameters=line, facts=facts)


def _png_parts(data: memoryview) -> Iterator[Part]:
    at = len(PNG)
    while at + 8 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, at)
        yield kind, data[at + 8 : at + 8 + length]
        at += 12 + length


def _webp_parts(data: memoryview) -> Iterator[Part]:
    at = 12
    while at + 8 <= len(data):
        kind, length = struct.unpack_from("<4sI", data, at)
        yield kind, data[at + 8 : at + 8 + length]
        at += 8 + length + length % 2


def _jpeg_parts(data: memoryview) -> Iterator[Part]:
    at = 2
    while at + 4 <= len(data):
        mark, kind, length = struct.unpack_from(">BBH", data, at)
        if mark != 0xFF or kind == START_OF_SCAN:
            return
        yield kind, data[at + 4 : at + 2 + length]
        at += 2 + length


def _first(parts: Iterator[Part], kind: bytes | int, start: bytes = b"") -> bytes:
    """The first part of a kind that begins with `start`; empty when there is none of our size."""
    for found, content in islice(parts, MAX_PARTS):
        if found == kind and content[: len(start)] == start:
            return bytes(content) if len(content) <= MAX_TEXT_BYTES else b""
    return b""


def _png_texts(data: memoryview) -> dict[bytes, bytes]:
    """The texts of all iTXt chunks that are not compressed, by keyword; the first one counts."""
    texts: dict[bytes, bytes] = {}
    for kind, content in islice(_png_parts(data), MAX_PARTS):
        if kind != b"iTXt" or len(content) > MAX_TEXT_BYTES:
            continue
        keyword, _, rest = bytes(content).partition(b"\0")
        fields = rest[2:].split(b"\0", 2)  # language, translated keyword, text
        if rest[:1] == b"\0" and len(fields) == 3:
            texts.setdefault(keyword, fields[2])
    return texts


def _exif_texts(exif: bytes) -> tuple[bytes | None, bytes | None]:
    """The description and the comment."""
    tiff = exif.removeprefix(b"Exif\0\0")
    order = BYTE_ORDERS.get(tiff[:4])
    if order is None:
        return None, None
    image = _directory(tiff, order, tiff[4:8])
    camera = _directory(tiff, order, image.get(EXIF, b""))
    description, comment = image.get(DESCRIPTION), camera.get(COMMENT)
    return (
        None if description is None else description.rstrip(b"\0"),
        None if comment is None else comment.removeprefix(b"ASCII\0\0\0"),
    )


def _directory(tiff: bytes, order: str, pointer: bytes) -> dict[int, bytes]:
    """Our fields of the directory that `pointer` leads to: contents of texts, other pointers."""
    try:
        (at,) = struct.unpack(f"{order}I", pointer)
        (count,) = struct.unpack_from(f"{order}H", tiff, at)
    except struct.error:
        return {}
    fields: dict[int, bytes] = {}
    first, end = at + 2, min(at + 2 + 12 * min(count, MAX_FIELDS), len(tiff) - 11)
    for entry in range(first, end, 12):
        tag, kind, size, value = struct.unpack_from(f"{order}HHI4s", tiff, entry)
        if tag in (DESCRIPTION, EXIF, COMMENT):
            fields.setdefault(tag, _content(tiff, order, kind, size, value))
    return fields


def _content(tiff: bytes, order: str, kind: int, size: int, value: bytes) -> bytes:
    """Of a field. A text of more than four bytes stands elsewhere."""
    if kind not in TEXTS:
        return value
    if size <= len(value):
        return value[:size]
    (start,) = struct.unpack(f"{order}I", value)
    return tiff[start : start + size]
