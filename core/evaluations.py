"""Results of evaluations, kept beside a model: `evaluations/{job}/evaluation.json` and pictures.

A result is written once and never changed. `metrics` is flat: a figure, its spread `{name}_sd` and
its floor `{name}_floor` (the same figure of reals against reals); what could not be computed is
null with its `{name}_reason`.
"""

import errno
from pathlib import Path
from typing import Any

from core.files import publish_folder, read_json, remove_tree

FOLDER = "evaluations"
RESULT = "evaluation.json"


def publish_evaluation(model: Path, source: Path, job_id: str) -> None:
    """Move a folder with RESULT into the model's; that of an earlier attempt stays."""
    parent = model / FOLDER
    parent.mkdir(mode=0o700, exist_ok=True)
    try:
        publish_folder(source, parent / job_id)
    except OSError as error:
        if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
            raise
        remove_tree(source)


def evaluations_of(model: Path) -> list[dict[str, Any]]:
    """The results of all evaluations of the model in this folder, newest first."""
    found = [read_json(path) for path in (model / FOLDER).glob(f"[!.]*/{RESULT}")]
    return sorted(found, key=lambda result: (result["created_at"], result["job"]), reverse=True)
