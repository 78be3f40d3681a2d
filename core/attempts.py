"""The newest attempt at a job, on disk: what Redis forgets is rebuilt from it.

A child that finds a higher fence than its own here has been replaced and leaves.
"""

import re
from dataclasses import asdict, dataclass

from core.errors import StaleFence
from core.files import passing, read_json, write_json
from core.home import Home

FENCED = re.compile(r"-f(\d+)")  # in the names of what belongs to one attempt


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


def record_shrink(home: Home, job_id: str, shrink: int) -> None:
    """Let the next attempt be smaller, also when Redis forgets before it begins."""
    write_json(home.job(job_id) / "shrink.json", {"shrink": shrink})


def newest_shrink(home: Home, job_id: str) -> int:
    """How often the batch of the next attempt is to be halved, as far as the disk knows."""
    attempt = newest_attempt(home, job_id)
    begun = attempt.shrink if attempt else 0
    try:
        return max(begun, int(read_json(home.job(job_id) / "shrink.json")["shrink"]))
    except (OSError, ValueError, TypeError, KeyError) as error:
        if passing(error):
            raise
        return begun


def require_newest(home: Home, job_id: str, fence: int) -> None:
    """Raise StaleFence when a newer attempt owns the job."""
    newest = newest_attempt(home, job_id)
    if newest is not None and newest.fence > fence:
        raise StaleFence


def fence_in(name: str) -> int | None:
    """Of the attempt that a file or folder of this name belongs to."""
    found = FENCED.search(name)
    return None if found is None else int(found[1])
