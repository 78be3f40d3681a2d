"""Removing a version so that it stays removed.

An attempt at its training that was stopped for long may go on when another one has published the
version and somebody has removed it.
"""

import contextlib
from pathlib import Path

from core.cards import CHECKPOINT
from core.errors import NotFound
from core.files import remove_tree, sync_folder
from core.home import Home
from core.ids import is_id
from core.schemas import Model


def remove_version(home: Home, model: Model) -> None:
    """Leave a mark, take away what stands ready to be published, and only then the version.

    An attempt looks for the mark when its folder is ready. One that was ready before loses the
    folder while the version is still in its way; one that gets ready later finds the mark: no
    moment is left in between, and nobody waits for a lock.
    """
    folder = home.model(model.name)
    with contextlib.suppress(OSError):  # on a full disk models can still be removed
        _mark(folder, model.version).touch(mode=0o600)
        sync_folder(folder)
    if is_id(model.job) and CHECKPOINT not in model.lineage:  # of these nothing stands ready
        for ready in home.job(str(model.job)).glob("publish-f*"):
            remove_tree(ready)
    remove_tree(folder / str(model.version))


def refuse_removed(folder: Path, version: int) -> None:
    """Raise NotFound when this version of the model in `folder` was removed."""
    if _mark(folder, version).exists():
        raise NotFound(f"Version {version} of {folder.name} was removed while it was published.")


def _mark(folder: Path, version: int) -> Path:
    return folder / f".{version}.removed"
