"""What clients send: the bodies of POST /v1/train, /v1/datasets, /v1/evaluate, /v1/generations."""

from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, JsonValue, model_validator

from core.generation import MAX_EDGE, MAX_ENTRIES, MAX_Z_DIM, MIN_EDGE, Format, Normal
from core.ids import Id
from core.labels import MAX_LABEL
from core.schemas import Metadata, Priority, Record, Resolution, Seed
from core.seeds import MAX_TEXT

EFFORTS = {"quick": 10.0, "standard": 60.0, "best": 480.0}  # minutes
DISPLAY_NAME = r"^[^\x00-\x1f\x7f]+$"
Effort = Literal["quick", "standard", "best"]
Label = Annotated[str, Field(max_length=128)]


class Budget(Record):
    """How long to train: exactly one of the three."""

    minutes: float | None = Field(default=None, gt=0, le=60 * 24 * 30)
    kimg: float | None = Field(
        default=None, gt=0, le=1e6, description="Thousands of real images shown."
    )
    steps: int | None = Field(default=None, gt=0, le=1_000_000_000)

    @model_validator(mode="after")
    def _one(self) -> "Budget":
        if sum(value is not None for value in (self.minutes, self.kimg, self.steps)) != 1:
            raise ValueError("give exactly one of minutes, kimg and steps")
        return self


class TrainRequest(Record):
    """What `POST /train` takes. Only `dataset` is needed (or `resume_from`, which has its own)."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"dataset": "sample:sprites", "budget": {"minutes": 10}, "name": "sprites"}
            ]
        }
    )

    dataset: str | None = Field(
        default=None, max_length=128, description="An id, a name, or `sample:sprites`."
    )
    task: str = Field(default="generate", max_length=32)
    name: Id | None = Field(
        default=None, description="Of the model; default: made from the data set's."
    )
    preset: str = Field(default="auto", max_length=32)
    options: dict[Annotated[str, Field(max_length=64)], JsonValue] = Field(
        default_factory=dict, max_length=64, description="See `options` in GET /v1/catalogue."
    )
    resolution: Resolution | None = None
    effort: Effort | None = Field(
        default=None,
        description="Instead of a budget: quick is 10 minutes; standard an hour and best a night, "
        "both of which end early when nothing improves.",
    )
    budget: Budget = Budget(minutes=10)
    seed: Seed = 0
    priority: Priority = 0
    resume_from: Id | None = Field(
        default=None,
        description="A job that ended: go on from its last checkpoint, with its data set, options "
        "and seed. The budget counts from its beginning.",
    )
    init_from: str | None = Field(
        default=None,
        max_length=160,
        description="A model (`name`, `name@2`, `name@stable`, `job:ID`): its weights are the "
        "beginning.",
    )
    label_map: dict[Label, Label | None] | None = Field(
        default=None,
        max_length=1000,
        description="With init_from: which old class or attribute each new one begins as; null: "
        "the mean of all classes, an attribute without effect.",
    )
    metadata: Metadata = Field(default_factory=dict)

    @model_validator(mode="before")
    @classmethod
    def _minutes_of_effort(cls, values: Any) -> Any:
        """An effort is a budget; what was stored has both."""
        effort = values.get("effort") if isinstance(values, dict) else None
        if not isinstance(effort, str) or effort not in EFFORTS:
            return values
        meant = {"minutes": EFFORTS[effort]}
        given = values.get("budget", meant)
        if isinstance(given, dict) and {k: v for k, v in given.items() if v is not None} != meant:
            raise ValueError("give effort or budget, not both")
        return {**values, "budget": meant}

    @model_validator(mode="after")
    def _one_beginning(self) -> "TrainRequest":
        if self.dataset is None and self.resume_from is None:
            raise ValueError("give a dataset, or a job to resume_from")
        if self.resume_from is not None and self.init_from is not None:
            raise ValueError("give resume_from or init_from, not both")
        if self.label_map is not None and self.init_from is None:
            raise ValueError("label_map belongs to init_from")
        return self


class SampleRequest(Record):
    """A data set that the service draws itself: `POST /v1/datasets` with a JSON body."""

    sample: Literal["sprites"]
    count: int = Field(default=4000, ge=2, le=100_000)
    resolution: Resolution = 64
    seed: Seed = 0


class UploadRequest(Record):
    """A data set from an upload that has come whole: `POST /v1/datasets` with a JSON body."""

    upload: Id = Field(description="Of POST /v1/uploads.")
    name: str = Field(default="images", min_length=1, max_length=128, pattern=DISPLAY_NAME)


class ImportRequest(Record):
    """A model from an upload that has come whole: `POST /v1/models` with a JSON body."""

    upload: Id = Field(description="Of POST /v1/uploads; it stays until it is removed.")
    name: Id | None = Field(default=None, description="Default: as it was called there.")


class EvaluateRequest(Record):
    """What `POST /v1/evaluate` takes. Only `model` is needed."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"model": "sprites", "n": 5000}]})

    model: str = Field(max_length=160, description="`name`, `name@2`, `name@stable`, `job:ID`.")
    dataset: str | None = Field(
        default=None, max_length=128, description="An id or a name; default: the model's own."
    )
    n: int = Field(
        default=2000, ge=50, le=50_000, description="Images made; as many reals, if there are."
    )
    space: str = Field(
        default="rand64-v1",
        max_length=64,
        description="Of the features: `rand64-v1`, `data` (trained on the data set itself).",
    )
    seed: Seed = 0
    deadline_minutes: float = Field(default=60, gt=0, le=24 * 60)
    metadata: Metadata = Field(default_factory=dict)


