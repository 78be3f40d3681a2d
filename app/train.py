"""POST /v1/train: check the request against what the live workers can do, and accept the job."""

import difflib
from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter, Depends, Response
from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError

from app.deps import Everything, IdempotencyKey, json_only
from app.lineage import Beginning, continued, initialised, origin_of
from app.orders import accepted, announce, once
from app.services import Services
from core.datasets import DatasetStore, sample_id, sample_request
from core.errors import Invalid, NotFound, NotReady, NotTrainable, NoWorker
from core.ids import slug
from core.requests import TrainRequest
from core.schemas import Dataset, Job, JobKind

router = APIRouter(tags=["training"], dependencies=[Depends(json_only)])


@dataclass(frozen=True, kw_only=True)
class Source:
    """The data set of a training: one that is there, or a sample that the job draws."""

    id: str
    name: str
    dataset: Dataset | None


@router.post("/train", status_code=202)
def train(
    response: Response, held: Everything, order: TrainRequest, key: IdempotencyKey = None
) -> Job:
    """Train a GAN on a data set. The answer is a job: follow it, generate while it runs."""
    offer = held.presence.catalogue()
    if offer is None:
        raise NoWorker("No train worker has said yet what it can do.", retry_after=5)
    check(order, offer)
    seed, beginning = beginning_of(held, order)
    job, created = held.jobs.create(
        JobKind.TRAIN,
        beginning.input,
        seed=seed,
        metadata=order.metadata,
        priority=order.priority,
        idempotency=once("train", key, order),
        max_queued=held.settings.max_queued_jobs,
        furnish=beginning.furnish,
    )
    announce(held, response, job, created)
    return accepted(response, job)


def beginning_of(held: Services, order: TrainRequest) -> tuple[int, Beginning]:
    """The seed, and what the job begins with. Raises what `source_of` and app/lineage.py raise."""
    if order.resume_from is not None:
        earlier, beginning = continued(held, order)
        return earlier.seed, beginning
    if order.init_from is None:
        return order.seed, Beginning(input=fresh(held, order), furnish=lambda folder: None)
    origin = origin_of(held, order.init_from)
    if order.resolution is None:
        order = order.model_copy(update={"resolution": origin.model.resolution})
    source = source_of(held.datasets, order)
    initial = initialised(held, order, origin, source.dataset)
    return order.seed, Beginning(
        input=input_of(order, source) | initial.input, furnish=initial.furnish
    )


def fresh(held: Services, order: TrainRequest) -> dict[str, Any]:
    """What the job of a new training is told. Raises what `source_of` raises."""
    return input_of(order, source_of(held.datasets, order))


def input_of(order: TrainRequest, source: Source) -> dict[str, Any]:
    return order.model_dump(mode="json") | {
        "dataset_id": source.id,
        "dataset_name": source.name,
        "model": order.name or slug(source.name, "model"),
    }


def check(order: TrainRequest, offer: dict[str, Any]) -> None:
    """Raise Invalid when the workers know no such task, preset or option."""
    errors = [
        *_unknown("task", order.task, offer["tasks"]),
        *_unknown("preset", order.preset, offer["presets"]),
        *option_errors(dict(order.options), offer["options"]),
    ]
    if errors:
        raise Invalid(f"{errors[0]['pointer']}: {errors[0]['message']}", errors=errors)


def option_errors(options: dict[str, Any], schema: dict[str, Any]) -> list[dict[str, str]]:
    """What is wrong with `options`, without repeating what was sent."""
    found = Draft202012Validator(schema).iter_errors(options)
    errors = []
    for error in found:
        if error.validator == "additionalProperties":
            known = list(error.schema["properties"])  # pyright: ignore
            errors += [_misspelt(name, known) for name in options if name not in known]
        else:
            pointer = "/".join(["#/options", *(str(part) for part in error.absolute_path)])
            errors.append({"pointer": pointer, "message": _wrong(error)})
    return errors


def source_of(datasets: DatasetStore, order: TrainRequest) -> Source:
    """The data set. Raises NotFound, NotReady, NotTrainable, Invalid."""
    assert order.dataset is not None
    sample = sample_request(order.dataset, order.resolution)
    try:
        dataset = datasets.get(sample_id(sample)) if sample else datasets.find(order.dataset)
    except NotFound:
        if sample is None:
            raise
        dataset = None
    if sample is not None and (dataset is None or dataset.state != "ready"):
        return Source(id=sample_id(sample), name=order.dataset, dataset=None)
    assert dataset is not None
    _require_trainable(dataset, order)
    return Source(id=dataset.id, name=dataset.name, dataset=dataset)


def _require_trainable(dataset: Dataset, order: TrainRequest) -> None:
    if dataset.state != "ready":
        raise NotReady("The data set is still being prepared.", retry_after=5)
    able = dataset.trains.get(order.task, "The data set was not prepared for this task.")
    if able is not True:
        pointer = {"pointer": "#/task", "message": str(able)}
        raise NotTrainable(f"{dataset.id}: {able}", errors=[pointer])
    if order.resolution is not None and order.resolution not in dataset.resolutions:
        known = ", ".join(str(resolution) for resolution in dataset.resolutions)
        message = f"The data set was prepared at: {known}."
        raise Invalid(message, errors=[{"pointer": "#/resolution", "message": message}])


def _unknown(field: str, value: str, known: Any) -> list[dict[str, str]]:
    if value in known:
        return []
    return [{"pointer": f"#/{field}", "message": f"There are: {', '.join(known)}."}]


def _misspelt(name: str, known: list[str]) -> dict[str, str]:
    near = difflib.get_close_matches(name, known, 1)
    guess = f" Did you mean {near[0]}?" if near else ""
    message = f"There is no such option.{guess} There are: {', '.join(known)}."
    return {"pointer": f"#/options/{name}", "message": message}


def _wrong(error: ValidationError) -> str:
    """A sentence about the rule that was broken."""
    rule, value = str(error.validator), error.validator_value
    sentences = {
        "type": "It has to be of type {}.",
        "enum": "It has to be one of {}.",
        "minimum": "It has to be at least {}.",
        "maximum": "It has to be at most {}.",
        "exclusiveMinimum": "It has to be more than {}.",
        "exclusiveMaximum": "It has to be less than {}.",
        "uniqueItems": "Each of its items may stand there only once.",
    }
    listed = ", ".join(map(str, value)) if isinstance(value, list) and rule == "enum" else value
    if rule in sentences:
        return sentences[rule].format(listed)
    return f"It does not follow the rule {rule} of GET /v1/catalogue."
