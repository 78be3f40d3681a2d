"""One image, as the API asks for it and the generate worker makes it.

The API and the workers exchange batches: JSON in a list of Redis on the way there, one framed
binary reply (JSON head, then the encoded images) in the process's own list on the way back.
"""

import hashlib
import json
import struct
from collections.abc import Sequence
from typing import Any, Literal

from pydantic import Field

from core.schemas import Answer, Model, Record, Seed

ENCODER_VERSION = "2"  # part of every ETag: raise it when the same pixels encode to other bytes
REPLY_TTL_SECONDS = 60
MAX_BATCH = 16
MAX_GRID = 64

Format = Literal["png", "webp", "jpeg"]
MEDIA_TYPES: dict[str, str] = {"png": "image/png", "webp": "image/webp", "jpeg": "image/jpeg"}


class Picture(Record):
    """Everything that decides the bytes of one answer, apart from the weights."""

    seeds: tuple[int | str, ...] = Field(min_length=1, max_length=MAX_GRID)
    label: str | None = None
    psi: float = 1.0
    size: int | None = None
    format: Format = "png"
    quality: int = 90
    metadata: bool = True

    def etag(self, model: Model, device: str = "") -> str:
        """A strong ETag: equal tags mean equal bytes from this kind of device. Needs no image."""
        named = [model.name, model.version] if self.metadata else []  # they stand in the file
        text = json.dumps([ENCODER_VERSION, model.digest, named, device]) + self.model_dump_json()
        return f'"{hashlib.sha256(text.encode()).hexdigest()[:32]}"'


class Facts(Answer):
    """What made an image, as it stands in the file: enough to make it again."""

    model: str
    version: int = Field(ge=0, lt=10**9, description="0 for a checkpoint of a job.")
    digest: str = Field(description="SHA-256 of the weights file.")
    seed: Seed | str | tuple[Seed, ...]
    psi: float = Field(ge=0, le=1)
    label: str | None
    size: int | None = Field(default=None, description="Edge in pixels; null: the model's own.")
    quality: int | None = Field(default=None, description="Of webp and jpeg.")


class Inspection(Answer):
    """What an image file says of itself."""

    format: Format
    metadata: Facts
    parameters: str | None = Field(description="The line for people and other programs.")
    url: str | None = Field(description="Where this service has the image; null: it cannot.")
    known: bool = Field(description="Whether this service has the model.")


class Batch(Record):
    """Pictures of one model version for one worker. `reply` is the list that awaits the answer."""

    id: str
    reply: str
    expires_at: float = Field(description="Unix time from which on nobody waits for it.")
    folder: str = Field(description="Of the model, relative to the home folder.")
    model: str
    version: int
    digest: str
    pictures: tuple[Picture, ...]
    kept_as: tuple[str | None, ...] = Field(
        default=(), description="Names under which the images go into the cache; None: not."
    )


def pack_reply(head: dict[str, Any], images: Sequence[bytes]) -> bytes:
    """head: at least `id`. Followed by the images."""
    return b"".join([pack_head(head, images), *images])


def pack_head(head: dict[str, Any], images: Sequence[bytes]) -> bytes:
    """What stands in front of the images."""
    text = json.dumps(head | {"lengths": [len(image) for image in images]}).encode()
    return struct.pack(">I", len(text)) + text


def unpack_reply(data: bytes) -> tuple[dict[str, Any], list[bytes]]:
    (size,) = struct.unpack_from(">I", data)
    head = json.loads(data[4 : 4 + size])
    images, start = [], 4 + size
    for length in head["lengths"]:
        images.append(data[start : start + length])
        start += length
    return head, images


def batches_key(prefix: str) -> str:
    """The list that generate workers take batches from."""
    return f"{{{prefix}}}:batches"


def reply_key(prefix: str, process: str) -> str:
    return f"{{{prefix}}}:reply:{process}"
