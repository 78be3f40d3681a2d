"""GET /metrics: counters, histograms and queue lengths as Prometheus reads them."""

import asyncio
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
import redis
from prometheus_client.parser import text_string_to_metric_families

from app import counters
from app.counted import ROUTES, route_of
from app.main import create_app
from app.services import Services
from core.connection import connect, connect_async
from core.keys import Keys
from core.schemas import JobKind, JobState, Model
from core.settings import Settings
from tests.app.serving import client_of
from tests.app.states import claimed, new_job
from tests.app.streams import ACCEPT, blocked_readers
from tests.app.studio import studio
from tests.waiting import wait_for


def figures(api: httpx.Client) -> dict[str, float]:
    """Every sample by its name with labels, as the library of Prometheus reads it."""
    answer = api.get("/metrics")
    assert answer.status_code == 200
    assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")
    found = {}
    for family in text_string_to_metric_families(answer.text):
        assert family.type in ("counter", "gauge", "histogram") and family.documentation
        for sample in family.samples:
            labels = ",".join(f'{name}="{value}"' for name, value in sample.labels.items())
            found[f"{sample.name}{{{labels}}}" if labels else sample.name] = sample.value
    return found


def of(found: dict[str, float], *names: str) -> dict[str, float]:
    return {key: value for key, value in found.items() if key.startswith(names)}


def test_what_waits_lives_and_happened_is_counted(
    api: httpx.Client, held: Services, announce: Callable[..., str]
) -> None:
    announce("train")
    late = new_job(held)
    claim = claimed(held, late)
    held.jobs.client.zadd(held.jobs.keys.leases, {late.id: 1})
    held.jobs.reap()
    assert held.jobs.beat(claim).signal == "lost"
    ended = held.jobs.create(JobKind.INGEST, {"dataset": "ds-1"})[0]
    held.jobs.finish(claimed(held, ended), JobState.SUCCEEDED, output={})
    assert api.post(f"/v1/jobs/{ended.id}/pause").status_code == 409
    names = ("ganvas_redis", "ganvas_jobs", "ganvas_workers", "ganvas_incidents")
    assert of(figures(api), *names) == {
        "ganvas_redis_up": 1,
        'ganvas_jobs_waiting{queue="prepare"}': 0,
        'ganvas_jobs_waiting{queue="train"}': 1,
        'ganvas_workers{queue="generate"}': 0,
        'ganvas_workers{queue="prepare"}': 0,
        'ganvas_workers{queue="train"}': 1,
        'ganvas_incidents_total{kind="illegal_transition"}': 1,
        'ganvas_incidents_total{kind="leases_expired"}': 1,
        'ganvas_incidents_total{kind="stale_fence"}': 1,
    }


def test_without_redis_only_that_is_told(settings: Settings, tmp_path: Path) -> None:
    nobody = settings.model_copy(update={"redis_url": f"unix://{tmp_path}/nobody"})
    with client_of(create_app(nobody)) as api:
        assert figures(api) == {"ganvas_redis_up": 0}


def test_images_are_counted_by_where_they_came_from_and_how_long_they_took(
    api: httpx.Client, held: Services, publish: Callable[..., Model], announce: Callable[..., str]
) -> None:
    publish("cats")
    announce("generate")
    with studio(held.settings):
        made = api.get("/generate?model=cats@1&seed=1&format=png")
        grid = api.get("/v1/generate?model=cats@1&n=4")
    assert (made.status_code, grid.status_code) == (200, 200)
    etag = made.headers["ETag"]
    held.jobs.client.set(held.shelf.keys.image(etag.strip('"')), "kept")
    address = "/v1/models/cats/versions/1/images/1.png"
    assert api.get(address).headers["X-Cache"] == "hit"
    assert api.get(address, headers={"If-None-Match": etag}).status_code == 304
    assert api.get("/v1/generate?psi=7").status_code == 422
    found = figures(api)
    assert of(found, 'ganvas_requests_total{route="generate"', "ganvas_image_cache") == {
        'ganvas_requests_total{route="generate",status="200"}': 3,
        'ganvas_requests_total{route="generate",status="304"}': 1,
        'ganvas_requests_total{route="generate",status="422"}': 1,
        'ganvas_image_cache_total{result="hit"}': 1,
        'ganvas_image_cache_total{result="miss"}': 2,
    }
    assert found["ganvas_image_seconds_count"] == 4  # what is refused has no image
    buckets = [value for key, value in found.items() if key.startswith("ganvas_image_seconds_b")]
    assert buckets == sorted(buckets) and buckets[-1] == 4
    assert 0 < found["ganvas_image_seconds_sum"] < 20
    batches = of(found, "ganvas_batch_images")
    assert (batches["ganvas_batch_images_count"], batches["ganvas_batch_images_sum"]) == (2, 5)
    ends = ("1.0", "3.0", "4.0", "+Inf")
    assert [batches[f'ganvas_batch_images_bucket{{le="{end}"}}'] for end in ends] == [1, 1, 2, 2]


