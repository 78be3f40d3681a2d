"""What made an image, as it stands in its file and is read back from there."""

from typing import Any

from pydantic import Field, model_validator

from core.generation import MAX_AMOUNT, Format, Picture, Weight
from core.schemas import Answer, Seed


class Facts(Answer):
    """Enough to make the image again, of a latent vector only enough to know it again."""

    model: str
    version: int = Field(ge=0, lt=10**9, description="0 for a checkpoint of a job.")
    digest: str = Field(description="SHA-256 of the weights file.")
    seed: Seed | str | tuple[Seed | str, ...] | None = Field(description="null: see `latent`.")
    psi: float = Field(ge=0, le=1)
    label: str | None
    size: int | None = Field(default=None, description="Edge in pixels; null: the model's own.")
    quality: int | None = Field(default=None, description="Of webp and jpeg.")
    weights: tuple[Weight, ...] | None = Field(default=None, description="Of a blend of the seeds.")
    t: float | None = Field(
        default=None, ge=0, le=1, description="How far it is from one seed to the other."
    )
    frames: int | None = Field(default=None, description="Images of a strip between two seeds.")
    latent: str | None = Field(default=None, description="SHA-256 of the latent vector's JSON.")
    mix: Seed | str | None = Field(default=None, description="The seed of the finer styles.")
    mix_from: int | None = Field(default=None, description="Pixels from which on they are.")
    direction: int | None = None
    amount: float | None = Field(
        default=None, ge=-MAX_AMOUNT, le=MAX_AMOUNT, description="Standard deviations along it."
    )

    @model_validator(mode="after")
    def _origin(self) -> "Facts":
        if (self.seed is None) != (self.latent is not None):
            raise ValueError("an image has seeds or a latent vector")
        return self


class Inspection(Answer):
    """What an image file says of itself."""

    format: Format
    metadata: Facts
    parameters: str | None = Field(description="The line for people and other programs.")
    url: str | None = Field(description="Where this service has the image; null: it cannot.")
    known: bool = Field(description="Whether this service has the model.")


def facts_of(
    picture: Picture, model: str, version: int, digest: str, label: str | None
) -> dict[str, Any]:
    """What Facts reads, without a record's cost. `label`: that of the image, if it has one."""
    seeds = picture.seeds
    facts = {
        "model": model,
        "version": version,
        "digest": digest,
        "seed": seeds[0] if len(seeds) == 1 else list(seeds) or None,
        "psi": picture.psi,
        "label": label,
    }
    if picture.size is not None:
        facts["size"] = picture.size
    if picture.format != "png":
        facts["quality"] = picture.quality
    return facts if picture.point is None else facts | picture.point.told()
