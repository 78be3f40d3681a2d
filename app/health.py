"""Whether the service is alive and ready, which it is, and what its workers can do."""

import platform
from typing import Any, Literal

from fastapi import APIRouter, Request, Response
from redis.exceptions import RedisError

from app.deps import Workers
from app.errors import expected
from core.connection import trouble
from core.errors import NoWorker
from core.presence import WorkerInfo
from core.queue import QUEUES
from core.schemas import Answer, Page

router = APIRouter(tags=["service"])
about = APIRouter(tags=["service"])


class Alive(Answer):
    status: Literal["ok"] = "ok"


class Ready(Answer):
    status: Literal["ready"] = "ready"
    workers: dict[str, int]


class Build(Answer):
    name: str = "ganvas"
    version: str
    api: str = "v1"
    python: str


@about.get("/healthz")
async def show_health() -> Alive:
    """The process answers. Asks nobody else."""
    return Alive()


@about.get("/readyz", response_model=Ready)
def show_readiness(request: Request, workers: Workers) -> Any:
    """Redis answers, and at least one worker of every kind lives; otherwise 503 with reasons."""
    try:
        living = workers.alive()
    except RedisError as error:
        return _not_ready(request, [f"{trouble(error)}."])
    counts = {queue: sum(queue in worker.queues for worker in living) for queue in QUEUES}
    reasons = [f"No {queue} worker is alive." for queue, count in counts.items() if count == 0]
    return _not_ready(request, reasons) if reasons else Ready(workers=counts)


@about.get("/version")
async def show_version(request: Request) -> Build:
    """Which build this is."""
    return Build(version=request.app.version, python=platform.python_version())


@router.get("/catalogue", response_model=dict[str, Any])
def show_catalogue(workers: Workers) -> dict[str, Any]:
    """Tasks, architectures, losses, presets, and the JSON Schema of `options`."""
    offer = workers.catalogue()
    if offer is None:
        raise NoWorker("No train worker has said yet what it can do.", retry_after=5)
    return offer


@router.get("/workers", response_model_exclude={"data": {"__all__": {"catalogue"}}})
def list_workers(workers: Workers) -> Page[WorkerInfo]:
    """The living workers."""
    living = workers.alive()
    ids = [worker.id for worker in living]
    return Page(data=living, first_id=ids[0] if ids else None, last_id=ids[-1] if ids else None)


def _not_ready(request: Request, reasons: list[str]) -> Response:
    error = NoWorker(" ".join(reasons), retry_after=2)
    return expected(request.scope, error, reasons=reasons)
