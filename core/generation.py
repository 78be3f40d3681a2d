"""One image, as the API asks for it and the generate worker makes it.

The API and the workers exchange batches: JSON through the queue on the way there, one framed
binary reply (JSON head, then the encoded images) on the way back.
"""

import hashlib
import json
import struct
from collections.abc import Sequence
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from core.schemas import Model, Record

ENCODER_VERSION = "1"  # part of every ETag: raise it when the same pixels encode to other bytes
REPLY_TTL_SECONDS = 60
MAX_BATCH = 16
MAX_GRID = 64
MAX_PARTS = 16  # of a blend
MAX_WEIGHT = 10.0

Format = Literal["png", "webp", "jpeg"]
MEDIA_TYPES: dict[str, str] = {"png": "image/png", "webp": "image/webp", "jpeg": "image/jpeg"}


class Point(Record):
    """Where in the latent space an image is, when not simply where its seed is (docs/latents.md).

    weights: one image, blended of as many seeds.
    """

    weights: tuple[Annotated[float, Field(ge=-MAX_WEIGHT, le=MAX_WEIGHT)], ...] = Field(
        default=(), max_length=MAX_PARTS
    )

    def told(self) -> dict[str, Any]:
        """What the file says of it."""
        return self.model_dump(exclude_defaults=True, mode="json")


class Picture(Record):
    """Everything that decides the bytes of one answer, apart from the weights."""

    seeds: tuple[int | str, ...] = Field(min_length=1, max_length=MAX_GRID)
    label: str | None = None
    psi: float = 1.0
    size: int | None = None
    format: Format = "png"
    quality: int = 90
    metadata: bool = True
    point: Point | None = None

    @model_validator(mode="after")
    def _agree(self) -> "Picture":
        if self.point is not None and len(self.point.weights) not in (0, len(self.seeds)):
            raise ValueError("a blend has a weight for each seed")
        return self

    @property
    def images(self) -> int:
        """How many images are made for it."""
        return 1 if self.point is not None and self.point.weights else len(self.seeds)

    def etag(self, model: Model) -> str:
        """A strong ETag: equal tags mean equal bytes. Needs no image."""
        named = [model.name, model.version] if self.metadata else []  # they stand in the file
        own = self.model_dump()
        del own["point"]  # what was asked before there were points keeps its tag
        if self.point is not None:
            own["point"] = self.point.told()
        facts = [ENCODER_VERSION, model.digest, named, own]
        text = json.dumps(facts, sort_keys=True)
        return f'"{hashlib.sha256(text.encode()).hexdigest()[:32]}"'


class Batch(Record):
    """Pictures of one model version for one worker. `reply` is the list that awaits the answer."""

    id: str
    reply: str
    folder: str = Field(description="Of the model, relative to the home folder.")
    model: str
    version: int
    digest: str
    pictures: tuple[Picture, ...]


def pack_reply(head: dict[str, Any], images: Sequence[bytes]) -> bytes:
    """head: at least `id`; on success also `lengths` is added. Followed by the images."""
    text = json.dumps(head | {"lengths": [len(image) for image in images]}).encode()
    return b"".join([struct.pack(">I", len(text)), text, *images])


def unpack_reply(data: bytes) -> tuple[dict[str, Any], list[bytes]]:
    (size,) = struct.unpack_from(">I", data)
    head = json.loads(data[4 : 4 + size])
    images, start = [], 4 + size
    for length in head["lengths"]:
        images.append(data[start : start + length])
        start += length
    return head, images


def reply_key(prefix: str, process: str) -> str:
    return f"{{{prefix}}}:reply:{process}"
