"""GET /metrics: what is counted and what waits, in the text format of Prometheus."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from itertools import accumulate

from fastapi import APIRouter, Response
from prometheus_client import generate_latest
from prometheus_client.metrics_core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString
from redis.exceptions import RedisError
from starlette.concurrency import run_in_threadpool

from app.counters import BATCHES, IMAGE_TIMES, Scale, Sums, read_sums
from app.deps import Documented, Everything
from app.services import Services
from core.errors import Unavailable
from core.queue import JOB_QUEUES, QUEUES

router = APIRouter(tags=["service"])
MEDIA_TYPE = "text/plain; version=0.0.4; charset=utf-8"
TEXT: Documented = {200: {"content": {MEDIA_TYPE: {"schema": {"type": "string"}}}}}


class Families(Collector):
    """Metrics that were read a moment ago."""

    def __init__(self, found: Sequence[Metric]) -> None:
        self.found = found

    def collect(self) -> Sequence[Metric]:
        return self.found


@router.get("/metrics", response_class=Response, responses=TEXT)
async def show_metrics(held: Everything) -> Response:
    """Counters, histograms and queue lengths for Prometheus, of all API processes together.
    Without Redis only that it is away."""
    up = GaugeMetricFamily("ganvas_redis_up", "Whether Redis answers.", 1)
    with suppress(RedisError, OSError):  # a full server can still be asked
        await held.counters.share()
    try:
        found = [up, *await run_in_threadpool(lambda: list(_of_the_service(held)))]
    except (Unavailable, RedisError):
        found = [GaugeMetricFamily(up.name, up.documentation, 0)]
    text = generate_latest(Families(found))
    return Response(text, media_type=MEDIA_TYPE, headers={"Cache-Control": "no-store"})


def _of_the_service(held: Services) -> Iterator[Metric]:
    living = held.presence.alive()
    waiting = {queue: held.jobs.waiting(queue) for queue in JOB_QUEUES}
    workers = {queue: sum(queue in worker.queues for worker in living) for queue in QUEUES}
    yield _gauge("ganvas_jobs_waiting", "Jobs that wait for a worker.", "queue", waiting)
    yield _gauge("ganvas_workers", "Workers that live.", "queue", workers)
    incidents = {(kind,): number for kind, number in held.jobs.counts().items()}
    family = CounterMetricFamily(
        "ganvas_incidents", "Troubles that were survived, and refusals.", labels=["kind"]
    )
    yield _filled(family, incidents)
    yield from _of_requests(read_sums(held.jobs.client, held.jobs.keys))


def _of_requests(sums: Sums) -> Iterator[Metric]:
    """What the API processes have counted."""
    told = {
        "requests": ("Requests that were answered.", ["route", "status"]),
        "refusals": ("Requests that were put off with 429 or 503.", ["code"]),
        "image_cache": ("Images by where they came from.", ["result"]),
    }
    for name, (sentence, labels) in told.items():
        family = CounterMetricFamily(f"ganvas_{name}", sentence, labels=labels)
        yield _filled(family, sums.labelled(name))
    yield _histogram(
        "ganvas_image_seconds", "Until the answer of an image begins.", IMAGE_TIMES, sums
    )
    yield _histogram("ganvas_batch_images", "Images of each batch sent to a worker.", BATCHES, sums)
    streams = {kind: sums.gauge(kind) for kind in ("events", "zips")}
    yield _gauge("ganvas_open_streams", "Streams that are being sent.", "kind", streams)
    yield GaugeMetricFamily("ganvas_apis", "API processes that live.", len(sums.gauges))


def _gauge(name: str, sentence: str, label: str, values: Mapping[str, int]) -> Metric:
    family = GaugeMetricFamily(name, sentence, labels=[label])
    return _filled(family, {(value,): number for value, number in values.items()})


def _filled(
    family: CounterMetricFamily | GaugeMetricFamily, values: Mapping[tuple[str, ...], int]
) -> Metric:
    """With a number for the values of its labels."""
    for labels, number in sorted(values.items()):
        family.add_metric(list(labels), number)
    return family


def _histogram(name: str, sentence: str, scale: Scale, sums: Sums) -> Metric:
    own = sums.labelled(scale.name)
    each = [own.get((str(place),), 0) for place in range(len(scale.edges) + 1)]
    ends = [*map(floatToGoString, scale.edges), "+Inf"]
    buckets = list(zip(ends, accumulate(each), strict=True))
    return HistogramMetricFamily(name, sentence, buckets, own.get(("sum",), 0) * scale.unit)
