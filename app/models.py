"""The trained models: newest versions, all versions of one, cards, samples, and single images.

Their aliases: app/aliases.py.
"""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Request, Response
from pydantic import Field

from app.abilities import require_abilities
from app.deps import PNG, After, Everything, Limit, Models
from app.files import send
from app.formats import EXTENSIONS
from app.generate import IMAGES
from app.images import Manner, answer
from app.looks import Look, picture_of
from app.pages import after_cursor, page
from app.queries import documented, query_of
from app.room import bytes_below
from app.services import Services
from core.aliases import LATEST
from core.errors import NotFound
from core.generation import Format
from core.ids import Id
from core.registry import ModelStore, Reference
from core.schemas import Model, Page
from core.seeds import MAX_TEXT, parse_seed

router = APIRouter(prefix="/models", tags=["models"])
Name = Annotated[Id, Path(description="Of the model.", examples=["sprites"])]
Version = Annotated[int, Path(ge=1, lt=10**9)]


class ListedModel(Model):
    """The newest version of a model, with the fields that OpenAI's clients read."""

    id: str = Field(description="The name.")
    created: int = Field(description="Unix time.")
    owned_by: str = "ganvas"


class NamedModel(ListedModel):
    """The newest version of a model, and which others there are."""

    versions: list[int]
    aliases: dict[str, int] = Field(examples=[{"latest": 3}])


def with_urls(model: Model) -> Model:
    """The model with the addresses of what belongs to it."""
    own = f"/v1/models/{model.name}/versions/{model.version}"
    urls = {
        "self": own,
        "generate": f"/v1/generate?model={model.name}@{model.version}",
        "samples": f"{own}/samples.png",
        "card": f"{own}/card",
        "archive": f"{own}/archive",
        "versions": f"/v1/models/{model.name}/versions",
        "aliases": f"/v1/models/{model.name}/aliases",
    }
    if model.job is not None:
        urls["job"] = f"/v1/jobs/{model.job}"
    return model.model_copy(update={"urls": urls})


@router.get("")
def list_models(
    request: Request, response: Response, models: Models, limit: Limit = 20, after: After = None
) -> Page[ListedModel]:
    """The newest version of every model, the newest model first."""
    newest: dict[str, Model] = {}
    for model in models.all():
        if model.name not in newest or model.version > newest[model.name].version:
            newest[model.name] = model
    found = after_cursor(list(newest.values()), lambda model: model.name, after)
    shown = [ListedModel(**_listed(with_urls(model))) for model in found[: limit + 1]]
    return page(request, response, shown, limit, lambda model: model.name)


@router.get("/{name}")
def show_model(held: Everything, name: Name) -> NamedModel:
    """The newest version of one model, and its aliases."""
    versions = versions_of(held.models, name)
    numbers = [model.version for model in versions]
    moved = {alias: model.version for model in versions for alias in model.aliased_as}
    aliases = {LATEST: numbers[0]} | dict(sorted(moved.items()))
    newest = _listed(_whole(held, versions[0]))
    return NamedModel(**newest, versions=numbers, aliases=aliases)


@router.delete("/{name}", status_code=204)
def delete_model(models: Models, name: Name) -> None:
    """Remove all versions for ever, unless an alias points at one of them."""
    models.remove(name, *(model.version for model in versions_of(models, name)))


@router.get("/{name}/versions")
def list_model_versions(
    request: Request,
    response: Response,
    models: Models,
    name: Name,
    limit: Limit = 20,
    after: After = None,
) -> Page[Model]:
    """The cards of all versions, newest first."""
    found = after_cursor(versions_of(models, name), lambda model: str(model.version), after)
    shown = [with_urls(model) for model in found[: limit + 1]]
    return page(request, response, shown, limit, lambda model: str(model.version))


@router.get("/{name}/versions/{version}")
def show_model_version(held: Everything, name: Name, version: Version) -> Model:
    """The card of one version."""
    return _whole(held, held.models.get(name, version))


@router.delete("/{name}/versions/{version}", status_code=204)
def delete_model_version(models: Models, name: Name, version: Version) -> None:
    """Remove one version for ever, unless an alias points at it."""
    models.remove(name, version)


@router.get("/{name}/versions/{version}/samples.png", response_class=Response, responses=PNG)
def show_model_samples(models: Models, name: Name, version: Version) -> Response:
    """The last sample grid of the training."""
    folder = models.folder(models.get(name, version))
    return send(folder / "samples.png", "image/png", "public, max-age=3600")


@router.get(
    "/{name}/versions/{version}/images/{seed}.{extension}",
    response_class=Response,
    responses=IMAGES,
    openapi_extra=documented(Look),
)
async def show_model_image(
    request: Request,
    held: Everything,
    name: Name,
    version: Version,
    seed: Annotated[str, Path(max_length=MAX_TEXT)],
    extension: Annotated[str, Path(pattern="^(png|webp|jpg|jpeg)$")],
    look: Annotated[Look, Depends(query_of(Look))],
) -> Response:
    """One image at its lasting address: the same bytes for ever."""
    model = held.models.get(name, version)
    reference = Reference(model=model, folder=held.models.folder(model), pinned=True)
    await require_abilities(held, model, look)
    format: Format = EXTENSIONS[extension]
    picture = picture_of(model, [parse_seed(seed)], look, format)
    manner = Manner(name=name, download=look.download)
    return await answer(request, held, reference, picture, manner)


def versions_of(models: ModelStore, name: str) -> list[Model]:
    """Newest first. Raises NotFound."""
    versions = models.versions(name)
    if not versions:
        raise NotFound("There is no model with this name; GET /v1/models lists them.")
    return versions


def _listed(model: Model) -> dict[str, Any]:
    created = int(model.created_at.timestamp())
    return model.model_dump() | {"id": model.name, "created": created}


def _whole(held: Services, model: Model) -> Model:
    """The card, how much room its folder takes, and what its images can be relied on for."""
    told: dict[str, Any] = {"disk_bytes": bytes_below(held.models.folder(model))}
    told["reproducibility"] = held.batcher.workforce.level
    return with_urls(model).model_copy(update=told)
