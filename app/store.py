"""The store of models elsewhere: what is there, and jobs that push to it and pull from it."""

from fastapi import APIRouter, Depends, Response

from app.deps import Everything, IdempotencyKey, json_only
from app.exports import ordered, require_extra
from app.models import Name, Version
from app.orders import accepted, once
from app.services import Services
from core.registry import pinned
from core.requests import PullRequest
from core.schemas import Job, JobKind, Page
from core.store import Store, StoredModel, require_store

router = APIRouter(tags=["models"])


@router.get("/store")
def list_store(held: Everything) -> Page[StoredModel]:
    """The models in the store of this service, by name, the newest version of each first."""
    found = Store(held.settings.store).all()
    ids = [f"{model.name}/{model.file}" for model in found]
    return Page(data=found, first_id=ids[0] if ids else None, last_id=ids[-1] if ids else None)


@router.post("/models/{name}/versions/{version}/push", status_code=202)
def push_model(
    held: Everything,
    response: Response,
    name: Name,
    version: Version,
    key: IdempotencyKey = None,
) -> Job:
    """Write the archive of a version to the store. Done twice it is there once."""
    model = held.models.get(name, version)
    require_usable(held)
    input = pinned(model)
    keyed = once("push", key, input)
    return accepted(response, ordered(held, response, JobKind.PUSH, input, keyed))


@router.post("/models/pull", status_code=202, dependencies=[Depends(json_only)])
def pull_model(
    held: Everything, response: Response, order: PullRequest, key: IdempotencyKey = None
) -> Job:
    """Fetch a model from the store; the job checks it as an import is checked."""
    require_usable(held)
    known = (held.presence.catalogue() or {}).get("architectures")
    input = order.model_dump() | {"architectures": list(known) if known else None}
    keyed = once("pull", key, order)
    return accepted(response, ordered(held, response, JobKind.PULL, input, keyed))


def require_usable(held: Services) -> None:
    """Raise Conflict without a store, Unavailable when no worker can use it."""
    require_store(held.settings.store)
    require_extra(held, "store")
