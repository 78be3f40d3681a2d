"""A local HTTP server, and an environment without a service."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.ganvas.local_server import LocalServer


@pytest.fixture
def server() -> Iterator[LocalServer]:
    with LocalServer() as running:
        yield running


@pytest.fixture(autouse=True)
def quick_retries(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pauses between attempts keep their pattern, at a fiftieth of the length."""
    monkeypatch.setattr("ganvas.transport.FIRST_PAUSE", 0.005)


@pytest.fixture
def clean_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No service of this machine is found by accident, and files go to a folder of their own."""
    for name in [name for name in os.environ if name.startswith("GANVAS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("GANVAS_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
