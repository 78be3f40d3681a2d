"""GET /metrics: what is counted and what waits, in the text format of Prometheus."""

from collections.abc import Mapping

from fastapi import APIRouter, Response
from redis.exceptions import RedisError

from app.deps import Documented, Everything
from app.services import Services
from core.errors import Unavailable
from core.queue import JOB_QUEUES, QUEUES

router = APIRouter(tags=["service"])
MEDIA_TYPE = "text/plain; version=0.0.4; charset=utf-8"
TEXT: Documented = {200: {"content": {MEDIA_TYPE: {"schema": {"type": "string"}}}}}


@router.get("/metrics", response_class=Response, responses=TEXT)
def show_metrics(held: Everything) -> Response:
    """Counters and queue lengths for Prometheus. Without Redis only that it is away."""
    try:
        lines = ["ganvas_redis_up 1", *_of_the_service(held)]
    except (Unavailable, RedisError):
        lines = ["ganvas_redis_up 0"]
    text = "\n".join(["# TYPE ganvas_redis_up gauge", *lines, ""])
    return Response(text, media_type=MEDIA_TYPE, headers={"Cache-Control": "no-store"})


def _of_the_service(held: Services) -> list[str]:
    living = held.presence.alive()
    waiting = {queue: held.jobs.waiting(queue) for queue in JOB_QUEUES}
    workers = {queue: sum(queue in worker.queues for worker in living) for queue in QUEUES}
    return [
        *_family("ganvas_jobs_waiting", "gauge", "queue", waiting),
        *_family("ganvas_workers", "gauge", "queue", workers),
        *_family("ganvas_incidents_total", "counter", "kind", held.jobs.counts()),
    ]


def _family(name: str, kind: str, label: str, values: Mapping[str, int]) -> list[str]:
    """One metric, with a value for each value of its label."""
    rows = (f'{name}{{{label}="{value}"}} {number}' for value, number in sorted(values.items()))
    return [f"# TYPE {name} {kind}", *rows]
