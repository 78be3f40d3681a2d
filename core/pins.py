"""Versions of models that the generate workers keep in memory, whatever else is asked for.

A mark in the version's folder says so: it is there after a restart, and gone with the version.
"""

from core.errors import Conflict, NotFound
from core.inventory import PINNED, card_in, tell
from core.registry import ModelStore
from core.schemas import Model


def pin(models: ModelStore, model: Model, capacity: int) -> Model:
    """Mark a version. Raises Conflict when all pinned models together are above `capacity` bytes,
    NotFound when it was removed meanwhile."""
    others = [m for m in models.all() if m.pinned and m.digest != model.digest]
    needed = model.bytes + sum(other.bytes for other in others)
    if needed > capacity:
        names = ", ".join(f"{m.name}@{m.version}" for m in others) or "none"
        raise Conflict(
            f"The pinned models would take {needed} bytes of {capacity} (GANVAS_GENERATE_MEMORY) "
            f"in each generate worker. Pinned are: {names}."
        )
    return _marked(models, model, True)


def unpin(models: ModelStore, model: Model) -> Model:
    """Take the mark away. Raises NotFound."""
    return _marked(models, model, False)


def pinned_folders(models: ModelStore) -> dict[str, str]:
    """The folders of all pinned versions, relative to the home, by digest."""
    root = models.home.root
    return {m.digest: str(models.folder(m).relative_to(root)) for m in models.all() if m.pinned}


def _marked(models: ModelStore, model: Model, wanted: bool) -> Model:
    folder = models.folder(model)
    mark = folder / PINNED
    try:
        if wanted:
            mark.touch(mode=0o600)
        else:
            mark.unlink(missing_ok=True)
    except FileNotFoundError as error:
        raise NotFound("The version was removed a moment ago.") from error
    tell(models.home)
    return card_in(folder.parent, model.version)