def test_refusals_are_counted_by_why(api: httpx.Client, held: Services, publish: Any) -> None:
    publish("cats")
    assert api.get("/generate?seed=1").status_code == 503
    assert api.get("/readyz").status_code == 503
    held.streams.most = 0
    assert api.get("/v1/events", headers=ACCEPT).status_code == 429
    assert of(figures(api), "ganvas_refusals") == {
        'ganvas_refusals_total{code="no_worker"}': 1,
        'ganvas_refusals_total{code="too_many_streams"}': 1,
    }


def test_open_streams_are_counted(api: httpx.Client, held: Services) -> None:
    ended = threading.Event()

    def read() -> None:
        with api.stream("GET", "/v1/events", headers=ACCEPT):
            ended.wait(10)

    reader = threading.Thread(target=read)
    reader.start()
    wait_for(lambda: blocked_readers(held) > 0, "the stream to be open")
    assert figures(api)['ganvas_open_streams{kind="events"}'] == 1
    ended.set()
    reader.join(5)
    wait_for(lambda: figures(api)['ganvas_open_streams{kind="events"}'] == 0, "it to be over")


def test_all_processes_are_one_whichever_is_asked(
    api: httpx.Client, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(counters, "SHARE_SECONDS", 0.05)
    name = 'ganvas_requests_total{route="version",status="200"}'
    with client_of(create_app(settings)) as other:
        for client in (api, other, other):
            client.get("/version")
        figures(api)
        assert figures(other)[name] == 3
        wait_for(lambda: figures(api).get(name) == 3, "what the other has counted")
        assert figures(api)["ganvas_apis"] == 2
        other.get("/version")
    assert figures(api)[name] == 4  # it has ended, and told what was left to tell
    assert figures(api)["ganvas_apis"] == 1


def test_process_that_ends_while_it_shares_tells_the_rest_too(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(counters, "SHARE_SECONDS", 0.01)
    keys = Keys(settings.prefix)

    async def scenario(client: redis.Redis) -> None:
        shared = connect_async(settings.redis_url)
        own = counters.Counters(shared, keys, dict)
        async with shared, own.sharing():
            while not client.scard(keys.apis):
                await asyncio.sleep(0.01)
            client.client_pause(200, all=False)  # of what is written
            await asyncio.sleep(0.05)
            own.add("requests", "version", "200")

    with connect(settings.redis_url) as client:
        asyncio.run(scenario(client))
        sums = counters.read_sums(client, keys)
    assert sums.labelled("requests") == {("version", "200"): 1}
    assert sums.gauges == []


def test_counts_wait_while_redis_is_full(api: httpx.Client, held: Services) -> None:
    name = 'ganvas_requests_total{route="version",status="200"}'
    api.get("/version")
    held.jobs.client.config_set("maxmemory", 1)
    try:
        full = figures(api)
    finally:
        held.jobs.client.config_set("maxmemory", 0)
    assert (full["ganvas_redis_up"], name in full) == (1, False)
    assert figures(api)[name] == 1


def test_processes_that_are_silent_are_forgotten(api: httpx.Client, held: Services) -> None:
    client, keys = held.jobs.client, held.jobs.keys
    client.sadd(keys.apis, "killed")
    client.set(keys.api("killed"), '{"events": 1, "zips": 9}', px=300)
    found = figures(api)
    assert (found["ganvas_apis"], found['ganvas_open_streams{kind="zips"}']) == (2, 9)
    wait_for(lambda: figures(api)["ganvas_apis"] == 1, "it to be forgotten")
    assert not client.sismember(keys.apis, "killed")


def test_every_route_of_the_api_has_its_name(settings: Settings) -> None:
    paths = create_app(settings).openapi()["paths"]
    assert {path.removeprefix("/v1").split("/")[1] for path in paths} == ROUTES


@pytest.mark.parametrize(
    ("path", "route"),
    [
        ("/generate", "generate"),
        ("/v1/models/cats/versions/1/images/alice.webp", "generate"),
        ("/v1/models/cats", "models"),
        ("/v1", "other"),
        ("/", "other"),
        ("/v1/%0aganvas", "other"),
        ("*", "other"),
    ],
)
def test_names_of_routes_are_few(path: str, route: str) -> None:
    assert route_of(path) == route