class GenerationsRequest(Record):
    """What `POST /v1/generations` takes: seeds or latent vectors; all else as of one image."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"model": "cats", "seeds": "0-99"}]})

    model: str | None = Field(
        default=None, max_length=160, description="As in GET /v1/generate; default: the newest."
    )
    seeds: (
        Annotated[str, Field(max_length=1024)]
        | Annotated[
            list[Seed | Annotated[str, Field(max_length=MAX_TEXT)]],
            Field(min_length=1, max_length=MAX_ENTRIES),
        ]
        | None
    ) = Field(default=None, description="A list, or a text such as `0,1,4-6`.")
    latents: (
        Annotated[
            list[Annotated[list[Normal], Field(min_length=1, max_length=MAX_Z_DIM)]],
            Field(min_length=1, max_length=MAX_ENTRIES),
        ]
        | None
    ) = Field(default=None, description="Instead of seeds: z itself, `z_dim` numbers for each.")
    labels: (
        Annotated[str, Field(max_length=MAX_LABEL)]
        | Annotated[
            list[Annotated[str, Field(max_length=MAX_LABEL)] | None], Field(max_length=MAX_ENTRIES)
        ]
        | None
    ) = Field(default=None, description="One for all images, or one for each.")
    psi: float = Field(default=1.0, ge=0, le=1)
    size: int | None = Field(default=None, ge=MIN_EDGE, le=MAX_EDGE)
    format: Format = "png"
    quality: int = Field(default=90, ge=1, le=100)
    metadata: bool = True

    @model_validator(mode="after")
    def _origin(self) -> "GenerationsRequest":
        if (self.seeds is None) == (self.latents is None):
            raise ValueError("give seeds or latents")
        return self


class PullRequest(Record):
    """What `POST /v1/models/pull` takes: which model of the store (GANVAS_STORE)."""

    name: Id
    version: int | None = Field(default=None, ge=1, lt=10**9, description="Default: the newest.")
    file: str | None = Field(
        default=None,
        max_length=32,
        pattern=r"^[1-9][0-9]{0,8}-[0-9a-f]{12}\.zip$",
        description="Instead of a version: a file of GET /v1/store.",
    )

    @model_validator(mode="after")
    def _one(self) -> "PullRequest":
        if self.version is not None and self.file is not None:
            raise ValueError("give version or file, not both")
        return self
