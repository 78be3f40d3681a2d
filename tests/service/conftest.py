"""The whole service as a user starts it: `ganvas up` with a real server, API and workers."""

import io
import json
import os
import signal
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from PIL import Image

from tests.waiting import wait_for

TINY = {"width": 8, "max_width": 16, "batch": 4}  # a network that takes milliseconds a step


class Service:
    """A running `ganvas up` on a free port."""

    def __init__(self, home: Path, *extra: str, **environment: str) -> None:
        """extra: options of `ganvas up`."""
        self.home = home
        self.log = open(home.with_suffix(".log"), "ab")  # noqa: SIM115, closed by stop
        inherited = {k: v for k, v in os.environ.items() if k != "REDIS_URL"}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "ganvas.cli", "up", "--home", str(home), "--port", "0", *extra],
            stdout=self.log,
            stderr=self.log,
            env=inherited | environment,
        )
        self.url = wait_for(self._ready, "the service to be ready", deadline=90)
        self.client = httpx.Client(base_url=self.url, timeout=60)

    def stop(self) -> int:
        """SIGTERM; answers the exit code."""
        self.client.close()
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(20)
        self.log.close()
        return code

    def finished(self, job_id: str, deadline: float = 120) -> dict[str, Any]:
        """The job once it is in a terminal state."""

        def ended() -> dict[str, Any] | None:
            job = self.client.get(f"/v1/jobs/{job_id}").json()
            return job if job["state"] in ("succeeded", "failed", "cancelled") else None

        job = wait_for(ended, f"{job_id} to end", deadline)
        assert job is not None
        return job

    def train(self, **request: Any) -> str:
        """Accepted; answers the id."""
        answer = self.client.post("/train", json=request)
        assert answer.status_code == 202, answer.text
        assert answer.headers["location"] == f"/v1/jobs/{answer.json()['id']}"
        return answer.json()["id"]

    def _ready(self) -> str:
        assert self.process.poll() is None, self.home.with_suffix(".log").read_text()
        path = self.home / "up.json"
        if not path.exists():
            return ""
        url = json.loads(path.read_text())["url"]
        try:
            return url if httpx.get(url + "/readyz", timeout=5).status_code == 200 else ""
        except httpx.TransportError:
            return ""


@contextmanager
def started(home: Path, *extra: str, **environment: str) -> Iterator[Service]:
    """The service on `home`, stopped whatever happens; it has to stop cleanly."""
    running = Service(home, *extra, **environment)
    try:
        yield running
    finally:
        code = running.stop()
    assert code == 0


@pytest.fixture(scope="session")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with started(tmp_path_factory.mktemp("service") / "home") as running:
        yield running


def picture(kind: str, index: int, side: int = 32) -> bytes:
    """A PNG: bright squares or dark discs of varying place."""
    rng = np.random.default_rng([index, len(kind)])
    y, x = np.mgrid[:side, :side] - rng.uniform(side / 3, side * 2 / 3, (2, 1, 1))
    inside = np.maximum(abs(x), abs(y)) < side / 5 if kind == "square" else x**2 + y**2 < 40
    pixels = np.where(inside, 230 if kind == "square" else 90, 20).astype(np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


def noise(index: int, side: int = 256) -> bytes:
    """A bitmap that does not get smaller: of 256 pixels it has 200 KB."""
    pixels = np.random.default_rng(index).integers(0, 256, (side, side, 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "BMP")
    return buffer.getvalue()


def archive(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        for name, content in files.items():
            file.writestr(name, content)
    return buffer.getvalue()


@pytest.fixture(scope="session")
def shapes() -> bytes:
    """A zip of 40 labelled images."""
    kinds = ("square", "disc")
    return archive({f"{k}/{i}.png": picture(k, i) for k in kinds for i in range(20)})
