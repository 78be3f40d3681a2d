"""Pinned versions: in the memory of every generate worker, before the first request for them."""

from fastapi import APIRouter

from app.deps import Everything, Models
from app.models import Name, Version, with_urls
from core.pins import pin, unpin
from core.queue import GENERATE
from core.schemas import Model

router = APIRouter(prefix="/models/{name}/versions/{version}/pin", tags=["models"])


@router.put("")
def pin_model_version(held: Everything, name: Name, version: Version) -> Model:
    """Have the generate workers load this version now, and keep it loaded. Idempotent."""
    model = pin(held.models, held.models.get(name, version), held.settings.generate_memory)
    for _ in held.batcher.workforce.names:
        held.wake(GENERATE)
    return with_urls(model)


@router.delete("", status_code=204)
def unpin_model_version(models: Models, name: Name, version: Version) -> None:
    """Let it go when others need the room. Idempotent."""
    unpin(models, models.get(name, version))
