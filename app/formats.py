"""Formats of images, as addresses and Accept headers name them."""

from functools import lru_cache

from starlette.exceptions import HTTPException

from core.generation import MEDIA_TYPES, Format

EXTENSIONS: dict[str, Format] = {"png": "png", "webp": "webp", "jpg": "jpeg", "jpeg": "jpeg"}
ENDINGS: dict[Format, str] = {"png": "png", "webp": "webp", "jpeg": "jpg"}


@lru_cache(1024)
def accepted_format(accept: str) -> Format:
    """The best of our formats for an Accept header; png when they are equally good."""
    weights = dict.fromkeys(MEDIA_TYPES, 0.0)
    specific = dict.fromkeys(MEDIA_TYPES, -1)
    for item in (accept or "*/*").split(",")[:64]:
        kind, *parameters = (part.strip().lower() for part in item.split(";"))
        for name, media_type in MEDIA_TYPES.items():
            rank = {"*/*": 0, "image/*": 1, media_type: 2}.get(kind, -1)
            if rank > specific[name]:
                specific[name], weights[name] = rank, _weight(parameters)
    best = max(weights, key=lambda name: (weights[name], name == "png"))
    if weights[best] <= 0:
        raise HTTPException(406, f"There are: {', '.join(MEDIA_TYPES.values())}.")
    return EXTENSIONS[best]


def _weight(parameters: list[str]) -> float:
    for parameter in parameters:
        if parameter.startswith("q="):
            try:
                return float(parameter[2:])
            except ValueError:
                return 0.0
    return 1.0
