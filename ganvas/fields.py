"""What `train`, `evaluate` and those that make images take and give, for both clients."""

from collections.abc import Mapping, Sequence
from typing import Any, TypedDict, Unpack
from urllib.parse import unquote

from core.requests import Effort, EvaluateRequest, GenerationsRequest, TrainRequest


class TrainFields(TypedDict, total=False):
    """What `train` takes besides the data set; one of minutes, kimg, steps and effort."""

    minutes: float
    kimg: float
    steps: int
    effort: Effort
    name: str | None
    task: str
    preset: str
    resolution: int | None
    seed: int
    options: Mapping[str, Any]
    priority: int
    resume_from: str | None
    init_from: str | None
    label_map: Mapping[str, str | None] | None
    metadata: Mapping[str, str]


class EvaluateFields(TypedDict, total=False):
    """What `evaluate` takes besides the model; all of it may be left out."""

    dataset: str | None
    n: int
    space: str
    seed: int
    deadline_minutes: float
    metadata: Mapping[str, str]


class LookFields(TypedDict, total=False):
    """What is asked of an image besides its seed; all of it may be left out."""

    model: str | None
    label: str | Sequence[str] | None  # several, or []: of models with attributes
    psi: float | None
    size: int | None
    format: str | None
    quality: int | None
    metadata: bool
    mix: int | str | None  # a seed: the styles from mix_from pixels on are its
    mix_from: int | None
    direction: int | None  # one of models.directions(), and how many standard deviations along it
    amount: float | None


class PictureFields(LookFields, total=False):
    """What `generate` takes besides the seed."""

    n: int | None
    seeds: str | None
    blend: Mapping[int | str, float] | None  # instead of a seed: several, and their weights


class ManyFields(TypedDict, total=False):
    """What `generate_many` takes besides the file: seeds or latents; all else may be left out."""

    seeds: str | Sequence[int | str]
    latents: Sequence[Sequence[float]]  # z itself
    labels: str | Sequence[str | None] | None
    model: str | None
    psi: float
    size: int | None
    format: str
    quality: int
    metadata: bool


class WayFields(LookFields, total=False):
    """What `interpolate` takes besides the two seeds: t for one image, or frames."""

    frames: int | None
    t: float | None
    duration: int | None  # milliseconds of a frame
    loop: bool


class GeneratedImage(bytes):
    """The bytes of an image file, and what the service says of it."""

    headers: Mapping[str, str] = {}

    @property
    def seed(self) -> str | None:
        """The seed; the one that was drawn when none was given."""
        seed = self.headers.get("X-Seed")
        return None if seed is None else unquote(seed)

    @property
    def model(self) -> str | None:
        """`name@version`."""
        name, version = self.headers.get("X-Model"), self.headers.get("X-Model-Version")
        return f"{name}@{version}" if name and version else name


def train_request(dataset: str | None, **fields: Unpack[TrainFields]) -> TrainRequest:
    """Checked before it is sent. Raises pydantic.ValidationError."""
    values: dict[str, Any] = dict(fields)
    names = ("minutes", "kimg", "steps")
    budget = {name: values.pop(name) for name in names if name in values}
    if budget:
        values["budget"] = budget
    if dataset is not None:
        values["dataset"] = dataset
    return TrainRequest.model_validate(values)


def generations_request(**fields: Unpack[ManyFields]) -> GenerationsRequest:
    """Checked before it is sent. Raises pydantic.ValidationError."""
    return GenerationsRequest.model_validate(fields)


def evaluate_request(model: str, **fields: Unpack[EvaluateFields]) -> EvaluateRequest:
    """Checked before it is sent. Raises pydantic.ValidationError."""
    return EvaluateRequest.model_validate({"model": model, **fields})
