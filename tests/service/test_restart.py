"""Stopping and starting the service: nothing accepted is lost, and images stay the same."""

from pathlib import Path

import psutil
import pytest

from tests.service.conftest import TINY, Service, started
from tests.waiting import wait_for

pytestmark = pytest.mark.service
STEPS = 80


def test_images_and_unfinished_jobs_survive_a_restart(tmp_path: Path) -> None:
    home = tmp_path / "home"
    with started(home) as service:
        family, before, long = first_life(service)
    assert not [process for process in family if alive(process)]

    with started(home) as service:
        image = service.client.get("/generate?seed=alice&model=sample-sprites")
        ended = service.finished(long)
    assert image.content == before
    assert (ended["state"], ended["attempt"], ended["progress"]["step"]) == ("succeeded", 1, STEPS)


def first_life(service: Service) -> tuple[list[psutil.Process], bytes, str]:
    """Train one model, and leave a second training unfinished."""
    sample = {"sample": "sprites", "count": 24, "resolution": 32}
    dataset = service.client.post("/v1/datasets", json=sample).json()["id"]
    service.finished(service.train(dataset=dataset, budget={"steps": 4}, options=TINY))
    image = service.client.get("/generate?seed=alice").content
    long = service.train(dataset=dataset, budget={"steps": STEPS}, options=TINY)

    def step() -> int:
        return service.client.get(f"/v1/jobs/{long}").json()["progress"]["step"]

    wait_for(lambda: step() > 0, "the long job to make progress", deadline=60)
    return psutil.Process(service.process.pid).children(recursive=True), image, long


def alive(process: psutil.Process) -> bool:
    """A zombie has ended, although nobody has asked for its exit code yet."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
