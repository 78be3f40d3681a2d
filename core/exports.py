"""What a model version was exported to: `exports/model.onnx` in its folder, made on request."""

import os
from pathlib import Path

from core.errors import NotFound
from core.files import sync_file, sync_folder
from core.registry import ModelStore
from core.schemas import Model

FOLDER = "exports"
ONNX = "model.onnx"


def onnx_in(folder: Path) -> Path:
    """Where the ONNX file of the version in `folder` is, once it is made."""
    return folder / FOLDER / ONNX


def publish_onnx(models: ModelStore, model: Model, source: Path) -> None:
    """Move a finished file to its place; done twice the last one stays. Raises NotFound."""
    target = onnx_in(models.folder(models.get(model.name, model.version)))
    sync_file(source)
    try:
        target.parent.mkdir(mode=0o700, exist_ok=True)
        os.replace(source, target)
        sync_folder(target.parent)
    except FileNotFoundError as error:
        raise NotFound("The model was removed while it was being exported.") from error
