"""From the bytes of one image file to square uint8 arrays, by fixed rules.

Accepted are PNG, JPEG, WebP and BMP, decided by content, never by name. Of an animation the first
frame counts, the EXIF orientation is applied, transparency is laid on white, 16-bit grey is divided
by 257 (of 16-bit colour Pillow keeps the high byte), CMYK and other colour spaces become RGB by
Pillow's plain formulas, and ICC profiles are ignored. Then the middle square is cut out and resized
by Pillow's antialiased bicubic filter, for every resolution anew from the full size. Meant to run
where a crash costs one image only.
"""

import io
import struct
import warnings
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

FORMATS = ("PNG", "JPEG", "WEBP", "BMP")
MAX_PIXELS = 64_000_000
MIN_SIDE = 8

NOT_ACCEPTED = "not an accepted format (PNG, JPEG, WebP and BMP are)"
TOO_MANY_PIXELS = "too many pixels"
TOO_SMALL = f"smaller than {MIN_SIDE} px"
TRUNCATED = "truncated"
DAMAGED = "damaged"
NO_MEMORY = "needs too much memory"

Pixels = NDArray[np.uint8]  # [H, W, 3], 0..255

_ORIENTATION = 0x0112
_GREY_MODES = frozenset({"1", "L", "LA", "I", "I;16", "I;16B", "I;16L", "I;16N", "F"})


class Unreadable(Exception):
    """This image cannot be used; the text is the reason that the report gives."""


@dataclass(frozen=True, kw_only=True)
class Picture:
    """A decoded image: its size after orientation, the mode it was stored in, and its pixels."""

    width: int
    height: int
    mode: str
    pixels: dict[int, Pixels]  # resolution -> [resolution, resolution, 3]
    grey: bool  # red, green and blue are equal everywhere


def decode(data: bytes, resolutions: tuple[int, ...], max_pixels: int = MAX_PIXELS) -> Picture:
    """Decode one file. Raises Unreadable with a reason; nothing else, whatever the bytes."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow's remarks on odd files: the rules above decide
        try:
            return _decode(data, resolutions, max_pixels)
        except Unreadable:
            raise
        except UnidentifiedImageError:
            raise Unreadable(DAMAGED if size_of(data) else NOT_ACCEPTED) from None
        except Image.DecompressionBombError:
            raise Unreadable(TOO_MANY_PIXELS) from None
        except MemoryError:
            raise Unreadable(NO_MEMORY) from None
        except Exception as error:  # a decoder may raise anything on bytes made to hurt it
            short = isinstance(error, EOFError) or "truncated" in str(error).lower()
            raise Unreadable(TRUNCATED if short else DAMAGED) from error


def _decode(data: bytes, resolutions: tuple[int, ...], max_pixels: int) -> Picture:
    declared = size_of(data)
    if declared is not None:
        _check_size(*declared, max_pixels)
    with Image.open(io.BytesIO(data), formats=FORMATS) as image:
        _check_size(*image.size, max_pixels)
        image.load()
        mode = image.mode
        if image.getexif().get(_ORIENTATION, 1) != 1:
            image = ImageOps.exif_transpose(image)
        flat = flatten(image)
    pixels = {side: square(flat, side) for side in resolutions}
    return Picture(
        width=flat.width,
        height=flat.height,
        mode=mode,
        pixels=pixels,
        grey=flat.mode == "L" or all(_is_grey(array) for array in pixels.values()),
    )


def _check_size(width: int, height: int, max_pixels: int) -> None:
    if width * height > max_pixels:
        raise Unreadable(TOO_MANY_PIXELS)
    if min(width, height) < MIN_SIDE:
        raise Unreadable(TOO_SMALL)


def flatten(image: Image.Image) -> Image.Image:
    """Any mode as L (when the mode is grey) or RGB, transparency laid on white."""
    grey = image.mode in _GREY_MODES
    if image.mode.startswith("I"):
        values = np.asarray(image).astype(np.int64).clip(0, 65535)
        return Image.fromarray(((values + 128) // 257).astype(np.uint8))
    if image.mode == "F":  # no accepted format stores it; taken as 0..255
        values = np.nan_to_num(np.asarray(image, dtype=np.float32)).clip(0, 255)
        return Image.fromarray(np.rint(values).astype(np.uint8))
    if image.mode in ("LA", "PA", "RGBA", "RGBa") or "transparency" in image.info:
        return _on_white(image.convert("RGBA"), "L" if grey else "RGB")
    return image.convert("L" if grey else "RGB")


def _on_white(image: Image.Image, mode: str) -> Image.Image:
    """[R, G, B, A] over white: round(c·a + 255·(1-a)); exact where alpha is 0 or 255."""
    if image.getchannel("A").getextrema() == (255, 255):
        return image.convert("RGB").convert(mode)
    white = Image.new("RGBA", image.size, (255, 255, 255, 255))
    return Image.alpha_composite(white, image).convert("RGB").convert(mode)


def square(image: Image.Image, side: int) -> Pixels:
    """The middle square at `side` pixels: [side, side, 3]."""
    edge = min(image.size)
    left, top = (image.width - edge) // 2, (image.height - edge) // 2
    box = (left, top, left + edge, top + edge)
    small = image.resize((side, side), Image.Resampling.BICUBIC, box=box)
    return np.asarray(small.convert("RGB"))


def _is_grey(pixels: Pixels) -> bool:
    red, green, blue = pixels[..., 0], pixels[..., 1], pixels[..., 2]
    return bool((red == green).all() and (green == blue).all())


def size_of(data: bytes) -> tuple[int, int] | None:
    """(width, height) as the header says, before any decoder sees it; None if not one of ours."""
    if data.startswith(b"\x89PNG\r\n\x1a\n") and len(data) >= 24:
        return _pair(">II", data, 16)
    if data.startswith(b"BM") and len(data) >= 26:
        return _bmp_size(data)
    if data.startswith(b"\xff\xd8\xff"):
        return _jpeg_size(data)
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP" and len(data) >= 30:
        return _webp_size(data)
    return None


def _pair(layout: str, data: bytes, at: int) -> tuple[int, int]:
    first, second = struct.unpack_from(layout, data, at)
    return abs(first), abs(second)


def _bmp_size(data: bytes) -> tuple[int, int]:
    old = struct.unpack_from("<I", data, 14)[0] == 12
    return _pair("<HH" if old else "<ii", data, 18)


def _webp_size(data: bytes) -> tuple[int, int] | None:
    if data[12:16] == b"VP8 ":
        width, height = _pair("<HH", data, 26)
        return width & 0x3FFF, height & 0x3FFF
    if data[12:16] == b"VP8L":
        bits = int.from_bytes(data[21:25], "little")
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    if data[12:16] == b"VP8X":
        width, height = (int.from_bytes(data[at : at + 3], "little") for at in (24, 27))
        return width + 1, height + 1
    return None


def _jpeg_size(data: bytes) -> tuple[int, int] | None:
    """Walks the segments up to the start of frame: SOF0..SOF15 without DHT, JPG and DAC."""
    at = 2
    while at + 9 <= len(data) and data[at] == 0xFF:
        marker = data[at + 1]
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            height, width = _pair(">HH", data, at + 5)
            return width, height
        if marker == 0xFF:
            at += 1
        else:
            at += 2 + int.from_bytes(data[at + 2 : at + 4], "big")
    return None
