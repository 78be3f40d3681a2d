"""The calls about images: made by seed, along the way between two seeds, many, and inspected."""

from collections.abc import Mapping
from os import PathLike
from pathlib import Path
from typing import Any

import httpx

from core.facts import Inspection
from core.requests import GenerationsRequest
from ganvas.answers import nothing, record
from ganvas.fields import GeneratedImage
from ganvas.transport import Flow, Request, Upload, exchange

FILM_SECONDS = 300.0  # how long an animation, or the next image of a zip, may take


class ImageCalls:
    """`retries`: as of Calls."""

    def __init__(self, retries: int) -> None:
        self.retries = retries

    def generate(self, seed: int | str | None, fields: Mapping[str, Any]) -> Flow[GeneratedImage]:
        params = {"seed": seed, **_written(fields)}
        request = Request(method="GET", path="/v1/generate", params=params, patience=30.0)
        return exchange(request, _image, self.retries)

    def generate_many(self, request: GenerationsRequest, path: Path) -> Flow[None]:
        """Sent again when it breaks off: equal requests get equal bytes."""
        body = request.model_dump(exclude_unset=True, mode="json")
        order = Request(
            method="POST",
            path="/v1/generations",
            json=body,
            patience=FILM_SECONDS,
            idempotent=True,
            save=path,
        )
        return exchange(order, nothing, self.retries)

    def interpolate(
        self, start: int | str, end: int | str, fields: Mapping[str, Any]
    ) -> Flow[GeneratedImage]:
        params = {"from": start, "to": end, **_written(fields)}
        request = Request(
            method="GET", path="/v1/interpolate", params=params, patience=FILM_SECONDS
        )
        return exchange(request, _image, self.retries)

    def inspect(self, image: str | PathLike[str] | bytes) -> Flow[Inspection]:
        body: dict[str, Any] = (
            {"content": image}
            if isinstance(image, bytes)
            else {"upload": Upload(path=Path(image), media_type="application/octet-stream")}
        )
        request = Request(method="POST", path="/v1/images/inspect", idempotent=True, **body)
        return exchange(request, record(Inspection), self.retries)


def _written(fields: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a picture as query parameters."""
    params: dict[str, Any] = {k: int(v) if isinstance(v, bool) else v for k, v in fields.items()}
    label = params.get("label")
    if label is not None and not isinstance(label, str):
        params["label"] = ",".join(label) or "none"
    if blend := params.get("blend"):
        params["blend"] = ",".join(f"{seed}:{weight!r}" for seed, weight in blend.items())
    return params


def _image(response: httpx.Response) -> GeneratedImage:
    image = GeneratedImage(response.content)
    image.headers = response.headers
    return image
