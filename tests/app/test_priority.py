"""PATCH /v1/jobs/{id}: a job's place in the queue."""

from collections.abc import Callable
from typing import Any

import httpx
import pytest

from app.services import Services
from tests.app.states import OFFERED, STATES, assert_refused, in_state, new_job


def positions(api: httpx.Client, ids: list[str]) -> list[int | None]:
    return [api.get(f"/v1/jobs/{job_id}").json()["queue_position"] for job_id in ids]


def test_priority_moves_a_waiting_job(api: httpx.Client, held: Services) -> None:
    ids = [new_job(held).id for _ in range(3)]
    assert positions(api, ids) == [0, 1, 2]
    answer = api.patch(f"/v1/jobs/{ids[2]}", json={"priority": 5})
    assert (answer.status_code, answer.json()["priority"]) == (200, 5)
    assert (answer.json()["queue_position"], positions(api, ids)) == (0, [1, 2, 0])
    api.patch(f"/v1/jobs/{ids[0]}", json={"priority": -1})
    assert positions(api, ids) == [2, 1, 0]
    api.patch(f"/v1/jobs/{ids[0]}", json={"priority": 5})  # equal ones stand in order
    assert positions(api, ids) == [0, 2, 1]


def test_training_may_begin_with_a_priority(
    api: httpx.Client, held: Services, trainer: None, dataset: Callable[..., object]
) -> None:
    dataset("ds-1")
    waiting = new_job(held).id
    job = api.post("/v1/train", json={"dataset": "ds-1", "priority": 1}).json()
    assert (job["priority"], positions(api, [job["id"], waiting])) == (1, [0, 1])


@pytest.mark.parametrize("state", STATES)
def test_priority_of_what_has_ended_cannot_be_changed(
    api: httpx.Client, held: Services, state: str
) -> None:
    job = in_state(held, state)
    answer = api.patch(f"/v1/jobs/{job.id}", json={"priority": 1})
    if job.state.terminal:
        assert_refused(answer, state, OFFERED[state])
    else:
        found = answer.json()
        assert (answer.status_code, found["state"], found["priority"]) == (200, state, 1)
        assert found["version"] == job.version + 1


def test_paused_job_remembers_its_priority(api: httpx.Client, held: Services) -> None:
    paused, other = in_state(held, "paused").id, new_job(held).id
    api.patch(f"/v1/jobs/{paused}", json={"priority": 2})
    assert positions(api, [paused, other]) == [None, 0]
    api.post(f"/v1/jobs/{paused}/resume")
    assert positions(api, [paused, other]) == [0, 1]


def test_resumed_job_takes_its_old_place(api: httpx.Client, held: Services) -> None:
    ids = [new_job(held).id for _ in range(3)]
    api.post(f"/v1/jobs/{ids[1]}/pause")
    api.post(f"/v1/jobs/{ids[1]}/resume")
    assert positions(api, ids) == [0, 1, 2]


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"priority": 11}, "#/priority"),
        ({"priority": -11}, "#/priority"),
        ({"priority": 1.5}, "#/priority"),
        ({"priority": None}, "#/priority"),
        ({}, "#/priority"),
        ({"priority": 1, "state": "succeeded"}, "#/state"),
    ],
)
def test_bad_priorities_are_refused(
    api: httpx.Client, held: Services, body: dict[str, Any], pointer: str
) -> None:
    job = new_job(held)
    answer = api.patch(f"/v1/jobs/{job.id}", json=body)
    assert answer.status_code == 422
    assert [error["pointer"] for error in answer.json()["errors"]] == [pointer]
    assert held.jobs.get(job.id) == job


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", ""])
def test_priority_is_sent_as_json(api: httpx.Client, held: Services, kind: str) -> None:
    url = f"/v1/jobs/{new_job(held).id}"
    answer = api.patch(url, content=b'{"priority": 1}', headers={"Content-Type": kind})
    assert (answer.status_code, answer.json()["code"]) == (415, "unsupported_media")


def test_priority_of_an_unknown_job_is_not_found(api: httpx.Client) -> None:
    assert api.patch("/v1/jobs/job-none", json={"priority": 1}).status_code == 404
