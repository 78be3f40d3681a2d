"""The door: hosts, origins, sizes, and the marks on every answer."""

import json

import httpx
import pytest
from fastapi import FastAPI

from app import guard
from app.guard import host_of
from core.settings import Settings
from tests.app.wire import ask, connect, head

EVERYWHERE = ["/", "/docs", "/openapi.json", "/healthz", "/v1/jobs", "/v1/jobs/job-1/events"]


def test_other_hosts_are_refused_everywhere(api: httpx.Client) -> None:
    for method in ("GET", "HEAD", "POST", "DELETE", "PUT", "OPTIONS"):
        for path in EVERYWHERE:
            answer = api.request(method, path, headers={"Host": "evil.example"})
            assert answer.status_code == 421, (method, path)


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:8000", "[::1]:8000", "127.0.0.1"])
def test_own_hosts_are_answered(api: httpx.Client, host: str) -> None:
    assert api.get("/healthz", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize("lines", [[], ["Host: a", "Host: localhost"], ["Host: localhost.evil.io"]])
def test_missing_and_doubled_hosts_are_refused(api: httpx.Client, lines: list[str]) -> None:
    assert ask(api, "GET /healthz HTTP/1.1", *lines) in (400, 421)


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://localhost.evil.io"])
def test_pages_of_other_sites_may_not_change_anything(api: httpx.Client, origin: str) -> None:
    for method, path in (("POST", "/train"), ("DELETE", "/v1/datasets/x"), ("POST", "/v1/x")):
        answer = api.request(method, path, headers={"Origin": origin, "Content-Type": "text/plain"})
        assert (answer.status_code, answer.json()["code"]) == (403, "wrong_origin")


def test_own_pages_may(api: httpx.Client) -> None:
    answer = api.post("/v1/jobs/job-1/cancel", headers={"Origin": "http://localhost:8000"})
    assert answer.status_code == 404


def test_every_answer_is_marked(api: httpx.Client) -> None:
    for path in [*EVERYWHERE, "/v1/nothing"]:
        headers = api.get(path).headers
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Content-Security-Policy"].startswith("default-src")
        assert len(headers["X-Request-Id"]) == 16


def test_request_id_is_taken_over_only_when_harmless(api: httpx.Client) -> None:
    given = api.get("/v1/nothing", headers={"X-Request-Id": "abc-1"})
    assert (given.headers["X-Request-Id"], given.json()["request_id"]) == ("abc-1", "abc-1")
    for odd in ("a b", "x" * 65, '"}{', "é"):
        answer = api.get("/healthz", headers=[(b"X-Request-Id", odd.encode())])
        assert len(answer.headers["X-Request-Id"]) == 16


def test_declared_and_chunked_bodies_are_bounded(api: httpx.Client, settings: Settings) -> None:
    headers = {"Content-Type": "application/json"}
    large = b" " * (settings.max_body_bytes + 1)
    for content in (large, iter([large[:100_000]] * 12)):
        answer = api.post("/train", content=content, headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (413, "too_large")


def test_too_large_body_is_refused_before_it_is_sent(api: httpx.Client) -> None:
    lines = ["Host: localhost", "Content-Type: application/json", "Content-Length: 99999999"]
    for path in ("/train", "/v1/datasets", "/v1/jobs/job-1/cancel"):
        assert ask(api, f"POST {path} HTTP/1.1", *lines) == 413


def test_body_that_does_not_come_is_given_up(
    api: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(guard, "BODY_SECONDS", 0.05)
    lines = ["Host: localhost", "Content-Type: application/json", "Content-Length: 10"]
    assert ask(api, "POST /train HTTP/1.1", *lines, body=b"{") == 408


def test_body_cut_short_does_no_harm(api: httpx.Client) -> None:
    with connect(api) as connection:
        lines = ["POST /train HTTP/1.1", "Host: localhost", "Content-Length: 10"]
        connection.sendall(head(lines) + b"{")
    assert api.get("/healthz").status_code == 200


@pytest.mark.parametrize(
    "lines",
    [
        [f"X-{number}: a" for number in range(10_000)],
        ["X-Long: " + "a" * 1_000_000],
    ],
)
def test_flood_of_headers_is_refused(api: httpx.Client, lines: list[str]) -> None:
    assert ask(api, "GET /healthz HTTP/1.1", "Host: localhost", *lines) == 431


def test_flood_of_query_parameters_is_refused(api: httpx.Client) -> None:
    query = "&".join(f"a{number}=1" for number in range(4_000))
    assert ask(api, f"GET /v1/jobs?{query} HTTP/1.1", "Host: localhost") == 431


@pytest.mark.parametrize("kind", ["text/plain", "multipart/form-data; boundary=x", ""])
def test_json_routes_take_json_only(api: httpx.Client, kind: str) -> None:
    body = json.dumps({"dataset": "sample:sprites"})
    answer = api.post("/train", content=body, headers={"Content-Type": kind})
    assert (answer.status_code, answer.json()["code"]) == (415, "unsupported_media")


def test_unexpected_failures_show_nothing(
    app: FastAPI, api: httpx.Client, caplog: pytest.LogCaptureFixture
) -> None:
    async def fail() -> None:
        raise RuntimeError("secret inside")

    app.add_api_route("/v1/fail", fail)
    answer = api.get("/v1/fail")
    assert (answer.status_code, answer.json()["code"]) == (500, "internal")
    assert "secret" not in answer.text
    assert "secret inside" in caplog.text and answer.json()["request_id"] in caplog.text
    assert answer.headers["X-Request-Id"] == answer.json()["request_id"]


@pytest.mark.parametrize(
    ("netloc", "host"),
    [
        ("Localhost:80", "localhost"),
        ("[::1]", "[::1]"),
        ("[::1]:80", "[::1]"),
        ("a:b@localhost", "a:b@localhost"),
        ("localhost:80:90", "localhost:80"),
        ("", ""),
    ],
)
def test_host_of(netloc: str, host: str) -> None:
    assert host_of(netloc) == host
