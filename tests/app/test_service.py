"""Health, readiness, catalogue, and the documentation page."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import httpx

from tests.app.conftest import CATALOGUE

Announce = Callable[..., str]


def test_readiness_names_what_is_missing(api: httpx.Client, announce: Announce) -> None:
    assert api.get("/healthz").json() == {"status": "ok"}
    announce("train")
    answer = api.get("/readyz")
    assert answer.status_code == 503
    reasons = ["No prepare worker is alive.", "No generate worker is alive."]
    assert answer.json()["reasons"] == reasons
    announce("prepare")
    announce("generate")
    ready = api.get("/readyz")
    assert (ready.status_code, ready.json()["workers"]["generate"]) == (200, 1)


def test_catalogue_is_what_the_workers_announce(api: httpx.Client, announce: Announce) -> None:
    answer = api.get("/v1/catalogue")
    assert (answer.status_code, answer.json()["code"]) == (503, "no_worker")
    announce("train", catalogue=CATALOGUE)
    assert api.get("/v1/catalogue").json() == CATALOGUE
    workers = api.get("/v1/workers").json()["data"]
    assert [worker["queues"] for worker in workers] == [["train"]]
    assert "catalogue" not in workers[0]


def test_workers_say_when_they_were_heard_last(api: httpx.Client, announce: Announce) -> None:
    announce("train")
    (worker,) = api.get("/v1/workers").json()["data"]
    heard = datetime.fromisoformat(worker["heartbeat_at"])
    assert timedelta(0) < datetime.now(UTC) - heard < timedelta(seconds=10)


def test_version_is_told(api: httpx.Client) -> None:
    assert api.get("/version").json()["api"] == "v1"


def test_docs_need_no_other_server(api: httpx.Client) -> None:
    page = api.get("/docs")
    assert "unsafe-inline" not in page.headers["Content-Security-Policy"].split("style-src")[0]
    assert not re.search(r"<script>|onload=|https?://", page.text)
    for address in re.findall(r'(?:src|href)="([^"]+)"', page.text):
        asset = api.get(address)
        assert asset.status_code == 200 and asset.content
        assert asset.headers["Content-Type"].startswith(("text/css", "text/javascript"))
    assert api.get("/openapi.json").json()["info"]["title"] == "Ganvas"
