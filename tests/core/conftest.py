"""A job store on the real server."""

from collections.abc import Iterator

import pytest

from core.connection import connect
from core.jobs import JobStore
from core.settings import Settings


@pytest.fixture
def jobs(settings: Settings) -> Iterator[JobStore]:
    with connect(settings.redis_url) as client:
        yield JobStore(client, settings.prefix, settings.folders)
