"""What can be done with a job over HTTP: every action in every state."""

from collections.abc import Callable

import httpx
import pytest

from app.services import Services
from core.records import Note
from core.schemas import Dataset, JobKind
from tests.app.states import OFFERED, STATES, assert_refused, claimed, in_state, new_job

ACTIONS = ("cancel", "pause", "resume", "checkpoint", "sample", "retry")
# By state: what an action makes of it; the same state means that it is so already (200).
OUTCOMES: dict[str, dict[str, str]] = {
    "queued": {"cancel": "cancelled", "pause": "paused", "resume": "queued"},
    "running": {
        "cancel": "cancelling",
        "pause": "pausing",
        "resume": "running",
        "checkpoint": "running",
        "sample": "running",
    },
    "recovering": {"cancel": "cancelled", "pause": "paused", "resume": "recovering"},
    "cancelling": {"cancel": "cancelling"},
    "pausing": {"cancel": "cancelling", "pause": "pausing", "resume": "running"},
    "paused": {"cancel": "cancelled", "pause": "paused", "resume": "queued"},
    "succeeded": {},
    "failed": {"retry": "queued"},
    "cancelled": {"cancel": "cancelled", "retry": "queued"},
}
OF_TRAININGS = {"checkpoint", "sample", "retry"}


@pytest.fixture(autouse=True)
def _data(dataset: Callable[..., Dataset]) -> None:
    dataset("ds-1")


@pytest.mark.parametrize("action", ACTIONS)
@pytest.mark.parametrize("state", STATES)
def test_each_action_in_each_state(
    api: httpx.Client, held: Services, state: str, action: str
) -> None:
    job = in_state(held, state)
    answer = api.post(f"/v1/jobs/{job.id}/{action}")
    after = OUTCOMES[state].get(action)
    if after is None:
        assert_refused(answer, state, OFFERED[state])
        assert held.jobs.get(job.id) == job
        return
    asks = action in ("checkpoint", "sample")  # which changes no state, however often
    assert answer.status_code == (200 if after == state and not asks else 202)
    assert answer.json()["state"] == after
    assert answer.headers["Location"] == answer.json()["urls"]["self"]


@pytest.mark.parametrize("kind", JobKind)
@pytest.mark.parametrize("state", STATES)
def test_addresses_of_a_job_name_exactly_what_may_be_done(
    api: httpx.Client, held: Services, state: str, kind: JobKind
) -> None:
    job = in_state(held, state, kind)
    urls = api.get(f"/v1/jobs/{job.id}").json()["urls"]
    allowed = OFFERED[state] - (set() if kind is JobKind.TRAIN else OF_TRAININGS)
    assert set(urls) & set(ACTIONS) == allowed
    assert {action: urls[action] for action in allowed} == {
        action: f"/v1/jobs/{job.id}/{action}" for action in allowed
    }


@pytest.mark.parametrize("action", ["cancel", "pause", "resume"])
def test_what_is_asked_twice_happens_once(api: httpx.Client, held: Services, action: str) -> None:
    job = in_state(held, "paused" if action == "resume" else "running")
    first, second = (api.post(f"/v1/jobs/{job.id}/{action}") for _ in range(2))
    assert (first.status_code, second.status_code) == (202, 200)
    assert first.json()["version"] == second.json()["version"] == job.version + 1


def test_repeated_wish_for_a_checkpoint_is_one_wish(api: httpx.Client, held: Services) -> None:
    job = new_job(held)
    claim = claimed(held, job)
    for _ in range(2):
        assert api.post(f"/v1/jobs/{job.id}/checkpoint").status_code == 202
    assert held.jobs.beat(claim).asked == {"checkpoint"}
    held.jobs.beat(claim, [Note(type="checkpoint", data={"step": 5})])
    assert held.jobs.beat(claim).asked == frozenset()
    assert api.get(f"/v1/jobs/{job.id}").json()["committed"] == {"step": 5}


@pytest.mark.parametrize("action", ACTIONS)
def test_unknown_jobs_are_not_found(api: httpx.Client, action: str) -> None:
    assert api.post(f"/v1/jobs/job-none/{action}").status_code == 404
    assert api.post(f"/v1/jobs/NONE/{action}").status_code == 422


@pytest.mark.parametrize(
    ("state", "action"), [("running", "checkpoint"), ("running", "sample"), ("failed", "retry")]
)
def test_preparations_have_no_checkpoints(
    api: httpx.Client, held: Services, state: str, action: str
) -> None:
    job = in_state(held, state, JobKind.INGEST)
    answer = api.post(f"/v1/jobs/{job.id}/{action}")
    assert_refused(answer, state, OFFERED[state] - OF_TRAININGS)


def test_cancelled_training_with_a_checkpoint_is_ended_by_a_prepare_worker(
    api: httpx.Client, held: Services
) -> None:
    job = new_job(held)
    claim = claimed(held, job)
    held.jobs.beat(claim, [Note(type="checkpoint", data={"step": 5})])
    held.jobs.release(claim, "worker stopped", crashed=False)
    answer = api.post(f"/v1/jobs/{job.id}/cancel")
    assert (answer.status_code, answer.json()["state"]) == (202, "cancelling")
    hints = f"{{{held.settings.prefix}}}:celery:prepare"
    assert held.jobs.client.llen(hints) == 1


def test_methods_that_are_offered_are_named(api: httpx.Client, held: Services) -> None:
    url = f"/v1/jobs/{new_job(held).id}"
    assert api.put(url).headers["Allow"] == "HEAD, GET, PATCH"
    assert api.get(f"{url}/cancel").headers["Allow"] == "POST"
