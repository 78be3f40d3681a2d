"""The service on one machine: server, API and workers, from the first process to the last.

Used by `ganvas up` and `ganvas demo`. Talks to the others by HTTP and signals only.
"""

import os
import socket
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol

import httpx

from core.settings import Settings
from ganvas import processes
from ganvas.home_lock import HomeLock
from ganvas.redis_server import LaunchError, own_server, require_usable, wait_until_usable
from ganvas.supervisor import Program, Supervisor, last_lines

READY_SECONDS = 60.0
SERVER = "redis"


class Stop(Protocol):
    """Whether somebody wants the service to stop."""

    def wait(self, seconds: float) -> bool: ...


class Service:
    """Everything that `ganvas up` starts, in order, and stops in the opposite order."""

    def __init__(
        self,
        settings: Settings,
        environment: Mapping[str, str],
        crew: processes.Crew,
        report: Callable[[str], None],
    ) -> None:
        self.settings = settings  # the port is known from start() on
        self._port: socket.socket | None = None
        self.lock = HomeLock(settings.home)
        self._crew = crew
        self._environment = {**environment, **processes.import_path(environment)}
        self.supervisor = Supervisor(settings.home / "logs", self._environment, report)

    @property
    def url(self) -> str:
        """Where the API answers."""
        return f"http://{visible_host(self.settings.host)}:{self.settings.port}"

    def start(self) -> None:
        """Start every process. Raises LaunchError, AlreadyRunning, Invalid (a home that cannot be
        written to); call stop() in any case."""
        self.settings.folders.create()
        self.lock.acquire()
        self._hold_port()
        self.lock.announce(self.url)
        folder = self.settings.home / "run"
        folder.mkdir(mode=0o700, exist_ok=True)
        self.supervisor.start([self.lock.descriptor])
        shared = processes.environment(self.settings, self._server(folder))
        for name, argv in self._crew.commands.items():
            self.supervisor.add(
                Program(
                    name=name,
                    argv=(sys.executable, *argv[1:]),
                    environment={**shared, **self._crew.environment(name)},
                    folder=folder,
                )
            )

    def wait_ready(self, stop: Stop, show: Callable[[str], None]) -> bool:
        """True when /readyz says so, False when told to stop. Raises LaunchError after 60 s."""
        deadline = time.monotonic() + READY_SECONDS
        with httpx.Client(timeout=2.0, trust_env=False) as http:
            while (missing := _missing(http, self.url)) is not None:
                show(missing)
                if time.monotonic() > deadline:
                    raise LaunchError(self._diagnosis(missing))
                if stop.wait(0.1):
                    return False
        return True

    def stop(self) -> None:
        """End all processes; the data stays. Idempotent."""
        if self.lock.descriptor >= 0:
            self.lock.withdraw()
        self.supervisor.stop()
        if self._port:
            self._port.close()
        self.lock.release()

    def _hold_port(self) -> None:
        """Take the port, and on Linux keep it bound: there, nobody gets it by chance (say as the
        near end of a connection) while the API, which asks for it by number, may still listen."""
        self._port = bound(self.settings.host, self.settings.port)
        port = self._port.getsockname()[1]
        self.settings = self.settings.model_copy(update={"port": port})
        if sys.platform != "linux":  # a bound port is not shared there
            self._port.close()

    def _server(self, folder: Path) -> str:
        """The address of the server that is given, or of our own, which is started."""
        if "redis_url" in self.settings.model_fields_set:
            require_usable(self.settings.redis_url)
            return self.settings.redis_url
        server = own_server(self.settings.home, self._environment.get("PATH"))
        program = Program(name=SERVER, argv=server.argv, environment={}, folder=folder, stage=0)
        self.supervisor.add(program)
        try:
            wait_until_usable(server.url, 20.0, lambda: self.supervisor.running(SERVER))
        except LaunchError as error:
            raise LaunchError(f"{error}\n{self._log_of(SERVER)}") from error
        return server.url

    def _diagnosis(self, missing: str) -> str:
        """Which part did not come up, and the last it said."""
        children = self.supervisor.children.values()
        broken = [c.program.name for c in children if c.restarts or c.restart_at is not None]
        named = [name for name in self.supervisor.children if name.rstrip("0123456789") in missing]
        logs = [self._log_of(name) for name in broken or named or [processes.API]]
        return "\n".join([f"Not ready after {READY_SECONDS:g} s: {missing}", *logs])

    def _log_of(self, name: str) -> str:
        log = self.settings.home / "logs" / f"{name}.log"
        return f"--- {log}\n{last_lines(log)}"


def _missing(http: httpx.Client, url: str) -> str | None:
    """What the service still waits for, in words; None when it is ready."""
    try:
        answer = http.get(f"{url}/readyz")
    except httpx.TransportError:
        return "waiting for the api"
    return None if answer.status_code == 200 else _reasons(answer)


def _reasons(answer: httpx.Response) -> str:
    try:
        body: Any = answer.json()
    except ValueError:
        return f"the api answers {answer.status_code}"
    reasons = body.get("reasons") or body.get("detail") or body
    texts = reasons.values() if isinstance(reasons, dict) else reasons
    return reasons if isinstance(reasons, str) else "; ".join(str(text) for text in texts)


def visible_host(host: str) -> str:
    """The address to reach a server on this machine that listens on `host`, as part of a URL."""
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host.strip("[]"), host.strip("[]"))
    return f"[{host}]" if ":" in host else host


def bound(host: str, port: int) -> socket.socket:
    """A socket that has the port (0: any free one) and does not listen.

    Raises LaunchError when something listens there already.
    """
    host = host.strip("[]")
    taken = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    try:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        taken.bind((host, port))
    except OSError as error:
        taken.close()
        raise LaunchError(
            f"Port {port} on {host} cannot be used: {os.strerror(error.errno or 0)}. "
            "Give another with --port, or --port 0 for any free one."
        ) from error
    return taken
