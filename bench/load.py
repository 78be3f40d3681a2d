"""Load for HTTP servers: wrk for as much as they take, and a steady rate to see what waits."""

import asyncio
import os
import shutil
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np

from bench.servers import Running

SCRIPT = Path(__file__).with_name("wrk.lua")
MISSING = "wrk is missing: install the package wrk of your system (apt install wrk)."


@dataclass(frozen=True, kw_only=True)
class Closed:
    """What so many clients got who ask again as soon as they are answered. Milliseconds."""

    rate: float  # answers with 2xx a second
    p50: float
    p95: float
    p99: float
    refused: int  # answers with other statuses
    broken: int  # connections and timeouts
    cpu_per_1000: float  # seconds of the server's processes for a thousand answers


def closed(
    running: Running,
    *,
    clients: int,
    seconds: float,
    seeds: str = "random",
    path: str | None = None,
    second: str = "",
    headers: tuple[str, ...] = (),
) -> Closed:
    """wrk with `clients` connections."""
    if shutil.which("wrk") is None:
        raise SystemExit(MISSING)
    told = [word for header in headers for word in ("-H", header)]
    chosen = path or running.server.path
    kind = "post" if running.server.post else "get"
    before = running.cpu_seconds()
    argv = ["wrk", "-t1", f"-c{clients}", f"-d{seconds:g}s", "--timeout", "30s"]
    argv += ["-s", str(SCRIPT), *told, running.url, "--", chosen, kind, seeds, second]
    argv.append(str(time.time_ns() % 2**31))
    found = subprocess.run(argv, capture_output=True, text=True, check=True)
    line = next(text for text in found.stdout.splitlines() if text.startswith("RESULT"))
    requests, micros, refused, broken, *percentiles = (float(word) for word in line.split()[1:])
    answered = requests - refused
    p50, p95, p99 = (value / 1000 for value in percentiles)
    spent = running.cpu_seconds() - before
    return Closed(
        rate=answered / (micros / 1e6),
        p50=p50,
        p95=p95,
        p99=p99,
        refused=int(refused),
        broken=int(broken),
        cpu_per_1000=spent / max(answered, 1) * 1000,
    )


@dataclass(kw_only=True)
class Open:
    """What came of requests at a steady rate. Milliseconds from when each was due."""

    answered: list[float] = field(default_factory=list)
    refused: list[float] = field(default_factory=list)  # 503
    failed: int = 0  # anything else

    def quantile(self, share: float) -> float:
        return float(np.quantile(self.answered, share)) if self.answered else float("nan")


def steady(running: Running, *, rate: float, seconds: float) -> Open:
    """So many requests a second, whatever becomes of those before."""
    return asyncio.run(_steady(running, rate, seconds))


async def _steady(running: Running, rate: float, seconds: float) -> Open:
    found, pool = Open(), _Pool(running)
    random = np.random.default_rng(int.from_bytes(os.urandom(4)))
    due = np.cumsum(random.exponential(1 / rate, int(rate * seconds)))
    seeds = random.integers(0, 2**31, len(due))
    began = time.perf_counter()
    async with asyncio.TaskGroup() as tasks:
        for moment, seed in zip(due, seeds, strict=True):
            wait = began + float(moment) - time.perf_counter()
            if wait > 0:
                await asyncio.sleep(wait)
            tasks.create_task(_one(pool, int(seed), began + float(moment), found))
    pool.close()
    return found


async def _one(pool: "_Pool", seed: int, due: float, found: Open) -> None:
    try:
        async with asyncio.timeout(60):
            status = await pool.status(seed)
    except (OSError, ValueError, asyncio.IncompleteReadError, TimeoutError):
        status = 0
    elapsed = (time.perf_counter() - due) * 1000
    if status == 200:
        found.answered.append(elapsed)
    elif status == 503:
        found.refused.append(elapsed)
    else:
        found.failed += 1


class _Pool:
    """Connections that are kept open; as many as are needed."""

    def __init__(self, running: Running) -> None:
        self.host, port = urlsplit(running.url).netloc.split(":")
        self.port, self.path = int(port), running.server.path
        self._free: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []

    async def status(self, seed: int) -> int:
        """Ask for an image, read it, and tell the status."""
        pair = (
            self._free.pop() if self._free else await asyncio.open_connection(self.host, self.port)
        )
        reader, writer = pair
        writer.write(f"GET {self.path}{seed} HTTP/1.1\r\nHost: {self.host}\r\n\r\n".encode())
        head = await reader.readuntil(b"\r\n\r\n")
        fields = dict(
            line.lower().split(": ", 1) for line in head.decode().split("\r\n")[1:] if ": " in line
        )
        await reader.readexactly(int(fields["content-length"]))
        self._free.append(pair)
        return int(head.split()[1])

    def close(self) -> None:
        for _, writer in self._free:
            writer.close()
