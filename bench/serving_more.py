"""What only ours is asked for: steady rates, overload, the cache, two models, and a training."""

import secrets
import socket
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from statistics import median
from typing import Any
from urllib.parse import urlsplit

import httpx

from bench.load import Closed, Open, closed, steady
from bench.servers import Running, Server, running
from core.schemas import Model

Make = Callable[..., Server]
GONE, LEAVING = 2000, 100
DEADLINE = "1"  # second for an image, where too much is asked


def show(out: Path, models: dict[str, Model], ours: Make, seconds: float) -> None:
    """All of it, as one table."""
    home, log = out / "home", out / "more.log"
    print("\n| ganvas, big net unless said otherwise | figure |\n| --- | --- |", flush=True)
    with running(ours(home, models["big"]), log) as server:
        _print(_cold(server))
        _print(_cache(server, seconds))
        _print(_alternating(server, models, seconds))
        _print(_steady(server, seconds))
        _print(_gone(server))
        _print(_training(server))
    tight = ours(home, models["big"])
    tight = Server(
        name=tight.name,
        argv=tight.argv,
        path=tight.path,
        environment={"GANVAS_GENERATE_DEADLINE": DEADLINE},
    )
    with running(tight, log) as server:
        _print(_overload(server, seconds))
    for processes in ("1", "2"):
        with running(ours(home, models["small"], "--api-workers", processes), log) as server:
            _print(_processes(server, processes, seconds))


def _print(rows: Iterable[tuple[str, str]]) -> None:
    for name, figure in rows:
        print(f"| {name} | {figure} |", flush=True)


def _cold(server: Running) -> Iterable[tuple[str, str]]:
    yield "first image after the start of everything", f"{server.first_image:.1f} s"


def _cache(server: Running, seconds: float) -> Iterable[tuple[str, str]]:
    """Distinct seeds, then those of a Zipf distribution, one image again and again, and 304."""
    fresh = [_load(server, seconds) for _ in range(3)]
    base = median(each.rate for each in fresh)
    yield "distinct seeds, c=32", f"{base:.0f} req/s"
    for name, told in {
        "seeds of Zipf(1.1) over 10,000": {"seeds": "zipf"},
        "one image from the cache": {"seeds": "same"},
        "304": {"seeds": "same", "headers": ("If-None-Match: *",)},
    }.items():
        found = [closed(server, clients=32, seconds=seconds, **told) for _ in range(3)]
        rate = median(each.rate for each in found)
        yield f"{name}, c=32", f"{rate:.0f} req/s, {rate / base:.1f} x distinct seeds"


def _alternating(
    server: Running, models: dict[str, Model], seconds: float
) -> Iterable[tuple[str, str]]:
    small = models["small"]
    second = f"/v1/generate?model={small.name}@{small.version}&metadata=0&seed="
    found = closed(server, clients=32, seconds=seconds, second=second)
    told = f"{found.rate:.0f} req/s, p50 {found.p50:.1f}, p99 {found.p99:.1f} ms"
    yield "both nets in turn, c=32", told


def _steady(server: Running, seconds: float) -> Iterable[tuple[str, str]]:
    capacity = median(_load(server, seconds).rate for _ in range(3))
    found = steady(server, rate=0.8 * capacity, seconds=2 * seconds)
    p50, p99 = found.quantile(0.5), found.quantile(0.99)
    told = f"p50 {p50:.1f}, p99 {p99:.1f} ms ({p99 / p50:.1f} x)"
    yield f"steady {0.8 * capacity:.0f} req/s, 80 % of the capacity", told


def _overload(server: Running, seconds: float) -> Iterable[tuple[str, str]]:
    """Twice as much as it can do, with a short deadline."""
    capacity = median(_load(server, seconds).rate for _ in range(3))
    before = server.megabytes()
    found = steady(server, rate=2 * capacity, seconds=2 * seconds)
    grown = server.megabytes() - before
    told = f"{len(found.answered)} answered, p99 {found.quantile(0.99):.0f} ms; {_refusals(found)}"
    told += f"; {found.failed} others; memory {grown:+.0f} MB"
    yield f"steady {2 * capacity:.0f} req/s, twice the capacity, deadline {DEADLINE} s", told


def _gone(server: Running) -> Iterable[tuple[str, str]]:
    """Clients that leave as soon as they have asked, LEAVING at a time."""
    host, port = urlsplit(server.url).netloc.split(":")
    spent = server.cpu_seconds()
    for _ in range(GONE // LEAVING):
        clients = [socket.create_connection((host, int(port))) for _ in range(LEAVING)]
        for client in clients:
            path = f"{server.server.path}{secrets.randbelow(2**31)}"
            client.sendall(f"GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
        for client in clients:
            client.close()
        time.sleep(0.02)
    time.sleep(2.0)
    spent = server.cpu_seconds() - spent
    whole = _load(server, 3.0).cpu_per_1000 * GONE / 1000
    yield (
        f"{GONE} requests whose clients left at once",
        f"{spent:.2f} CPU s; as many that are answered: {whole:.2f}",
    )


def _refusals(found: Open) -> str:
    if not found.refused:
        return "none refused"
    waits = sorted(found.refused)
    return f"{len(waits)} refused (503), p50 {waits[len(waits) // 2]:.1f} ms"


def _training(server: Running) -> Iterable[tuple[str, str]]:
    """One client, before and while a training runs on the same cores."""
    quiet = median(_load(server, 3.0, clients=1).p50 for _ in range(3))
    with httpx.Client(base_url=server.url, trust_env=False, timeout=30) as http:
        order: dict[str, Any] = {"dataset": "sample:sprites", "budget": {"minutes": 5}}
        job = http.post("/v1/train", json=order).raise_for_status().json()
        address = f"/v1/jobs/{job['id']}"
        until = time.monotonic() + 180
        while time.monotonic() < until and http.get(address).json()["progress"]["step"] < 20:
            time.sleep(0.5)
        busy = median(_load(server, 3.0, clients=1).p50 for _ in range(3))
        http.post(f"{address}/cancel")
        while time.monotonic() < until and not http.get(address).json()["finished_at"]:
            time.sleep(0.5)
    told = f"p50 {busy:.1f} ms against {quiet:.1f} ms before ({busy / quiet:.1f} x)"
    yield "one client while a training runs", told


def _processes(server: Running, number: str, seconds: float) -> Iterable[tuple[str, str]]:
    rates = [_load(server, seconds, clients=32).rate for _ in range(3)]
    same = [closed(server, clients=32, seconds=seconds, seeds="same").rate for _ in range(3)]
    told = f"{median(rates):.0f} req/s; from the cache {median(same):.0f}"
    yield f"small net, {number} API process{'es' if number != '1' else ''}, c=32", told


def _load(server: Running, seconds: float, clients: int = 32) -> Closed:
    return closed(server, clients=clients, seconds=seconds)
