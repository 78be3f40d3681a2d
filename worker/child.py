"""A job's child process, seen by its supervisor."""

import contextlib
import json
import os
import queue
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

# The child gets no secrets: not the broker's address, not the owner's shell.
_PASSED_ON = (
    "PATH",
    "HOME",
    "LANG",
    "LC_ALL",
    "TMPDIR",
    "TZ",
    "PYTHONPATH",
    "PYTHONSAFEPATH",
    "VIRTUAL_ENV",
    "GANVAS_WEIGHTS",
)
_PASSED_PREFIXES = (
    "GANVAS_CRASH_AT",
    "GANVAS_INGEST_",
    "GANVAS_TRAIN_",
    "CUDA_",
    "NVIDIA_",
    "OMP_",
    "MKL_",
    "PYTORCH_",
    "TORCH",
    "LD_LIBRARY",
)
# A training reports to the owner's tracking server, if there is one; who reads uploads does not.
_TRAINING = "worker.train_run"
_TRACKING = ("GANVAS_TENSORBOARD", "GANVAS_MLFLOW_URI")
_TRACKING_SECRETS = (
    "MLFLOW_TRACKING_TOKEN",
    "MLFLOW_TRACKING_USERNAME",
    "MLFLOW_TRACKING_PASSWORD",
    "MLFLOW_TRACKING_INSECURE_TLS",
    "MLFLOW_TRACKING_SERVER_CERT_PATH",
    "MLFLOW_TRACKING_CLIENT_CERT_PATH",
    "REQUESTS_CA_BUNDLE",
)
# What a single kind of child gets besides: those of the store need its address and credentials.
_PASSED_TO = {
    "worker.store_run": (
        "AWS_",
        "FSSPEC_",
        "GOOGLE_APPLICATION_CREDENTIALS",
        "GANVAS_STORE",
        "GANVAS_MAX_UPLOAD_BYTES",
        "HTTP_PROXY",
        "HTTPS_PROXY",
        "NO_PROXY",
        "SSL_CERT_",
    )
}

CGROUP_EVENTS = Path("/sys/fs/cgroup/memory.events")


class Child:
    """Started in its own session, so that it and its own children can be ended together."""

    def __init__(self, module: str, arguments: list[str], log: Path) -> None:
        with open(log, "ab") as stderr:
            self.process = subprocess.Popen(
                [sys.executable, "-m", module, *arguments],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=stderr,
                env=environment(module),
                start_new_session=True,
            )
        self.records: queue.SimpleQueue[dict[str, Any] | None] = queue.SimpleQueue()
        self._silent = False  # the child closed its end: nothing more will come
        self._reader = threading.Thread(target=self._read, name="child output", daemon=True)
        self._reader.start()

    def collect(self, wait: float) -> list[dict[str, Any]]:
        """The records that came since the last call; waits up to `wait` seconds for the first."""
        found: list[dict[str, Any]] = []
        while not self._silent:
            try:
                record = self.records.get(timeout=0 if found else wait)
            except queue.Empty:
                return found
            if record is None:
                self._silent = True
            else:
                found.append(record)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(wait)
        return found

    def say(self, word: str) -> None:
        """Send a command; a child that has gone does not mind."""
        assert self.process.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.write(f"{word}\n".encode())
            self.process.stdin.flush()

    def hang_up(self) -> None:
        """Close the line down: the child saves what it has and leaves."""
        assert self.process.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.close()

    def kill(self) -> None:
        """End the child and all that it started."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)

    @property
    def running(self) -> bool:
        return self.process.poll() is None

    def close(self) -> int:
        """Wait for the end and free the pipes; answers the exit code (minus the signal)."""
        code = self.process.wait()
        self.kill()  # whatever the child left behind in its session
        self._reader.join(timeout=5)
        self.hang_up()
        if self.process.stdout is not None:
            self.process.stdout.close()
        return code

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.records.put(json.loads(line))
        self.records.put(None)


def oom_kills() -> int:
    """How often the system ended a process because memory ran out, as far as it tells."""
    total = 0
    for path, word in ((Path("/proc/vmstat"), "oom_kill"), (CGROUP_EVENTS, "oom_kill")):
        with contextlib.suppress(OSError, ValueError):
            lines = (line.split() for line in path.read_text().splitlines())
            total += sum(int(value) for name, value in lines if name == word)
    return total


def environment(module: str) -> dict[str, str]:
    """What the child `python -m module` gets of our own environment."""
    names = set(_PASSED_ON)
    if module == _TRAINING:
        names |= set(_TRACKING)
        if os.environ.get("GANVAS_MLFLOW_URI"):
            names |= set(_TRACKING_SECRETS)
    prefixes = (*_PASSED_PREFIXES, *_PASSED_TO.get(module, ()))
    return {
        name: value
        for name, value in os.environ.items()
        if name in names or name.startswith(prefixes)
    }
