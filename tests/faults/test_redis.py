"""The server is killed, emptied, full or cut off: nothing that was accepted is lost.

The names R1 ... are those of docs/reliability.md.
"""

import pytest

from core.schemas import JobKind, JobState
from tests.faults.plant import LEASE, Plant
from tests.faults.test_workers import child, reasons
from tests.waiting import wait_for

pytestmark = pytest.mark.service


def test_r1_killed_server_does_not_disturb_a_training(plant: Plant, undisturbed: str) -> None:
    job = plant.stepping(plant.train())
    plant.server.kill()
    plant.server.start()
    ended = plant.succeeded(job.id)
    assert plant.digest(ended) == undisturbed
    assert (reasons(ended), ended.attempt) == ([], 1)


@pytest.mark.slow
def test_r2_training_rests_while_the_server_is_away_for_long(
    plant: Plant, undisturbed: str
) -> None:
    job = plant.stepping(plant.train())
    trainer = child(plant, job)
    plant.server.kill()
    wait_for(lambda: not trainer.is_running(), "the training to rest", LEASE * 5)
    plant.server.start()
    ended = plant.succeeded(job.id)
    assert plant.digest(ended) == undisturbed


def test_r3_request_without_a_server_is_refused_and_leaves_no_job(plant: Plant) -> None:
    known = plant.jobs.ids(None, 200)
    plant.server.kill()
    answer = plant.http.post("/train", json={"dataset": "discs"})
    assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
    assert int(answer.headers["retry-after"]) >= 1
    plant.server.start()
    plant.ready("train")
    assert plant.jobs.ids(None, 200) == known


@pytest.mark.slow
def test_r5_lost_hint_is_repeated(plant: Plant) -> None:
    input = {"dataset": "discs", "dataset_id": "discs", "dataset_name": "Discs", "model": "quiet"}
    input |= {"resolution": 32, "budget": {"steps": 2}, "options": {"width": 8}}
    job, _ = plant.jobs.create(JobKind.TRAIN, input)  # nobody was told
    plant.succeeded(job.id)


def test_r6_emptied_server_is_filled_again_from_disk(plant: Plant, undisturbed: str) -> None:
    done = plant.succeeded(plant.train(budget={"steps": 2}, name="done"))
    running = plant.stepping(plant.train())
    waiting = plant.train(budget={"steps": 3}, name="waiting")
    plant.client.flushall()
    ended = plant.succeeded(running.id)
    assert plant.digest(ended) == undisturbed
    assert "rebuilt from disk" in reasons(ended)
    assert plant.succeeded(waiting).input["model"] == "waiting"
    again = plant.jobs.get(done.id)
    assert (again.state, again.output, again.history) == (done.state, done.output, done.history)
    assert {done.id, waiting, running.id} <= set(plant.jobs.ids(None, 200))


@pytest.mark.slow
def test_r7_full_server_refuses_new_work_and_lets_the_old_end(
    plant: Plant, undisturbed: str
) -> None:
    job = plant.stepping(plant.train())
    used = int(plant.client.info("memory")["used_memory"])
    plant.client.config_set("maxmemory", used // 2)
    try:
        answer = plant.http.post("/train", json={"dataset": "discs"})
        assert answer.status_code == 503, answer.text
        ended = plant.succeeded(job.id)
    finally:
        plant.client.config_set("maxmemory", 0)
    assert plant.digest(ended) == undisturbed
    plant.succeeded(plant.train(budget={"steps": 2}, name="after"))


@pytest.mark.slow
def test_d3_damaged_checkpoint_gives_way_to_the_one_before(plant: Plant, undisturbed: str) -> None:
    job = plant.stepping(plant.train())
    job = plant.stepping(job.id, beyond=(job.committed or {})["step"])
    plant.http.post(f"/v1/jobs/{job.id}/pause")
    wait_for(lambda: plant.jobs.get(job.id).state is JobState.PAUSED, "the pause")
    folder = plant.settings.folders.job(job.id) / "checkpoints"
    newest = max(folder.glob("*.safetensors"))
    content = bytearray(newest.read_bytes())
    content[len(content) // 2] ^= 1
    newest.write_bytes(content)
    plant.http.post(f"/v1/jobs/{job.id}/resume")
    ended = plant.succeeded(job.id)
    assert plant.digest(ended) == undisturbed
    events = plant.http.get(f"/v1/jobs/{job.id}/events?limit=1000").json()["data"]
    assert "damaged_checkpoint" in [event["data"].get("kind") for event in events]
