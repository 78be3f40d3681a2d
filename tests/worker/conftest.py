"""Tiny networks: one thread computes them fastest, also while other processes are busy. And a
supervisor of jobs."""

from collections.abc import Iterator

import pytest
import torch

from core.connection import connect
from core.jobs import JobStore
from core.settings import Settings
from tests.worker.supervision import Bench


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture
def bench(settings: Settings) -> Iterator[Bench]:
    with connect(settings.redis_url) as client:
        yield Bench(JobStore(client, settings.prefix, settings.folders), settings)
