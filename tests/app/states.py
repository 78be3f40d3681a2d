"""Jobs brought into any of their states, as a worker and clients would."""

from collections.abc import Callable
from typing import Any

import httpx

from app.services import Services
from core.records import Claim, Word
from core.schemas import Job, JobKind, JobState

Doing = Callable[[Services, Job], object]


def new_job(held: Services, kind: JobKind = JobKind.TRAIN, **fields: Any) -> Job:
    input = {"dataset": "ds-1", "dataset_id": "ds-1", "model": "cats"}
    return held.jobs.create(kind, input, **fields)[0]


def claimed(held: Services, job: Job) -> Claim:
    claim = held.jobs.claim_next(job.kind.queue, "worker-1")
    assert claim is not None and claim.id == job.id
    return claim


def run_and(word: Word) -> Doing:
    def bring(held: Services, job: Job) -> None:
        claimed(held, job)
        held.jobs.ask(job.id, word)

    return bring


def crash(held: Services, job: Job) -> None:
    held.jobs.release(claimed(held, job), "child killed by signal 9", crashed=True)


def end(state: JobState) -> Doing:
    return lambda held, job: held.jobs.finish(claimed(held, job), state, output={})


STATES: dict[str, Doing] = {
    "queued": lambda held, job: None,
    "running": claimed,
    "recovering": crash,
    "cancelling": run_and("cancel"),
    "pausing": run_and("pause"),
    "paused": lambda held, job: held.jobs.ask(job.id, "pause"),
    "succeeded": end(JobState.SUCCEEDED),
    "failed": end(JobState.FAILED),
    "cancelled": lambda held, job: held.jobs.ask(job.id, "cancel"),
}
# What a job's `urls` offer: less than OUTCOMES, which are patient with repeated requests.
OFFERED: dict[str, set[str]] = {
    "queued": {"cancel", "pause"},
    "running": {"cancel", "pause", "checkpoint", "sample"},
    "recovering": {"cancel", "pause"},
    "cancelling": set(),
    "pausing": {"cancel", "resume"},
    "paused": {"cancel", "resume"},
    "succeeded": set(),
    "failed": {"retry"},
    "cancelled": {"retry"},
}


def in_state(held: Services, state: str, kind: JobKind = JobKind.TRAIN) -> Job:
    job = new_job(held, kind)
    STATES[state](held, job)
    found = held.jobs.get(job.id)
    assert found.state == state
    return found


def assert_refused(answer: httpx.Response, state: str, offered: set[str]) -> None:
    body = answer.json()
    assert (answer.status_code, body["code"]) == (409, "conflict")
    (error,) = body["errors"]
    assert error["pointer"] == "#/state"
    named = error["message"].removeprefix("Allowed actions: ").removesuffix(".")
    assert set(named.split(", ")) == (offered or {"none"})
    assert body["detail"] == f"The job is {state}. {error['message']}"
