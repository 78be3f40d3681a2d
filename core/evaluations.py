"""Results of evaluations, kept beside a model: `evaluations/{job}/evaluation.json` and pictures.

A result is written once and never changed. `metrics` is flat: a figure, its spread `{name}_sd` and
its floor `{name}_floor` (the same figure of reals against reals); what could not be computed is
null with its `{name}_reason`.
"""

import errno
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from core.crashpoints import crash_point
from core.errors import NotFound
from core.files import publish_folder, read_json, remove_tree
from core.schemas import Answer

FOLDER = "evaluations"
RESULT = "evaluation.json"
# Which way is better. `floor`: the nearer to what reals among themselves have.
BETTER: dict[str, str] = {
    **dict.fromkeys(("kd", "fd", "fid", "kid", "fd_dinov2"), "lower"),
    **dict.fromkeys(("swd", "copied", "path_length"), "lower"),
    **dict.fromkeys(("precision", "recall", "density", "coverage", "authpct", "is"), "higher"),
    **dict.fromkeys(("gan_test", "gan_train"), "higher"),
    **dict.fromkeys(("density", "diversity", "ms_ssim"), "floor"),
}
Picture = Literal["samples", "reals", "nearest"]


class Evaluation(Answer):
    """One result, as it is stored and shown."""

    object: Literal["evaluation"] = "evaluation"
    job: str
    created_at: datetime
    seconds: float
    model: dict[str, Any] = Field(description="name, version, digest")
    dataset: dict[str, Any] = Field(description="id, name, sha256, same_as_training")
    seed: int
    metrics: dict[str, Any] = Field(description="Flat; see docs/evaluation.md.")
    classes: dict[str, Any] = Field(default_factory=dict, description="Figures of each class.")
    nearest: list[dict[str, Any]] = Field(
        default_factory=list, description="The images that are nearest to a training image."
    )
    pictures: list[Picture] = Field(default_factory=list)
    libraries: dict[str, str] = Field(default_factory=dict)
    urls: dict[str, str] = Field(default_factory=dict)


def publish_evaluation(model: Path, source: Path, job_id: str) -> None:
    """Move a folder with RESULT into the model's; that of an earlier attempt stays.

    Raises NotFound when the model is not there any more.
    """
    parent = model / FOLDER
    try:
        parent.mkdir(mode=0o700, exist_ok=True)
        if (parent / job_id).exists():
            remove_tree(source)
        else:
            publish_folder(source, parent / job_id)
    except FileNotFoundError as error:
        raise NotFound("The model was removed while it was being evaluated.") from error
    except OSError as error:
        if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
            raise
        remove_tree(source)
    crash_point("evaluation.renamed")


def result_in(folder: Path) -> dict[str, Any]:
    """The result in a folder. Raises NotFound when it is not there any more."""
    try:
        return read_json(folder / RESULT)
    except FileNotFoundError as error:
        raise NotFound("The model was removed, and its evaluations with it.") from error


def evaluations_of(model: Path) -> list[dict[str, Any]]:
    """The results of all evaluations of the model in this folder, newest first."""
    found = [read_json(path) for path in (model / FOLDER).glob(f"[!.]*/{RESULT}")]
    return sorted(found, key=lambda result: (result["created_at"], result["job"]), reverse=True)
