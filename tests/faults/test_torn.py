"""The network or the server's own file is torn: nothing that was accepted is lost or doubled.

The names R11 and R16 are those of docs/reliability.md.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from core.schemas import JobState
from tests.chaos_proxy import ChaosProxy
from tests.faults.plant import Plant
from tests.faults.walk import TINY
from tests.waiting import wait_for

pytestmark = [pytest.mark.service, pytest.mark.slow]
BODY: dict[str, Any] = {"dataset": "discs", "options": TINY, "resolution": 32}
BODY |= {"budget": {"steps": 2}}
REQUESTS = 20


@contextmanager
def bad_network(plant: Plant) -> Iterator[ChaosProxy]:
    """The API reaches the server through a proxy."""
    with ChaosProxy(("127.0.0.1", plant.server.port)) as proxy:
        plant.end("api")
        plant.start("api", REDIS_URL=proxy.url)
        plant.ready("api")
        try:
            yield proxy
        finally:
            plant.end("api")
            plant.start("api")


def test_r11_every_tenth_command_is_done_and_its_answer_lost(plant: Plant) -> None:
    refusals = []

    def insist(path: str, key: str) -> str:
        """The id in the answer to a request that is repeated until it is accepted."""

        def answered() -> Any:
            answer = plant.http.post(path, json=BODY, headers={"Idempotency-Key": key})
            if answer.status_code < 300:
                return answer.json()["id"]
            refusals.append((answer.status_code, answer.json()["code"]))
            return None

        return wait_for(answered, f"{path} to be accepted", 60)

    known = set(plant.jobs.ids(None, 200))
    with bad_network(plant) as proxy:
        proxy.forward(reset_every=10)
        ids = [insist("/train", f"torn-{number}") for number in range(REQUESTS)]
        again = [insist("/train", f"torn-{number}") for number in range(REQUESTS)]
    assert again == ids and len(set(ids)) == REQUESTS
    assert set(plant.jobs.ids(None, 200)) - known == set(ids)
    assert set(refusals) == {(503, "unavailable")}
    plant.ready("api")
    for job_id in ids[1:]:
        plant.http.post(f"/v1/jobs/{job_id}/cancel")
    states = {plant.ended(job_id).state for job_id in ids}
    assert states <= {JobState.SUCCEEDED, JobState.CANCELLED}
    assert plant.digest(plant.succeeded(ids[0]))


def test_r16_jobs_in_the_torn_tail_of_the_file_are_found_on_disk(
    plant: Plant, undisturbed: str
) -> None:
    running = plant.stepping(plant.train())
    written = plant.server.journal.stat().st_size
    later = plant.train(budget={"steps": 2}, name="later")
    tear(plant, written + 7)
    assert plant.http.get(f"/v1/jobs/{later}").json()["state"] in ("queued", "running")
    ended = plant.succeeded(running.id)
    assert plant.digest(ended) == undisturbed
    assert plant.succeeded(later).input["model"] == "later"


def test_r16_end_in_the_torn_tail_of_the_file_is_reached_again(
    plant: Plant, undisturbed: str
) -> None:
    job = plant.stepping(plant.train())
    written = plant.server.journal.stat().st_size
    assert plant.digest(plant.succeeded(job.id)) == undisturbed
    tear(plant, written + 7)
    assert plant.jobs.get(job.id).state is not JobState.SUCCEEDED
    assert plant.digest(plant.succeeded(job.id)) == undisturbed


def tear(plant: Plant, size: int) -> None:
    """The server is killed and finds this much of its file, which ends within a command."""
    plant.server.kill()
    os.truncate(plant.server.journal, size)
    plant.server.start()
