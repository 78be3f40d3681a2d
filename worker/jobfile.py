"""The stored request of a job, as its child process reads it."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from core.errors import BadSpec
from core.files import read_json
from core.home import Home
from core.schemas import JobKind

# The fields of the input that a child cannot do without.
Needs = Mapping[str, type | tuple[type, ...]]
NOTHING: Needs = MappingProxyType({})


def read_job(home: Home, job_id: str, kind: JobKind, needs: Needs = NOTHING) -> dict[str, Any]:
    """`{id, kind, input, seed, metadata}` of `job.json`. Raises BadSpec when it is not that, or
    when `input` lacks something."""
    try:
        job = read_json(home.job(job_id) / "job.json")
        understood = job["id"] == job_id and job["kind"] == kind and isinstance(job["input"], dict)
        seeded = isinstance(job.get("seed"), int)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BadSpec(f"The stored request of the job cannot be read: {error}.") from error
    if not understood:
        raise BadSpec("The stored request of the job is of another job or kind.")
    lacking = [name for name, kind_of in needs.items() if not _has(job["input"], name, kind_of)]
    lacking += [] if seeded else ["seed"]
    if lacking:
        raise BadSpec(f"The stored request of the job lacks {', '.join(lacking)}; ask for it anew.")
    return job


def _has(input: Mapping[str, Any], name: str, kind_of: type | tuple[type, ...]) -> bool:
    return name in input and isinstance(input[name], kind_of)
