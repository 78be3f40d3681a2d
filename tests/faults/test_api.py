"""The API is killed while it accepts a job: one key means one job.

The name H2 is that of docs/reliability.md.
"""

from typing import Any

import httpx
import pytest

from core.registry import ModelStore
from tests.faults.plant import Plant
from tests.faults.walk import TINY

pytestmark = pytest.mark.service
SLOW = pytest.mark.slow
BODY: dict[str, Any] = {"dataset": "discs", "options": TINY, "resolution": 32}
BODY |= {"budget": {"steps": 2}}


def post(plant: Plant, key: str) -> httpx.Response:
    return plant.http.post("/train", json=BODY, headers={"Idempotency-Key": key})


@pytest.mark.parametrize(
    "point",
    [
        "create.queued",
        pytest.param("create.stored", marks=SLOW),
        pytest.param("create.keyed", marks=SLOW),
    ],
)
def test_h2_api_that_died_while_it_accepted_knows_the_key_again(plant: Plant, point: str) -> None:
    known = set(plant.jobs.ids(None, 200))
    plant.end("api")
    dying = plant.start("api", GANVAS_CRASH_AT=point)
    plant.ready("api")
    with pytest.raises(httpx.TransportError):
        post(plant, point)
    assert dying.wait(30) == -9
    plant.start("api")
    plant.ready("api")
    answers = [post(plant, point) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [202, 202]
    (job_id,) = {answer.json()["id"] for answer in answers}
    assert set(plant.jobs.ids(None, 200)) - known == {job_id}
    plant.succeeded(job_id)
    models = ModelStore(plant.settings.folders).all()
    assert [model.job for model in models].count(job_id) == 1
