"""The alarms of a training, as its job's folder keeps them: `alarms.jsonl`, a line for each.

A line also has the `seconds` of training of an alarm that an attempt which goes on from an earlier
state gives again; others, as of a full disk, have null.
"""

from datetime import datetime
from pathlib import Path
from typing import Literal

from pydantic import Field

from core.files import json_lines
from core.schemas import Answer

ALARMS = "alarms.jsonl"
Action = Literal["tell", "back", "firmer", "stop"]


class JobAlarm(Answer):
    """What went wrong in a training, and what was done about it."""

    step: int
    kind: str = Field(description="As docs/training.md lists them.")
    message: str
    action: Action = Field(
        default="tell",
        description="`back`: to the last good state; `firmer`: with a stronger penalty; `stop`: "
        "the training ended; `tell`: nothing but this.",
    )
    at: datetime


class JobAlarms(Answer):
    object: Literal["list"] = "list"
    data: list[JobAlarm]


def alarms_of(job_folder: Path) -> list[JobAlarm]:
    """The alarms of a job, oldest first."""
    return [JobAlarm.model_validate(line) for line in json_lines(job_folder / ALARMS)]
