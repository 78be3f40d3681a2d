"""Two API processes on one port: GET /metrics tells the sums, whichever of them answers."""

import os
import subprocess
import sys
from collections.abc import Iterator

import httpx
import pytest

from core.settings import Settings
from ganvas.service import bound
from tests.waiting import wait_for

pytestmark = pytest.mark.service
ASKED = 40
NAME = 'ganvas_requests_total{route="version",status="200"}'


@pytest.fixture
def crew(settings: Settings) -> Iterator[tuple[str, list[subprocess.Popen[bytes]]]]:
    """The address, and the two processes behind it."""
    with bound("127.0.0.1", 0) as free:
        port = free.getsockname()[1]
    own = {
        "GANVAS_HOME": str(settings.home),
        "GANVAS_PREFIX": settings.prefix,
        "GANVAS_PORT": str(port),
        "GANVAS_SHARE_PORT": "1",
        "REDIS_URL": settings.redis_url,
    }
    argv = [sys.executable, "-m", "app.main"]
    running = [subprocess.Popen(argv, env=os.environ | own) for _ in range(2)]
    yield f"http://127.0.0.1:{port}", running
    for process in running:
        process.terminate()
    for process in running:
        process.wait(20)


def told(url: str, path: str = "/metrics") -> dict[str, float]:
    """Figures by name, asked for on a connection of its own: the system chooses the process."""
    try:
        answer = httpx.get(url + path, trust_env=False, timeout=20)
    except httpx.TransportError:
        return {}
    lines = (line.rsplit(" ", 1) for line in answer.text.splitlines() if line[:7] == "ganvas_")
    return {name: float(value) for name, value in lines}


def test_sums_are_those_of_both_processes_and_stay_when_one_ends(
    crew: tuple[str, list[subprocess.Popen[bytes]]],
) -> None:
    url, (one, _) = crew
    wait_for(lambda: told(url).get("ganvas_apis") == 2, "both processes", 60)
    for _ in range(ASKED):
        told(url, "/version")
    wait_for(lambda: told(url).get(NAME) == ASKED, "all requests to be counted")
    assert {told(url)[NAME] for _ in range(20)} == {ASKED}
    one.terminate()
    one.wait(20)
    wait_for(lambda: told(url).get("ganvas_apis") == 1, "the rest", 20)
    assert told(url)[NAME] == ASKED
