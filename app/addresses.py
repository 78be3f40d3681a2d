"""The lasting addresses of pictures."""

from typing import Any
from urllib.parse import quote, urlencode

from core.generation import Format, Picture
from core.registry import JOB_PREFIX
from core.schemas import Model

ENDINGS: dict[Format, str] = {"png": "png", "webp": "webp", "jpeg": "jpg"}


def canonical(model: Model, picture: Picture, name: str, *, described: bool = False) -> str:
    """The address of exactly this picture (of a running job: of its newest checkpoint)."""
    query: dict[str, Any] = {
        field: int(value) if isinstance(value, bool) else value
        for field in ("label", "psi", "size", "quality", "metadata")
        if (value := getattr(picture, field)) != Picture.model_fields[field].default
    }
    seed, alone = seeds_text(picture.seeds), len(picture.seeds) == 1
    extension = "json" if described else ENDINGS[picture.format]
    running = name.startswith(JOB_PREFIX)
    if alone and not running and not described and "/" not in seed:
        own = f"/v1/models/{model.name}/versions/{model.version}"
        path = f"{own}/images/{quote(seed, safe='')}.{extension}"
        return path + (f"?{urlencode(query)}" if query else "")
    version = name if running else f"{model.name}@{model.version}"
    seeds = {"seed" if alone else "seeds": seed}
    return "/v1/generate?" + urlencode({"model": version} | seeds | {"format": extension} | query)


def seeds_text(seeds: tuple[int | str, ...]) -> str:
    """`4`, `alice`, `0-15` or `1,5,7`."""
    first, last = seeds[0], seeds[-1]
    if len(seeds) == 1 or isinstance(first, str) or isinstance(last, str):
        return str(first)
    if last - first + 1 == len(seeds) and seeds == tuple(range(first, last + 1)):
        return f"{first}-{last}"
    return ",".join(str(seed) for seed in seeds)
