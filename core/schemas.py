"""The nouns of the REST contract: what clients get, and what is stored on a job."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, Generic, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field

MAX_SEED = 2**32 - 1
Seed = Annotated[int, Field(ge=0, le=MAX_SEED)]
Metadata = Annotated[
    dict[Annotated[str, Field(max_length=64)], Annotated[str, Field(max_length=512)]],
    Field(max_length=16),
]
Priority = Annotated[
    int, Field(ge=-10, le=10, description="Higher goes first while it waits; equal: in order.")
]
Resolution = Literal[32, 64, 128, 256]


class Record(BaseModel):
    """A value: frozen, and without unknown fields, so that a misspelt one is refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Answer(BaseModel):
    """A value that we send. Clients of another version may meet fields that they do not know."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class JobState(StrEnum):
    QUEUED = "queued"
    RUNNING = "running"
    RECOVERING = "recovering"
    CANCELLING = "cancelling"
    PAUSING = "pausing"
    PAUSED = "paused"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def terminal(self) -> bool:
        return self in (JobState.SUCCEEDED, JobState.FAILED, JobState.CANCELLED)


class JobKind(StrEnum):
    TRAIN = "train"
    INGEST = "ingest"
    EVALUATE = "evaluate"
    EXPORT = "export"  # of a model to ONNX
    PUSH = "push"  # of a model to the store of GANVAS_STORE
    PULL = "pull"  # of a model from there
    ESTIMATE = "estimate"  # of a training that has not begun

    @property
    def queue(self) -> str:
        return "train" if self is JobKind.TRAIN else "prepare"


class Progress(Answer):
    """How far a job has come; `value` runs from 0 to 1."""

    value: float = 0.0
    step: int = 0
    steps: int | None = None
    kimg: float | None = None
    images_per_second: float | None = None
    eta_seconds: float | None = None


class Transition(Answer):
    state: JobState
    at: datetime
    reason: str | None = None


class Job(Answer):
    """One shape for every kind of work."""

    object: Literal["job"] = "job"
    id: str
    kind: JobKind
    state: JobState
    phase: str | None = None
    reason: str | None = None
    version: int
    progress: Progress = Progress()
    queue_position: int | None = None
    created_at: datetime
    queued_at: datetime | None = None
    started_at: datetime | None = None
    finished_at: datetime | None = None
    heartbeat_at: datetime | None = None
    attempt: int = 0
    worker: str | None = None
    input: dict[str, Any] = Field(default_factory=dict)
    resolved: dict[str, Any] | None = None
    seed: int = 0
    priority: int = 0
    committed: dict[str, Any] | None = Field(default=None, description="The newest checkpoint.")
    metrics: dict[str, Any] = Field(default_factory=dict)
    alarms: int = Field(default=0, description="How many there were: GET .../alarms.")
    output: dict[str, Any] | None = None
    error: dict[str, Any] | None = None
    metadata: dict[str, str] = Field(default_factory=dict)
    history: list[Transition] = Field(default_factory=list)
    urls: dict[str, str] = Field(default_factory=dict)


class Dataset(Answer):
    """A prepared data set. While it is being prepared only the first five fields are known."""

    object: Literal["dataset"] = "dataset"
    id: str
    name: str
    state: Literal["preparing", "ready"] = "ready"
    job: str | None = None
    created_at: datetime
    images: int = 0
    channels: int | None = None
    resolutions: list[int] = Field(default_factory=list)
    sizes: dict[str, Any] = Field(default_factory=dict)
    splits: dict[str, int] = Field(default_factory=dict)
    columns: list[str] = Field(default_factory=list)
    classes: list[str] = Field(default_factory=list, description="An image is of one of these.")
    attributes: list[str] = Field(default_factory=list, description="Any number hold for an image.")
    labels: dict[str, int] = Field(
        default_factory=dict, description="How many images each class or attribute has."
    )
    sha256: str | None = None
    trains: dict[str, Any] = Field(default_factory=dict)
    skipped: int = 0
    bytes: int = 0
    urls: dict[str, str] = Field(default_factory=dict)


class Model(Answer):
    """One immutable version of a trained generator: its card."""

    object: Literal["model"] = "model"
    name: str
    version: int
    digest: str = Field(description="SHA-256 of the published weights file.")
    created_at: datetime
    task: str = "generate"
    verbs: list[str] = Field(default_factory=lambda: ["generate"])
    architecture: str
    resolution: int
    channels: int
    z_dim: int
    classes: list[str] = Field(default_factory=list, description="An image is of one of these.")
    attributes: list[str] = Field(default_factory=list, description="Any number hold for an image.")
    combinations: list[tuple[list[int], int]] = Field(
        default_factory=list, description="Which attributes hold together in its data, how often."
    )
    parameters: int = 0
    bytes: int = 0
    disk_bytes: int | None = Field(
        default=None, description="Of its folder; told where one version is shown."
    )
    job: str | None = None
    dataset: dict[str, Any] = Field(default_factory=dict)
    resolved: dict[str, Any] = Field(default_factory=dict)
    steps: int = 0
    kimg: float = 0.0
    metrics: dict[str, Any] = Field(
        default_factory=dict, description="Its training's last figures."
    )
    abilities: list[str] | None = Field(default=None, description="docs/latents.md; null: untold.")
    evaluation: dict[str, Any] | None = Field(
        default=None, description="The newest result of POST /v1/evaluate (core/evaluations.py)."
    )
    selected: dict[str, Any] | None = Field(
        default=None, description="Why these weights: the last of the training, or its best."
    )
    aliased_as: list[str] = Field(default_factory=list, description="Aliases that point here.")
    pinned: bool = Field(
        default=False, description="Whether every generate worker keeps it in memory."
    )
    reproducibility: str = Field(
        default="unknown",
        description="`bitwise`: the generate workers that live all make the same bytes for a seed; "
        "`tolerance`: pixels may differ in their last bits; `unknown`: none has been seen yet.",
    )
    lineage: dict[str, Any] = Field(
        default_factory=dict, description="What it was made from: earlier model or job, archive."
    )
    libraries: dict[str, str] = Field(default_factory=dict)
    urls: dict[str, str] = Field(default_factory=dict)


class Move(Answer):
    """One change of an alias. `to` null: it was removed."""

    before: int | None = Field(default=None, serialization_alias="from", validation_alias="from")
    to: int | None
    at: datetime
    how: Literal["set", "rolled_back", "removed"] = "set"


class Alias(Answer):
    """Where an alias points, and how it came there."""

    object: Literal["alias"] = "alias"
    model: str
    alias: str
    version: int
    etag: str = Field(description="For If-Match: another one after every move.")
    history: list[Move] = Field(default_factory=list, description="Newest first.")
    urls: dict[str, str] = Field(default_factory=dict)


T = TypeVar("T")


class Page(Answer, Generic[T]):
    """A list: newest first, continued with `?after=last_id` while `has_more`."""

    object: Literal["list"] = "list"
    data: list[T]
    first_id: str | None = None
    last_id: str | None = None
    has_more: bool = False


class JobEvent(Answer):
    """One entry of a job's event stream; `id` resumes the stream after it."""

    id: str
    type: str
    data: dict[str, Any]


class JobCheckpoint(Answer):
    """A saved state of a training. `model` names the model of it for `generate`, while it lasts;
    `published` the versions with its weights."""

    step: int
    kimg: float
    sha256: str
    bytes: int
    model: str | None = None
    published: list[str] = Field(default_factory=list, examples=[["cats@4"]])


class JobCheckpoints(Answer):
    object: str = "list"
    data: list[JobCheckpoint]
