"""The list of jobs: filters, a search, and pages of which each costs a bounded amount of work."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Literal, TypeVar

from fastapi import APIRouter, Depends, Query, Request, Response

from app.deps import After, Jobs, Limit
from app.jobs import CHUNK, actions_of, with_urls
from app.pages import page
from app.queries import only_query, refused
from core.ids import Id
from core.jobs import JobStore
from core.records import SHORT
from core.schemas import Job, JobKind, JobState, Page

router = APIRouter(prefix="/jobs", tags=["jobs"])
LOOKED_AT = 2000  # jobs, at most, for one page
NAMES = ("model", "version", "name", "dataset", "dataset_id", "dataset_name")  # in the input
SEARCHED = ("id", "kind", "state", "version", "created_at", "input", "metadata")  # of a record
ALLOWED = ("limit", "after", "kind", "state", "model", "created_after", "q", "view")
Several = Query(max_length=200, description="One, or several: `queued,running`.")
E = TypeVar("E", bound=StrEnum)


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """Which jobs are listed; what is empty or None says nothing."""

    kinds: frozenset[JobKind]
    states: frozenset[JobState]
    model: str | None
    since: datetime | None
    words: tuple[str, ...]

    @property
    def everything(self) -> bool:
        return not (self.kinds or self.states or self.model or self.since or self.words)

    def includes(self, job: Job) -> bool:
        if self.kinds and job.kind not in self.kinds:
            return False
        if self.states and job.state not in self.states:
            return False
        if self.model is not None and job.input.get("model") != self.model:
            return False
        return not self.words or self._says(job)

    def _says(self, job: Job) -> bool:
        """Whether every word stands somewhere in what the job is called."""
        names = [str(job.input.get(name, "")) for name in NAMES]
        told = "\n".join([job.id, *names, *job.metadata, *job.metadata.values()]).casefold()
        return all(word in told for word in self.words)


@router.get("", dependencies=[Depends(only_query(*ALLOWED))])
def list_jobs(
    request: Request,
    response: Response,
    jobs: Jobs,
    limit: Limit = 20,
    after: After = None,
    kind: Annotated[str | None, Several] = None,
    state: Annotated[str | None, Several] = None,
    model: Annotated[Id | None, Query(description="Name of the model that is trained.")] = None,
    created_after: datetime | None = None,
    q: Annotated[
        str | None,
        Query(max_length=200, description="Words of its id, model, data set or metadata."),
    ] = None,
    view: Annotated[
        Literal["full", "short"],
        Query(description="`short`: without options, results of the training, and history."),
    ] = "full",
) -> Page[Job]:
    """Jobs, newest first.

    One page looks at 2000 jobs at most: it may have fewer than `limit`, even none, while `has_more`
    says that `last_id` goes on.
    """
    wanted = Wanted(
        kinds=_several("kind", kind, JobKind),
        states=_several("state", state, JobState),
        model=model,
        since=_time(created_after),
        words=tuple((q or "").casefold().split()),
    )
    if wanted.everything:
        found, reached = jobs.ids(after, limit + 1), None
    else:
        found, reached = search(jobs, wanted, after, limit + 1)
    if view == "short":
        listed = [short(job) for job in jobs.get_many(found, SHORT)]
    else:
        listed = [with_urls(job) for job in jobs.get_many(found)]
    return page(request, response, listed, limit, lambda job: job.id, reached)


def search(
    jobs: JobStore, wanted: Wanted, after: str | None, most: int
) -> tuple[list[str], str | None]:
    """The ids of jobs behind the cursor, and the last one that was looked at when there are more to
    look at."""
    found: list[str] = []
    for _ in range(LOOKED_AT // CHUNK):
        ids = jobs.ids(after, CHUNK)
        for job in jobs.get_many(ids, SEARCHED):
            if wanted.since is not None and job.created_at <= wanted.since:
                return found, None
            if wanted.includes(job):
                found.append(job.id)
            if len(found) == most:
                return found, None
        if len(ids) < CHUNK:
            return found, None
        after = ids[-1]
    return found, after


def short(job: Job) -> Job:
    """What a row of a list shows: its names, and the addresses of what can be done."""
    own = f"/v1/jobs/{job.id}"
    urls = {"self": own} | {action: f"{own}/{action}" for action in actions_of(job)}
    names = {name: job.input[name] for name in NAMES if name in job.input}
    return job.model_copy(update={"input": names, "urls": urls})


def _several(field: str, text: str | None, kind: type[E]) -> frozenset[E]:
    """The values in `queued,running`. Raises Invalid, naming what there is."""
    names = [] if text is None else text.split(",")
    try:
        return frozenset(kind(name) for name in names)
    except ValueError as error:
        raise refused(field, f"There are: {_list(kind)}; several with commas.") from error


def _list(kind: Iterable[StrEnum]) -> str:
    return ", ".join(member.value for member in kind)


def _time(given: datetime | None) -> datetime | None:
    try:
        return given and given.astimezone()
    except (OverflowError, ValueError) as error:
        raise refused("created_after", "The time is out of range.") from error
