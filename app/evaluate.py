"""POST /v1/evaluate, and the results that stand beside each version of a model."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Response

from app.deps import PNG, Everything, IdempotencyKey, Models, json_only
from app.files import send
from app.jobs import JobId
from app.models import Name, Version
from app.orders import accepted, announce, once
from app.services import Services
from core.datasets import DatasetStore
from core.errors import GanvasError, Invalid, NotFound, NotReady, NoWorker
from core.evaluations import FOLDER, Evaluation, Picture, evaluations_of
from core.registry import JOB_PREFIX, pinned
from core.requests import EvaluateRequest
from core.schemas import Dataset, Job, JobKind, Model, Page

router = APIRouter(tags=["evaluation"])
DEFAULT_SPACES = ("rand64-v1",)  # of a worker that does not name any
RESULTS = "/models/{name}/versions/{version}/evaluations"


@router.post("/evaluate", status_code=202, dependencies=[Depends(json_only)])
def evaluate(
    response: Response, held: Everything, order: EvaluateRequest, key: IdempotencyKey = None
) -> Job:
    """Measure how good a model is. The answer is a job; its result lands in the model's card."""
    offer = held.presence.catalogue()
    if offer is None:
        raise NoWorker("No worker has said yet what it can do.", retry_after=5)
    require_space(order, offer)
    model = model_of(held, order.model)
    dataset = dataset_of(held.datasets, order, model)
    job, created = held.jobs.create(
        JobKind.EVALUATE,
        input_of(order, model, dataset),
        seed=order.seed,
        metadata=order.metadata,
        idempotency=once("evaluate", key, order),
        max_queued=held.settings.max_queued_jobs,
    )
    announce(held, response, job, created)
    return accepted(response, job)


@router.get(RESULTS)
def list_model_evaluations(models: Models, name: Name, version: Version) -> Page[Evaluation]:
    """Every evaluation of one version, newest first."""
    model = models.get(name, version)
    found = [_shown(model, result) for result in evaluations_of(models.folder(model))]
    ids = [result.job for result in found]
    return Page(data=found, first_id=ids[0] if ids else None, last_id=ids[-1] if ids else None)


@router.get(f"{RESULTS}/{{job_id}}/{{picture}}.png", response_class=Response, responses=PNG)
def show_model_evaluation_picture(
    models: Models,
    name: Name,
    version: Version,
    job_id: JobId,
    picture: Annotated[Picture, Path(description="What it shows: docs/evaluation.md.")],
) -> Response:
    """A picture of one evaluation."""
    folder = models.folder(models.get(name, version)) / FOLDER / job_id
    return send(folder / f"{picture}.png", "image/png", "private, max-age=31536000, immutable")


def input_of(order: EvaluateRequest, model: Model, dataset: Dataset) -> dict[str, Any]:
    """The request with everything pinned that it named."""
    asked = order.model_dump(mode="json", exclude={"metadata"})
    source = {"dataset_id": dataset.id, "dataset_name": dataset.name}
    return asked | pinned(model) | source | {"dataset_sha256": dataset.sha256}


def require_space(order: EvaluateRequest, offer: dict[str, Any]) -> None:
    """Raise Invalid when the workers know no such feature space."""
    spaces = offer.get("spaces", DEFAULT_SPACES)
    if order.space not in spaces:
        raise _told(Invalid, "space", f"There is no such space; there are: {', '.join(spaces)}.")


def model_of(held: Services, reference: str) -> Model:
    """The published version that the request means. Raises Invalid, NotFound."""
    if reference.startswith(JOB_PREFIX):
        raise _told(
            Invalid,
            "model",
            "A checkpoint cannot be evaluated: results are kept beside published versions. Wait "
            "for the end of the training, or cancel it, and evaluate its model.",
        )
    try:
        model = held.models.resolve(reference).model
    except NotFound as error:
        raise _told(NotFound, "model", error.detail) from error
    if "generate" not in model.verbs:
        known = ", ".join(model.verbs) or "nothing"
        raise _told(Invalid, "model", f"Only models that generate are evaluated; it can: {known}.")
    return model


def dataset_of(datasets: DatasetStore, order: EvaluateRequest, model: Model) -> Dataset:
    """The images to compare with. Raises NotFound, Conflict, NotReady, Invalid."""
    own = str(model.dataset.get("id") or "")
    if order.dataset is None and not own:
        raise _told(Invalid, "dataset", "The model does not say what it was trained on: give one.")
    try:
        dataset = datasets.find(order.dataset) if order.dataset else datasets.get(own)
    except NotFound as error:
        gone = f"The data set {own} of this model is gone: upload it again, or give another."
        raise _told(NotFound, "dataset", error.detail if order.dataset else gone) from error
    if dataset.state != "ready":
        raise NotReady("The data set is still being prepared.", retry_after=5)
    require_same_shape(dataset, model)
    return dataset


def require_same_shape(dataset: Dataset, model: Model) -> None:
    """Raise Invalid when the data set holds no images such as the model makes."""
    if model.resolution not in dataset.resolutions:
        known = ", ".join(map(str, dataset.resolutions))
        text = f"The model makes {model.resolution} px, the data set was prepared at {known}:"
        raise _told(Invalid, "dataset", f"{text} give a data set of larger images.")
    if dataset.channels not in (None, model.channels):
        words = {1: "grey images", 3: "images in colour"}
        makes, holds = (
            words.get(n or 0, f"{n} channels") for n in (model.channels, dataset.channels)
        )
        text = f"The model makes {makes}, the data set holds {holds}: give one of the same kind."
        raise _told(Invalid, "dataset", text)


def _shown(model: Model, result: dict[str, Any]) -> Evaluation:
    own = f"/v1/models/{model.name}/versions/{model.version}/evaluations/{result['job']}"
    urls = {name: f"{own}/{name}.png" for name in result.get("pictures", [])}
    shown = Evaluation.model_validate(result)
    return shown.model_copy(update={"urls": {"job": f"/v1/jobs/{shown.job}"} | urls})


def _told(kind: type[GanvasError], field: str, message: str) -> GanvasError:
    """An error that points at one field of the request."""
    return kind(message, errors=[{"pointer": f"#/{field}", "message": message}])
