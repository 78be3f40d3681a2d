"""The JSON records of a model that comes from outside: header, card, evaluations.

They are shown to everybody and read by workers, so each has to be what our own are: of bounded
depth, finite, of valid text, and in agreement with the weights.
"""

import json
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from core.errors import CorruptArchive
from core.evaluations import Evaluation
from core.labels import speakable
from core.requests import Label
from core.safetensors_header import Weights
from core.schemas import Model, Resolution

DEEPEST = 16  # brackets within brackets
KEPT = ("metrics", "dataset", "resolved", "selected", "reproducibility", "lineage", "verbs")
PREFIX = "g."  # of the generator's tensors
LATER: dict[str, Any] = {"attributes": [], "combinations": []}  # what most headers lack
Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,63}$")]


class Strict(BaseModel):
    """As it stands there: the text 32 is no number."""

    model_config = ConfigDict(strict=True, frozen=True)


class HeaderShape(Strict):
    """What goes in and out of the generator, and nothing else: the worker builds it from this."""

    model_config = ConfigDict(extra="forbid")

    resolution: Resolution
    channels: Literal[1, 3]
    z_dim: int = Field(ge=1, le=1024)
    c_dim: int = Field(ge=0, le=10_000)


class Header(Strict):
    """`model.json`, as far as somebody relies on it."""

    format: Literal[1]
    task: Name
    architecture: Name
    options: dict[Name, bool | int | float | str] = Field(max_length=64)
    shape: HeaderShape
    classes: list[Label] = Field(max_length=10_000)
    attributes: list[Label] = Field(default_factory=list, max_length=1000)
    combinations: list[tuple[list[int], Annotated[int, Field(ge=1, lt=2**40)]]] = Field(
        default_factory=list, max_length=1000
    )
    dataset: dict[str, Any]
    steps: int = Field(ge=0, lt=2**53)
    kimg: float = Field(ge=0)
    seed: int = Field(ge=0, lt=2**63)
    parameters: int = Field(ge=0, lt=2**53)
    libraries: dict[str, str] = Field(max_length=32)
    sha256: str
    bytes: int
    resolved: dict[str, Any] = Field(default_factory=dict)
    metrics: dict[str, Any] = Field(default_factory=dict)
    abilities: list[Name] | None = Field(default=None, max_length=32)

    @model_validator(mode="after")
    def _agree(self) -> "Header":
        names = self.classes or self.attributes
        if len(names) != self.shape.c_dim or len(set(names)) != len(names):
            raise ValueError("classes do not fit shape.c_dim")
        if (self.classes and self.attributes) or bool(self.attributes) != bool(self.combinations):
            raise ValueError("attributes have combinations, and are not beside classes")
        if not all(map(speakable, self.attributes)):
            raise ValueError("an attribute has a name that nobody can ask for")
        for places, _ in self.combinations:
            if places != sorted(set(places)) or not set(places) <= set(range(len(names))):
                raise ValueError("combinations do not fit the attributes")
        return self


def check_header(content: bytes, weights: Weights, digest: str, size: int) -> dict[str, Any]:
    """`model.json`, in agreement with the weights, in which most of it stands a second time.

    So the digest of the weights stands for the classes and shapes too. Raises CorruptArchive.
    """
    header = read_object(content, "model.json")
    _fits(Header, header, "model.json")
    if (header["sha256"], header["bytes"]) != (digest, size):
        raise _refused("model.json is of other weights")
    within = read_object(weights.metadata.get("ganvas", "{}").encode(), "the weights' metadata")
    if not within.keys() >= {"format", "architecture", "options", "shape", "classes"}:
        raise _refused("the weights do not say what they are of: Ganvas did not write them")
    if any((LATER | header).get(name) != value for name, value in (LATER | within).items()):
        raise _refused("model.json contradicts the weights")
    if not weights.shapes or not all(name.startswith(PREFIX) for name in weights.shapes):
        raise _refused("the weights are not those of a generator")
    return header


def read_card(content: bytes, header: dict[str, Any], source: dict[str, Any]) -> dict[str, Any]:
    """What is kept of `card.json`: not its identity; `source` becomes part of the lineage."""
    card = read_object(content, "card.json")
    kept = {name: card[name] for name in KEPT if name in card}
    lineage = kept.get("lineage")
    origin = {"name": source["name"], "version": source["version"]}
    origin |= {key: card[key] for key in ("job", "created_at") if card.get(key)}
    kept["lineage"] = {**(lineage if isinstance(lineage, dict) else {}), "imported": origin}
    identity = {"name": "x", "version": 1, "digest": "", "created_at": "2026-01-01T00:00:00Z"}
    shape = {key: value for key, value in header["shape"].items() if key != "c_dim"}
    _fits(Model, header | shape | kept | identity | {"job": None}, "card.json")
    for record in (header, kept):
        told = record.get("resolved", {}).get("options", header["options"])
        if told != header["options"]:
            raise _refused("`resolved` tells of other networks than model.json")
    if kept.get("verbs", ["generate"]) != ["generate"]:
        raise _refused("the model does other things than generate")
    return kept | {"job": None}


def check_evaluation(content: bytes, job_id: str) -> None:
    """Raise CorruptArchive unless this is a result as core/evaluations.py describes it."""
    result = read_object(content, "evaluation.json")
    _fits(Evaluation, result, "evaluation.json")
    if result["job"] != job_id or not isinstance(result["created_at"], str):
        raise _refused("evaluation.json is of another evaluation")


def read_object(content: bytes, what: str) -> dict[str, Any]:
    """The JSON object in `content`, which can be written again. Raises CorruptArchive."""
    try:
        value = json.loads(content)
        json.dumps(value, ensure_ascii=False, allow_nan=False).encode()
    except (ValueError, RecursionError) as error:
        raise _refused(f"{what} is no JSON that can be shown") from error
    if not isinstance(value, dict) or _deeper(value, DEEPEST):
        raise _refused(f"{what} is no JSON object, or too deep")
    return value


def _deeper(value: Any, most: int) -> bool:
    """Whether more than `most` brackets stand around something in it."""
    if not isinstance(value, dict | list):
        return False
    inner = value.values() if isinstance(value, dict) else value
    return most == 0 or any(_deeper(item, most - 1) for item in inner)


def _fits(kind: type[BaseModel], value: dict[str, Any], what: str) -> None:
    try:
        kind.model_validate_json(json.dumps(value))
    except ValidationError as error:
        places = [".".join(map(str, found["loc"])) or "it" for found in error.errors()[:3]]
        raise _refused(f"{what} is not what it should be at {', '.join(places)}") from error


def _refused(what: str) -> CorruptArchive:
    return CorruptArchive(f"The archive holds no model that can be taken: {what}.")
