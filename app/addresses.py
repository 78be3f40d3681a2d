"""The lasting addresses of pictures."""

from collections.abc import Sequence
from typing import Any
from urllib.parse import quote, urlencode

from app.formats import ENDINGS
from core.generation import Picture
from core.registry import JOB_PREFIX
from core.schemas import Model
from core.seeds import listed

MOVES = ("mix", "mix_from", "direction", "amount")


def canonical(model: Model, picture: Picture, name: str, **sent: str | int) -> str:
    """The address of exactly this picture (of a running job: of its newest checkpoint).

    sent: query parameters of another way that it is sent than as a file.
    """
    query, origin, ending = look_of(picture), _origin(picture), ENDINGS[picture.format]
    alone = "seed" in origin and "/" not in origin["seed"]
    if alone and not sent and not name.startswith(JOB_PREFIX):
        own = f"/v1/models/{model.name}/versions/{model.version}"
        path = f"{own}/images/{quote(origin['seed'], safe='')}.{ending}"
        return path + (f"?{urlencode(query)}" if query else "")
    route = "/v1/interpolate" if "from" in origin else "/v1/generate"
    asked = {"model": exactly(model, name)} | origin | {"format": ending} | query | sent
    return f"{route}?{urlencode(asked)}"


def canonical_zip(model: Model, look: Picture, seeds: Sequence[int | str], name: str) -> str:
    """The address of exactly this zip of images that look so."""
    asked = {"model": exactly(model, name), "seeds": listed(seeds), "format": "zip"}
    return f"/v1/generate?{urlencode(asked | look_of(look))}"


def exactly(model: Model, name: str) -> str:
    """How a query names the version that `name` means; checkpoints of jobs are not numbered."""
    return name if name.startswith(JOB_PREFIX) else f"{model.name}@{model.version}"


def look_of(picture: Picture) -> dict[str, Any]:
    """The query parameters of what is not usual about a picture."""
    looks = {
        field: int(value) if isinstance(value, bool) else value
        for field in ("label", "psi", "size", "quality", "metadata")
        if (value := getattr(picture, field)) != Picture.model_fields[field].default
    }
    told = picture.point.told() if picture.point is not None else {}
    return looks | {field: told[field] for field in MOVES if field in told}


def _origin(picture: Picture) -> dict[str, str]:
    """The query parameters that name the seeds, and what is between them."""
    point = picture.point
    if point is not None and point.weights:
        parts = zip(picture.seeds, point.weights, strict=True)
        return {"blend": ",".join(f"{seed}:{weight!r}" for seed, weight in parts)}
    if point is not None and (point.t is not None or point.frames is not None):
        start, end = map(str, picture.seeds)
        place = {"frames": str(point.frames)} if point.t is None else {"t": repr(point.t)}
        return {"from": start, "to": end} | place
    return {"seed" if len(picture.seeds) == 1 else "seeds": listed(picture.seeds)}
