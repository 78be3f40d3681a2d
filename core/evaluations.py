"""Results of evaluations, kept beside a model: `evaluations/{job}/evaluation.json` and pictures.

A result is written once and never changed. `metrics` is flat: a figure, its spread `{name}_sd` and
its floor `{name}_floor` (the same figure of reals against reals); what could not be computed is
null with its `{name}_reason`. Numbers that say how it was measured are no figures: see `condition`.
"""

import errno
import logging
import re
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, ValidationError

from core.crashpoints import crash_point
from core.errors import NotFound
from core.files import passing, publish_folder, read_json, remove_tree
from core.schemas import Answer

FOLDER = "evaluations"
RESULT = "evaluation.json"
# Which way is better. `floor`: the nearer to what reals among themselves have.
BETTER: dict[str, str] = {
    **dict.fromkeys(("kd", "fd", "fid", "kid", "fd_dinov2"), "lower"),
    **dict.fromkeys(("swd", "copied", "copied_rank", "path_length"), "lower"),
    **dict.fromkeys(("precision", "recall", "coverage", "authpct", "is"), "higher"),
    **dict.fromkeys(("gan_test", "gan_train"), "higher"),
    **dict.fromkeys(("density", "diversity", "ms_ssim"), "floor"),
}
PARTS = ("_sd", "_floor", "_reason")  # of other figures, by the end of their names
CONDITIONS = ("_n", "_scales", "_sha256", "_reference")  # what a figure was measured with
Picture = Literal["samples", "reals", "nearest"]
log = logging.getLogger(__name__)


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


def condition(name: str) -> bool:
    """Whether what has this name says how was measured, such as `n_fake`, and not how good."""
    return name in ("n", "seed") or name.startswith("n_") or name.endswith(CONDITIONS)


def stem(name: str) -> str:
    """The figure that one is a part of: `swd_32` is `swd` at 32 px; others are their own."""
    return re.sub(r"_\d+$", "", name)


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
    """The results of all evaluations of the model in this folder, newest first.

    One that cannot be read is passed over: it takes nothing from the model.
    """
    found = [_readable(path) for path in (model / FOLDER).glob(f"[!.]*/{RESULT}")]
    whole = [result for result in found if result is not None]
    return sorted(whole, key=lambda result: (result["created_at"], result["job"]), reverse=True)


def _readable(path: Path) -> dict[str, Any] | None:
    """None for a result that is damaged, or removed at this moment."""
    try:
        result = read_json(path)
        Evaluation.model_validate(result)
        if isinstance(result["created_at"], str) and result["job"] == path.parent.name:
            return result
        _pass_over(path, "created_at is no text, or it is of another job than its folder")
    except FileNotFoundError:
        pass
    except ValidationError as error:
        _pass_over(path, f"{error.errors()[0]['loc']}: {error.errors()[0]['msg']}")
    except (OSError, ValueError) as error:
        if passing(error):
            raise
        _pass_over(path, str(error))
    return None


@lru_cache(maxsize=1000)
def _pass_over(path: Path, why: str) -> None:
    """Say it once: models are read again with every change."""
    log.warning("the evaluation %s cannot be read: %s", path, why)
