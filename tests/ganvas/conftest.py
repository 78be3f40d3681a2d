"""A local HTTP server, and processes whose end a test can await."""

from collections.abc import Iterator

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
