"""The checkpoints of a job as others see them: their records, and handing them to another job.

What is in them only `worker/checkpoint.py` knows.
"""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.files import read_json

FOLDER, INIT = "checkpoints", "init"


@dataclass(frozen=True, kw_only=True)
class CheckpointRecord:
    """A complete checkpoint; `path` is its JSON, the tensors stand beside it."""

    path: Path
    step: int
    fence: int
    sha256: str
    bytes: int
    facts: dict[str, Any]

    @property
    def tensors(self) -> Path:
        return self.path.with_suffix(".safetensors")


def checkpoint_records(job_folder: Path) -> list[CheckpointRecord]:
    """The complete checkpoints of a job, newest first."""
    found = [_read(path) for path in (job_folder / FOLDER).glob("*-f*.json")]
    complete = [record for record in found if record is not None]
    return sorted(complete, key=lambda record: (record.step, record.fence), reverse=True)


def hand_on(records: list[CheckpointRecord], target: Path, name: str | None = None) -> None:
    """Link checkpoints into another folder, under their own names or `name`."""
    target.mkdir(mode=0o700, exist_ok=True)
    for record in records:
        for source in (record.tensors, record.path):
            os.link(source, target / (f"{name}{source.suffix}" if name else source.name))


def _read(path: Path) -> CheckpointRecord | None:
    """None for what is not one of ours, damaged, or removed at this moment."""
    try:
        record = read_json(path)
        values = {name: record[name] for name in ("step", "fence", "sha256", "bytes", "facts")}
        values["facts"] = dict(values["facts"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return CheckpointRecord(path=path, **values)
