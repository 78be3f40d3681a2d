"""One image, as the API asks for it and the generate worker makes it.

The API and the workers exchange batches: JSON in a list of Redis on the way there, one framed
binary reply (JSON head, then the encoded images) in the process's own list on the way back.
"""

import hashlib
import json
import struct
from collections.abc import Sequence
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from core.schemas import Model, Record

ENCODER_VERSION = "2"  # part of every ETag: raise it when the same pixels encode to other bytes
REPLY_TTL_SECONDS = 60
MAX_BATCH = 16
MIN_EDGE, MAX_EDGE = 8, 1024  # pixels of one image
MAX_GRID = 64
MAX_PARTS = 16  # of a blend
MAX_WEIGHT = 10.0
MAX_FRAMES = 120  # of an interpolation
MOST_DIRECTIONS = 16  # of the latent space, that have numbers
MAX_AMOUNT = 10.0  # standard deviations along a direction
MIX_FROM = 16  # pixels: coarse styles, of poses and shapes, are those below
MAX_ENTRIES = 10_000  # images of one zip
MAX_Z = 1000.0  # numbers of a latent vector are standard normal
MAX_Z_DIM = 2**18

Format = Literal["png", "webp", "jpeg"]
MEDIA_TYPES: dict[str, str] = {"png": "image/png", "webp": "image/webp", "jpeg": "image/jpeg"}
Weight = Annotated[float, Field(ge=-MAX_WEIGHT, le=MAX_WEIGHT)]
Normal = Annotated[float, Field(ge=-MAX_Z, le=MAX_Z, strict=True)]  # no text, no true


class Point(Record):
    """Where in the latent space an image is, when not simply where its seed is (docs/latents.md).

    weights: one image, blended of as many seeds. t: one image, so far on the arc from the first of
    two seeds to the second. frames: one strip of as many images, evenly spread over that arc.
    latent: one image, of this z and no seed. mix: the seed of the styles from the resolution
    mix_from on. direction, amount: so many standard deviations along one of the
    directions. listing: no image, but what the directions are.
    """

    weights: tuple[Weight, ...] = Field(default=(), max_length=MAX_PARTS)
    t: float | None = Field(default=None, ge=0, le=1)
    frames: int | None = Field(default=None, ge=2, le=MAX_FRAMES)
    latent: tuple[Normal, ...] = Field(default=(), max_length=MAX_Z_DIM)
    mix: int | str | None = None
    mix_from: int = Field(default=MIX_FROM, ge=MIN_EDGE, le=MAX_EDGE)
    direction: int | None = Field(default=None, ge=0, lt=MOST_DIRECTIONS)
    amount: float = Field(default=0.0, ge=-MAX_AMOUNT, le=MAX_AMOUNT)
    listing: bool = False

    @model_validator(mode="after")
    def _one(self) -> "Point":
        given = [self.t is not None, self.frames is not None, self.weights, self.latent]
        if sum(map(bool, given)) > 1:
            raise ValueError("weights, t, frames and latent exclude each other")
        return self

    def images(self, seeds: int) -> int:
        """How many images are made for a picture of so many seeds. Raises ValueError."""
        if bool(self.latent) != (seeds == 0):
            raise ValueError("an image has seeds or a latent vector")
        if self.weights and len(self.weights) != seeds:
            raise ValueError("a blend has a weight for each seed")
        if (self.t is not None or self.frames is not None) and seeds != 2:
            raise ValueError("an arc has two ends")
        if self.frames is not None:
            return self.frames
        return 1 if self.weights or self.latent or self.t is not None else seeds

    def told(self) -> dict[str, Any]:
        """What the file says of it: all of it, of a latent vector its SHA-256."""
        told = self.model_dump(exclude_defaults=True, mode="json")
        if self.mix is not None:
            told["mix_from"] = self.mix_from
        if self.latent:
            told["latent"] = hashlib.sha256(json.dumps(self.latent).encode()).hexdigest()[:32]
        return told


class Picture(Record):
    """Everything that decides the bytes of one answer, apart from the weights."""

    seeds: tuple[int | str, ...] = Field(max_length=MAX_GRID)
    label: str | None = None
    psi: float = 1.0
    size: int | None = None
    format: Format = "png"
    quality: int = 90
    metadata: bool = True
    point: Point | None = None

    @model_validator(mode="after")
    def _agree(self) -> "Picture":
        if self.images < 1:
            raise ValueError("a picture has at least one seed")
        return self

    @property
    def images(self) -> int:
        """How many images are made for it."""
        return len(self.seeds) if self.point is None else self.point.images(len(self.seeds))

    def etag(self, model: Model, device: str = "") -> str:
        """A strong ETag: equal tags mean equal bytes from this kind of device. Needs no image."""
        named = [model.name, model.version] if self.metadata else []  # they stand in the file
        text = json.dumps([ENCODER_VERSION, model.digest, named, device]) + self.model_dump_json()
        return f'"{hashlib.sha256(text.encode()).hexdigest()[:32]}"'


def steps(frames: int) -> list[float]:
    """Where on its arc each frame of an interpolation is: from 0 to 1."""
    return [k / (frames - 1) for k in range(frames)]


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
