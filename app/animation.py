"""Still WebP files to one animation: the frames' own bytes in another frame, nothing is encoded.

RFC 9649: a still file is RIFF, WEBP, then chunks; an animation has VP8X, ANIM and an ANMF for each
frame. Metadata (EXIF) is that of the first frame.
"""

import struct
from collections.abc import Sequence

_ANIMATED, _EXIF = 0x02, 0x08  # flags of VP8X
_IMAGE = (b"ALPH", b"VP8 ", b"VP8L")
_REPLACE = 0x02  # a frame takes the place of the one before, nothing is blended


def animated(frames: Sequence[bytes], width: int, height: int, duration: int, loop: bool) -> bytes:
    """The frames, all of width x height pixels, each for `duration` milliseconds.

    loop: back and forth for ever, otherwise once from the first to the last.
    """
    parts = [_chunks(frame) for frame in frames]
    exif = [data for kind, data in parts[0] if kind == b"EXIF"]
    size = _three(width - 1) + _three(height - 1)
    shown = [
        _chunk(b"ANMF", bytes(6) + size + _three(duration) + bytes([_REPLACE]) + _pixels(part))
        for part in parts
    ]
    if loop:
        shown += shown[-2:0:-1]
    flags = _ANIMATED | (_EXIF if exif else 0)
    body = [
        b"WEBP",
        _chunk(b"VP8X", bytes([flags, 0, 0, 0]) + size),
        _chunk(b"ANIM", struct.pack("<IH", 0, 0 if loop else 1)),
        *shown,
        *(_chunk(b"EXIF", data) for data in exif),
    ]
    return b"RIFF" + struct.pack("<I", sum(map(len, body))) + b"".join(body)


def _chunks(file: bytes) -> list[tuple[bytes, bytes]]:
    """The kinds and contents of the chunks of a still file."""
    found, at = [], 12
    while at + 8 <= len(file):
        kind, size = struct.unpack_from("<4sI", file, at)
        found.append((kind, file[at + 8 : at + 8 + size]))
        at += 8 + size + size % 2
    return found


def _pixels(chunks: Sequence[tuple[bytes, bytes]]) -> bytes:
    return b"".join(_chunk(kind, data) for kind, data in chunks if kind in _IMAGE)


def _chunk(kind: bytes, data: bytes) -> bytes:
    return kind + struct.pack("<I", len(data)) + data + bytes(len(data) % 2)


def _three(number: int) -> bytes:
    return number.to_bytes(3, "little")
