"""The newest attempt at a job, on disk: what Redis forgets is rebuilt from it.

A child that finds a higher fence than its own here has been replaced and leaves.
"""

from dataclasses import asdict, dataclass

from core.files import passing, read_json, write_json
from core.home import Home


@dataclass(frozen=True, kw_only=True)
class Attempt:
    """`shrink`: how often the batch was halved because memory ran out."""

    fence: int
    attempt: int = 1
    shrink: int = 0
    version: int = 0  # of the job's record when this attempt began


def record_attempt(home: Home, job_id: str, attempt: Attempt) -> None:
    write_json(home.job(job_id) / "attempt.json", asdict(attempt))


def newest_attempt(home: Home, job_id: str) -> Attempt | None:
    """None when the job was never begun, or its record is damaged."""
    try:
        return Attempt(**read_json(home.job(job_id) / "attempt.json"))
    except (OSError, ValueError, TypeError) as error:
        if passing(error):
            raise
        return None
