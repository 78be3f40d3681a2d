"""The server is killed, emptied, full or cut off: nothing that was accepted is lost.

The names R1 ... are those of docs/reliability.md.
"""

import resource
from typing import Any

import pytest

from core.checkpoints import checkpoint_records
from core.schemas import Job, JobKind, JobState
from tests.faults.plant import LEASE, STEPS, Plant
from tests.faults.test_workers import child, reasons
from tests.waiting import wait_for

pytestmark = pytest.mark.service
REQUESTS: list[tuple[str, Any]] = [
    ("/v1/train", {"dataset": "discs"}),
    ("/v1/datasets", {"sample": "sprites"}),
    ("/v1/jobs/{}/cancel", {}),
]


def patient(plant: Plant) -> None:
    """A train worker with a lease as it usually is, for what is over before that."""
    plant.end("train")
    plant.start("train", GANVAS_LEASE_SECONDS="30")
    plant.ready("train")


def impatient(plant: Plant) -> None:
    plant.end("train")
    plant.start("train")


def further(plant: Plant, job: Job, step: int) -> None:
    """Wait until the training has written a checkpoint of at least this step."""
    folder = plant.settings.folders.job(job.id)
    wait_for(lambda: checkpoint_records(folder)[0].step >= step, f"a checkpoint of {step}")


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
@pytest.mark.skipif(not hasattr(resource, "prlimit"), reason="only Linux fills a running server")
def test_r8_server_with_a_full_disk_refuses_changes_until_it_has_room(
    plant: Plant, undisturbed: str
) -> None:
    patient(plant)
    try:
        job = plant.stepping(plant.train())
        plant.client.zadd(f"{plant.jobs.keys.root}workers", {"gone": 0})
        with plant.server.full():
            step = plant.jobs.get(job.id).progress.step
            for path in (f"/v1/jobs/{job.id}", "/v1/jobs", "/v1/workers", "/v1/models", "/metrics"):
                assert plant.http.get(path).status_code == 200, path
            for path, body in REQUESTS:
                answer = plant.http.post(path.format(job.id), json=body)
                assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
                assert "cannot write to its own disk" in answer.json()["detail"]
            further(plant, job, step + STEPS // 8)
            assert plant.jobs.get(job.id).progress.step == step
        ended = plant.succeeded(job.id)
    finally:
        impatient(plant)
    assert plant.digest(ended) == undisturbed
    assert (reasons(ended), ended.attempt) == ([], 1)


@pytest.mark.slow
def test_r12_pause_of_the_server_costs_no_lease(plant: Plant, undisturbed: str) -> None:
    patient(plant)
    try:
        job = plant.stepping(plant.train())
        plant.client.client_pause(3000)
        assert plant.http.get("/healthz").elapsed.total_seconds() < 1
        answer = plant.http.get(f"/v1/jobs/{job.id}")
        assert (answer.status_code, answer.json()["state"]) == (200, "running")
        ended = plant.succeeded(job.id)
    finally:
        impatient(plant)
    assert plant.digest(ended) == undisturbed
    assert (reasons(ended), ended.attempt) == ([], 1)


def test_r14_password_that_is_wrong_all_at_once_ends_nothing(
    plant: Plant, undisturbed: str
) -> None:
    job = plant.stepping(plant.train())
    log = plant.settings.home / "api.log"
    before = len(log.read_text())

    def told() -> str:
        return log.read_text()[before:]

    with plant.client.client() as admin:  # keeps its connection, and so may still do everything
        admin.config_set("requirepass", "another")
        admin.client_kill_filter(_type="normal", skipme=True)
        answer = plant.http.get("/readyz")
        assert answer.status_code == 503
        assert answer.json()["reasons"] == ["Redis refuses the user or the password in REDIS_URL."]
        assert plant.http.post("/train", json={"dataset": "discs"}).status_code == 503
        assert plant.http.get("/healthz").status_code == 200
        wait_for(lambda: "refuses the user or the password" in told(), "the log to say why")
        admin.config_set("requirepass", "")
    plant.ready("api", "train")
    ended = plant.succeeded(job.id)
    assert plant.digest(ended) == undisturbed
    assert [name for name, process in plant.processes.items() if process.poll() is not None] == []
    assert "Traceback" not in told()
    assert told().count("replies wait") <= 2  # cut off, then refused: once each


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
