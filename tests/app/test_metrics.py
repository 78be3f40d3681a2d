"""GET /metrics: counters and queue lengths as Prometheus reads them."""

from collections.abc import Callable
from pathlib import Path

import httpx

from app.main import create_app
from app.services import Services
from core.schemas import JobKind, JobState
from core.settings import Settings
from tests.app.serving import client_of
from tests.app.states import claimed, new_job


def figures(api: httpx.Client) -> dict[str, str]:
    """Every sample by its name with labels; each stands below a TYPE of its family."""
    answer = api.get("/metrics")
    assert answer.status_code == 200
    assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")
    assert answer.text.endswith("\n")
    found, families = {}, set()
    for line in answer.text.splitlines():
        if line.startswith("# TYPE "):
            families.add(line.split()[2])
        else:
            name, value = line.rsplit(" ", 1)
            assert name.partition("{")[0] in families
            found[name] = value
    return found


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
    assert figures(api) == {
        "ganvas_redis_up": "1",
        'ganvas_jobs_waiting{queue="prepare"}': "0",
        'ganvas_jobs_waiting{queue="train"}': "1",
        'ganvas_workers{queue="generate"}': "0",
        'ganvas_workers{queue="prepare"}': "0",
        'ganvas_workers{queue="train"}': "1",
        'ganvas_incidents_total{kind="illegal_transition"}': "1",
        'ganvas_incidents_total{kind="leases_expired"}': "1",
        'ganvas_incidents_total{kind="stale_fence"}': "1",
    }


def test_without_redis_only_that_is_told(settings: Settings, tmp_path: Path) -> None:
    nobody = settings.model_copy(update={"redis_url": f"unix://{tmp_path}/nobody"})
    with client_of(create_app(nobody)) as api:
        assert figures(api) == {"ganvas_redis_up": "0"}
