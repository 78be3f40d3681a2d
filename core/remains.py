"""What is left of a job on disk, and the record that can be rebuilt from it.

`job.json` the request, `attempt.json` the newest attempt, `shrink.json` how much smaller the next
is to be, `intent.json` what was last asked of it, `record.json` its end; `doubtful` marks a request
whose acceptance was left open.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.attempts import newest_attempt, newest_shrink
from core.errors import BadSpec
from core.files import passing, read_json
from core.home import Home
from core.records import stored
from core.registry import snapshot_folders
from core.schemas import JobKind, JobState

REQUEST, INTENT, END, DOUBT = "job.json", "intent.json", "record.json", "doubtful"
TERMINAL = [state.value for state in JobState if state.terminal]
WISHES = {"cancel": JobState.CANCELLING, "pause": JobState.PAUSED}


@dataclass(frozen=True, kw_only=True)
class Remains:
    """A rebuilt record: state, why, and the fields as Redis keeps them."""

    state: JobState
    reason: str
    fields: dict[str, str]


def request_of(home: Home, job_id: str) -> dict[str, str] | None:
    """The fields of the stored request; None when there is none. Raises BadSpec when unreadable."""
    try:
        spec = read_json(home.job(job_id) / REQUEST)
        kind = JobKind(spec["kind"])
        return {
            "id": job_id,
            "kind": kind.value,
            "queue": kind.queue,
            "input": json.dumps(spec["input"]),
            "metadata": json.dumps(spec["metadata"] or {}),
            "seed": str(int(spec["seed"])),
            "priority": str(int(spec.get("priority", 0))),
            "created_at": str(int(spec.get("created_at", 0) * 1000)),
        }
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError, OverflowError) as error:
        if passing(error):
            raise
        raise BadSpec(f"{REQUEST} of {job_id} cannot be read: {error}") from error


def remains_of(home: Home, job_id: str) -> Remains | None:
    """The job as the disk knows it; None when it was never accepted. Raises BadSpec."""
    folder = home.job(job_id)
    end = _readable(folder / END)
    if end.get("state") in TERMINAL:
        fields = {str(key): stored(value) for key, value in end.items()}
        return Remains(state=JobState(end["state"]), reason=end.get("reason", ""), fields=fields)
    attempt = newest_attempt(home, job_id)
    request = request_of(home, job_id)
    if request is None or (attempt is None and (folder / DOUBT).exists()):
        return None
    fields = request | {"order": request["created_at"], "fence": "0", "attempt": "0"}
    fields |= {"crashes": "0", "version": "0"}
    if attempt is not None:
        fields |= {"fence": str(attempt.fence + 1), "attempt": str(attempt.attempt)}
        fields |= {"shrink": str(newest_shrink(home, job_id)), "version": str(attempt.version)}
    if snapshot_folders(folder):
        fields |= {"committed": json.dumps({"step": 0}), "committed_step": "-1"}
    begun = JobState.RECOVERING if attempt is not None else JobState.QUEUED
    state = WISHES.get(str(_readable(folder / INTENT).get("word")), begun)
    return Remains(state=state, reason="rebuilt from disk", fields=fields)


def _readable(path: Path) -> dict[str, Any]:
    """The record in `path`; empty when it is missing or damaged."""
    try:
        record = read_json(path)
    except (OSError, ValueError) as error:
        if passing(error):
            raise
        return {}
    return record if isinstance(record, dict) else {}
