"""Publishing a model that is no training's end: imported, pulled from a store, or a checkpoint."""

from pathlib import Path
from typing import Any

from core.aliases import Aliases
from core.files import publish_folder, remove_tree, write_json
from core.inventory import CARD, card_in, tell
from core.registry import ModelStore, describe, now
from core.schemas import Model


def adopt(models: ModelStore, source: Path, name: str, card: dict[str, Any]) -> tuple[Model, bool]:
    """Move a folder with weights and header to its place as the next version of `name`.

    A version of `name` with the same weights stays the one that there is: then False, and the
    folder is removed. So what is asked for again, also after a crash, makes one version.
    """
    folder = models.home.model(name)
    folder.mkdir(mode=0o700, exist_ok=True)
    facts = describe(source, card)
    with Aliases(folder, lambda: tell(models.home)).held():  # one at a time
        known = [model for model in models.versions(name) if model.digest == facts["digest"]]
        if known:
            remove_tree(source)
            return known[-1], False
        version = models.reserve(folder)
        identity = {"name": name, "version": version, "created_at": now()}
        write_json(source / CARD, facts | identity)
        publish_folder(source, folder / str(version))
        tell(models.home)
    return card_in(folder, version), True
