"""POST /v1/estimate: the same request as a training's, and a job that tells what it would take."""

from typing import Any

import httpx
import pytest

from core.schemas import JobKind


@pytest.fixture(autouse=True)
def _workshop(trainer: None) -> None:
    """A train worker has announced what it can do."""


def asked(**more: Any) -> dict[str, Any]:
    return {"dataset": "sample:sprites", **more}


def test_an_estimate_is_a_job_of_the_prepare_queue(api: httpx.Client) -> None:
    answer = api.post("/v1/estimate", json=asked(effort="standard"))
    assert answer.status_code == 202 and answer.headers["Location"].startswith("/v1/jobs/")
    job = answer.json()
    assert job["kind"] == "estimate" and JobKind.ESTIMATE.queue == "prepare"
    assert job["input"]["budget"]["minutes"] == 60


@pytest.mark.parametrize(
    ("body", "status", "says"),
    [
        (asked(resume_from="j1"), 422, "Only new trainings are estimated"),
        (asked(init_from="cats"), 422, "Only new trainings are estimated"),
        (asked(options={"widht": 3}), 422, "no such option"),
        (asked(effort="hard"), 422, "quick"),
        (asked(effort="quick", budget={"minutes": 3}), 422, "effort or budget, not both"),
        ({"dataset": "nowhere"}, 404, "There is no data set"),
    ],
)
def test_what_cannot_be_estimated_is_refused(
    api: httpx.Client, body: dict[str, Any], status: int, says: str
) -> None:
    answer = api.post("/v1/estimate", json=body)
    assert answer.status_code == status and says in answer.text


def test_an_effort_is_a_budget(api: httpx.Client) -> None:
    jobs = [api.post("/v1/train", json=asked(effort=e)).json() for e in ("quick", "best")]
    assert [job["input"]["budget"]["minutes"] for job in jobs] == [10, 480]
    assert api.post("/v1/train", json=asked()).json()["input"]["budget"]["minutes"] == 10
