"""Killed, stopped and stuck workers: the job goes on elsewhere and ends with the same weights.

The names W1 ... are those of docs/reliability.md.
"""

import signal

import psutil
import pytest

from core.checkpoints import checkpoint_records
from core.queue import TRAIN, celery_app, hint
from core.schemas import Job, JobState
from tests.faults.plant import STEPS, Plant
from tests.faults.walk import PAIRS
from tests.waiting import wait_for

pytestmark = pytest.mark.service


def child(plant: Plant, job: Job) -> psutil.Process:
    found = plant.child_of(job.id)
    assert found is not None
    return found


def reasons(job: Job) -> list[str]:
    return [entry.reason or "" for entry in job.history if entry.state is JobState.RECOVERING]


def test_w1_killed_child_resumes_with_the_same_weights(plant: Plant, undisturbed: str) -> None:
    job = plant.stepping(plant.train())
    child(plant, job).kill()
    again = plant.stepping(job.id, beyond=(job.committed or {})["step"])
    child(plant, again).kill()
    ended = plant.succeeded(job.id)
    assert plant.digest(ended) == undisturbed
    assert reasons(ended) == ["child killed by signal 9"] * 2
    assert ended.progress.step == STEPS


SLOW = pytest.mark.slow


@pytest.mark.slow
def test_w1_killed_pairs_that_are_measured_resume_with_the_same_weights(plant: Plant) -> None:
    request = {"options": PAIRS, "budget": {"steps": 80}, "name": "pairs"}
    plant.end("train")
    plant.pinned = False
    plant.start("train")
    try:
        plant.ready("train")
        calm = plant.succeeded(plant.train(**request), 240)
        job = plant.stepping(plant.train(**request), beyond=20)  # the first measurement
        child(plant, job).kill()
        newest = checkpoint_records(plant.settings.folders.job(job.id))[0]
        assert newest.facts["gauge"]["best"] is not None
        again = plant.stepping(job.id, beyond=(job.committed or {})["step"])
        child(plant, again).kill()
        ended = plant.succeeded(job.id, 240)
    finally:
        plant.pinned = True
        plant.end("train")
        plant.start("train")
    assert calm.resolved is not None and calm.resolved["device"]["threads"] == len(plant.cores)
    assert plant.digest(ended) == plant.digest(calm)
    assert reasons(ended) == ["child killed by signal 9"] * 2


@pytest.mark.parametrize(
    "both",
    [pytest.param(False, id="w2 worker alone"), pytest.param(True, id="w3 both", marks=SLOW)],
)
def test_w2_w3_killed_worker_is_followed_by_another(
    plant: Plant, undisturbed: str, both: bool
) -> None:
    job = plant.stepping(plant.train())
    trainer = child(plant, job)
    plant.processes["train"].kill()
    if both:
        trainer.kill()
    plant.start("train")
    wait_for(lambda: not trainer.is_running() or trainer.status() == "zombie", "the child to leave")
    ended = plant.succeeded(job.id)
    assert plant.digest(ended) == undisturbed
    assert reasons(ended) == ["worker lost"]


def test_w5_frozen_worker_is_replaced_and_its_late_words_are_refused(
    plant: Plant, undisturbed: str
) -> None:
    job = plant.stepping(plant.train())
    frozen, trainer = plant.processes["train"], child(plant, job)
    frozen.send_signal(signal.SIGSTOP)
    before = plant.jobs.counts().get("stale_fence", 0)
    try:
        plant.start("train-b")
        wait_for(lambda: plant.jobs.get(job.id).worker != job.worker, "the takeover", 60)
        wait_for(lambda: not trainer.is_running() or trainer.status() == "zombie", "the zombie")
    finally:
        frozen.send_signal(signal.SIGCONT)
    ended = plant.succeeded(job.id)
    assert plant.digest(ended) == undisturbed
    wait_for(lambda: plant.jobs.counts().get("stale_fence", 0) > before, "a refusal")
    plant.end("train-b")


@pytest.mark.slow
def test_w6_stuck_child_is_ended_and_replaced(plant: Plant, undisturbed: str) -> None:
    job = plant.stepping(plant.train())
    child(plant, job).suspend()
    ended = plant.succeeded(job.id)
    assert plant.digest(ended) == undisturbed
    assert reasons(ended) == ["stalled"]


@SLOW
@pytest.mark.parametrize("signals", [1, 2], ids=["w7 once", "w8 twice"])
def test_w7_w8_stopped_worker_gives_the_job_back(
    plant: Plant, undisturbed: str, signals: int
) -> None:
    job = plant.stepping(plant.train())
    worker = plant.processes["train"]
    for _ in range(signals):
        worker.send_signal(signal.SIGTERM)
    wait_for(lambda: worker.poll() is not None, "the worker to leave", 30)
    plant.start("train")
    ended = plant.succeeded(job.id)
    assert plant.digest(ended) == undisturbed
    if signals == 1:
        assert (reasons(ended), ended.attempt) == (["worker stopped"], 1)


@pytest.mark.slow
def test_w9_training_that_needs_more_memory_than_allowed_is_refused_with_the_figures(
    plant: Plant,
) -> None:
    plant.end("train")
    plant.start("train", GANVAS_TRAIN_MEMORY=str(2**20))
    try:
        plant.ready("train")
        ended = plant.ended(plant.train())
    finally:
        plant.end("train")
        plant.start("train")
    assert ended.error is not None and ended.error["code"] == "out_of_memory"
    assert "MB" in ended.error["detail"] and reasons(ended) == []


@pytest.mark.slow
def test_w14_w15_doubled_and_late_hints_change_nothing(plant: Plant, undisturbed: str) -> None:
    celery = celery_app(plant.server.url, plant.settings.prefix)
    plant.start("train-b")
    plant.ready("train-b")
    job_id = plant.train()
    for _ in range(5):
        hint(celery, TRAIN)
    ended = plant.succeeded(job_id)
    for _ in range(5):
        hint(celery, TRAIN)
    messages = plant.jobs.keys.root + "celery:" + TRAIN
    wait_for(lambda: plant.client.llen(messages) == 0, "the hints to be taken")
    assert plant.digest(ended) == undisturbed
    assert plant.jobs.get(job_id).version == ended.version
    assert [entry.state for entry in ended.history] == ["queued", "running", "succeeded"]
    plant.end("train-b")
    celery.close()
