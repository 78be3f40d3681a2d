"""Servers under test: started as processes of their own, measured as a whole tree, ended by us."""

import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import httpx
import psutil

ROOT = Path(__file__).parents[1]
START_SECONDS = 120.0
ONE_THREAD = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}


@dataclass(frozen=True, kw_only=True)
class Server:
    """One that can be started. `path` of an image for a seed; `post`: it wants JSON instead."""

    name: str
    argv: tuple[str, ...]  # {port} is replaced
    path: str
    post: bool = False
    environment: Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class Running:
    """One that answers."""

    server: Server
    url: str
    process: psutil.Process
    first_image: float  # seconds from its start

    def tree(self) -> list[psutil.Process]:
        return [self.process, *self.process.children(recursive=True)]

    def cpu_seconds(self) -> float:
        """Of all processes that live; they do not end while they are measured."""
        total = 0.0
        for process in self.tree():
            try:
                times = process.cpu_times()
            except psutil.NoSuchProcess:
                continue
            total += times.user + times.system
        return total

    def megabytes(self) -> float:
        """Memory of the tree; pages that several of its processes share count once (PSS)."""
        total = 0
        for process in self.tree():
            try:
                total += process.memory_full_info().pss
            except psutil.NoSuchProcess:
                continue
        return total / 2**20

    def image(self, seed: int, http: httpx.Client) -> bytes:
        """The bytes for a seed. Raises HTTPStatusError."""
        if self.server.post:
            answer = http.post(self.url + self.server.path, json={"seed": seed})
        else:
            answer = http.get(f"{self.url}{self.server.path}{seed}")
        return answer.raise_for_status().content


@contextmanager
def running(server: Server, log: Path) -> Iterator[Running]:
    """The server, from its first image to its end."""
    port = _free_port()
    environment = {**os.environ, **ONE_THREAD, **server.environment, "PYTHONPATH": str(ROOT)}
    argv = [word.format(port=port) for word in server.argv]
    with open(log, "wb") as out:
        began = time.monotonic()
        child = subprocess.Popen(
            argv, cwd=ROOT, env=environment, stdout=out, stderr=out, start_new_session=True
        )
        try:
            answering = Running(
                server=server,
                url=f"http://127.0.0.1:{port}",
                process=psutil.Process(child.pid),
                first_image=0.0,
            )
            _wait_for_image(answering, child, log)
            elapsed = time.monotonic() - began
            yield Running(
                server=server,
                url=answering.url,
                process=answering.process,
                first_image=elapsed,
            )
        finally:
            _end(child)


def python() -> str:
    """The interpreter of this environment."""
    return sys.executable


def _wait_for_image(server: Running, child: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    with httpx.Client(trust_env=False, timeout=30) as http:
        while True:
            try:
                server.image(secrets.randbelow(2**31), http)  # one that no cache has
                return
            except httpx.HTTPError as error:
                if time.monotonic() > deadline or child.poll() is not None:
                    raise RuntimeError(
                        f"{server.server.name} did not come up: {error}\n{log.read_text()[-2000:]}"
                    ) from error
                time.sleep(0.05)


def _end(child: subprocess.Popen[bytes]) -> None:
    """SIGINT, as Ctrl-C, to the leader; what is left of its group after 15 s is killed."""
    child.send_signal(signal.SIGINT)
    with suppress(subprocess.TimeoutExpired):
        child.wait(15)
    try:
        os.killpg(child.pid, signal.SIGKILL)
    except ProcessLookupError:
        return
    child.wait(5)


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]
