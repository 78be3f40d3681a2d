"""The same seed gives the same bytes: alone and in company, from two workers, from two API
processes, and after everything was started anew. Nothing is cached here."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import psutil
import pytest

from core.settings import Settings
from tests.service.conftest import Service, started
from tests.waiting import wait_for
from tests.worker.models import publish_tiny

pytestmark = pytest.mark.service
MODELS = ("dcgan", "skip")
SEEDS = range(40)
CROWD = 16  # clients at a time
SHARED = ("--generate-workers", "2", "--api-workers", "2")
Images = dict[tuple[str, int], bytes]


def alone(service: Service) -> Images:
    """One after another on one connection."""
    return {(m, seed): image(service.client, m, seed) for m in MODELS for seed in SEEDS}


def crowded(service: Service) -> Images:
    """All at a time, each on a connection of its own: the system spreads them over the API."""

    def visit(wanted: tuple[str, int]) -> tuple[tuple[str, int], bytes]:
        with httpx.Client(base_url=service.url, timeout=60) as client:
            return wanted, image(client, *wanted)

    with ThreadPoolExecutor(CROWD) as pool:
        return dict(pool.map(visit, [(m, seed) for seed in SEEDS for m in MODELS]))


def image(client: httpx.Client, model: str, seed: int) -> bytes:
    answer = client.get(f"/v1/generate?model={model}&seed={seed}")
    assert (answer.status_code, answer.headers["x-cache"]) == (200, "miss"), answer.text
    assert not answer.headers["etag"].startswith("W/")
    return answer.content


def test_bytes_of_a_seed_never_change(tmp_path: Path) -> None:
    home = tmp_path / "home"
    settings = Settings(home=home)
    settings.folders.create()
    for architecture in MODELS:
        publish_tiny(settings, architecture, architecture=architecture)
    with started(home, *SHARED, GANVAS_CACHE_BYTES="0") as service:
        expected = alone(service)
        assert len(set(expected.values())) == len(expected)
        assert listening(service) == 2

        def shared() -> bool:
            """The work is spread by chance."""
            assert crowded(service) == expected
            return loaded(service) == [2, 2]

        wait_for(shared, "both workers to have made images of both models", deadline=60)
        card = service.client.get("/v1/models/skip").json()
        assert card["reproducibility"] == "bitwise"
    with started(home, GANVAS_CACHE_BYTES="0") as service:
        assert alone(service) == expected


def listening(service: Service) -> int:
    """Processes that answer on the port."""
    port = httpx.URL(service.url).port
    found = set[int]()
    for process in psutil.Process(service.process.pid).children(recursive=True):
        for connection in process.net_connections("tcp"):
            if connection.status == psutil.CONN_LISTEN and connection.laddr.port == port:
                found.add(process.pid)
    return len(found)


def loaded(service: Service) -> list[int]:
    """How many models each generate worker has."""
    workers = service.client.get("/v1/workers").json()["data"]
    return [len(worker["loaded"]) for worker in workers if "generate" in worker["queues"]]
