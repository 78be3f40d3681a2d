"""The stored request of a job, as its child process reads it."""

from typing import Any

from core.errors import BadSpec
from core.files import read_json
from core.home import Home
from core.schemas import JobKind


def read_job(home: Home, job_id: str, kind: JobKind) -> dict[str, Any]:
    """`{id, kind, input, seed, metadata}` of `job.json`. Raises BadSpec when it is not that."""
    try:
        job = read_json(home.job(job_id) / "job.json")
        understood = job["id"] == job_id and job["kind"] == kind and isinstance(job["input"], dict)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BadSpec(f"The stored request of the job cannot be read: {error}.") from error
    if not understood:
        raise BadSpec("The stored request of the job is of another job or kind.")
    return job
