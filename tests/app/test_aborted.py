"""R20: clients that leave before they are answered leave nothing behind."""

from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

import httpx

from app.services import Services
from core.generation import batches_key
from core.schemas import Model
from core.settings import Settings
from tests.app import wire
from tests.app.studio import Studio, studio
from tests.waiting import wait_for

FEW, MANY = range(512), range(512, 3072)
TOGETHER = 32  # clients that wait at the same time
OTHERS = 10  # keys: locks and signs of life come and go
SLACK = 500_000  # bytes by which the memory of a server differs from one moment to the next


def leave(api: httpx.Client, held: Services, worker: Studio, seeds: range) -> None:
    """Ask for one image each, wait, and go; only then the worker answers."""

    def waiting() -> int:
        tickets: Any = held.batcher._tickets.values()
        return sum(len(ticket.waiters) for ticket in list(tickets))

    for first in seeds[::TOGETHER]:
        worker.open.clear()
        with ExitStack() as clients:
            for seed in range(first, first + TOGETHER):
                connection = clients.enter_context(wire.connect(api))
                line = f"GET /v1/generate?model=cats&seed={seed} HTTP/1.1"
                connection.sendall(wire.head([line, "Host: localhost"]))
            wait_for(lambda: waiting() == TOGETHER, "the requests to wait")
        wait_for(lambda: waiting() == 0, "the requests to be forgotten")
        worker.open.set()


def used(held: Services) -> tuple[int, int]:
    """Keys and bytes of the server."""
    client = held.jobs.client
    return int(client.dbsize()), int(client.info("memory")["used_memory"])  # type: ignore[arg-type]


def test_memory_is_flat_over_thousands_of_aborted_requests(
    api: httpx.Client,
    held: Services,
    settings: Settings,
    publish: Callable[..., Model],
    announce: Callable[..., str],
) -> None:
    publish("cats")
    announce("generate")
    client, queue = held.jobs.client, batches_key(settings.prefix)

    def settled() -> tuple[int, int]:
        assert api.get("/v1/generate?model=cats&seed=last").status_code == 200
        wait_for(lambda: client.llen(queue) == 0, "the queue to be empty")
        return used(held)

    with studio(settings) as worker:
        leave(api, held, worker, FEW)
        keys, memory = settled()
        leave(api, held, worker, MANY)
        keys_later, memory_later = settled()
        assert len(worker.batches) >= len(MANY) // TOGETHER
    assert keys_later < keys + OTHERS
    assert memory_later < memory + SLACK
