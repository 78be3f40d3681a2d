"""Pixels to files: PNG, WebP or JPEG, one image or a grid, with what made them written inside."""

import io
import json
import math
from typing import Any

import numpy as np
from PIL import Image, PngImagePlugin

from core.generation import Point

PNG_LEVEL = 1  # half the time of level 6 for a few per cent more bytes
_DESCRIPTION, _EXIF, _COMMENT = 0x010E, 0x8769, 0x9286  # EXIF tags


def to_image(pixels: np.ndarray) -> Image.Image:
    """pixels: uint8 [H, W, C], C = 1 or 3."""
    return Image.fromarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels)


def grid(pixels: np.ndarray, columns: int | None = None) -> np.ndarray:
    """Tile uint8 [N, H, W, C] row by row, in so many columns; default: as near to a square as N
    allows. The rest is white."""
    count, height, width, channels = pixels.shape
    columns = columns or math.ceil(math.sqrt(count))
    rows = math.ceil(count / columns)
    sheet = np.full((rows * columns, height, width, channels), 255, np.uint8)
    sheet[:count] = pixels
    tiled = sheet.reshape(rows, columns, height, width, channels).swapaxes(1, 2)
    return tiled.reshape(rows * height, columns * width, channels)


def encode(image: Image.Image, format: str, quality: int, facts: dict[str, Any] | None) -> bytes:
    """The file in `format` (png, webp, jpeg), with `facts` (what made the image) inside, if any."""
    buffer = io.BytesIO()
    if format == "png":
        image.save(buffer, "PNG", compress_level=PNG_LEVEL, pnginfo=_png_text(facts))
    else:
        image.save(buffer, format.upper(), quality=quality, exif=_exif(facts))
    return buffer.getvalue()


def parameters_line(facts: dict[str, Any]) -> str:
    """One line in the style of AUTOMATIC1111, which many image tools show."""
    fields = {} if facts["seed"] is None else {"Seed": facts["seed"]}
    fields |= {"Model": f"{facts['model']}@{facts['version']}"}
    fields |= {"Model hash": facts["digest"][:10], "Truncation": facts["psi"]}
    fields |= {
        name.replace("_", " ").capitalize(): facts[name]
        for name in Point.model_fields
        if name in facts
    }
    if facts["label"] is not None:
        fields["Label"] = facts["label"]
    return ", ".join(f"{name}: {value}" for name, value in fields.items())


def _png_text(facts: dict[str, Any] | None) -> PngImagePlugin.PngInfo | None:
    if facts is None:
        return None
    text = PngImagePlugin.PngInfo()
    text.add_itxt("parameters", parameters_line(facts))
    text.add_itxt("ganvas", json.dumps(facts, ensure_ascii=False, sort_keys=True))
    return text


def _exif(facts: dict[str, Any] | None) -> bytes:
    if facts is None:
        return b""
    exif = Image.Exif()
    exif[_DESCRIPTION] = parameters_line(facts).encode("ascii", "replace").decode()
    exif.get_ifd(_EXIF)[_COMMENT] = b"ASCII\0\0\0" + json.dumps(facts, sort_keys=True).encode()
    return exif.tobytes()
