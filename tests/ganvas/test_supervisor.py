"""The supervisor with real processes."""

import os
import queue
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from ganvas.home_lock import HomeLock
from ganvas.processes import import_path
from ganvas.supervisor import LONGEST_PAUSE, Pauses, Supervisor, last_lines
from tests.ganvas.programs import FLEETING, POLITE, STUBBORN, ended, pid_in, program
from tests.waiting import wait_for

ENVIRONMENT = {**os.environ, **import_path(os.environ)}


@pytest.fixture
def reports() -> "queue.Queue[str]":
    return queue.Queue()


@pytest.fixture
def supervisor(tmp_path: Path, reports: "queue.Queue[str]") -> Iterator[Supervisor]:
    running = Supervisor(tmp_path / "logs", ENVIRONMENT, reports.put)
    running.start()
    yield running
    running.stop(grace=0.1)


def test_pauses_double_up_to_a_limit_and_begin_anew_after_a_steady_minute() -> None:
    pauses = Pauses()
    found = [pauses.after(lived=1.0) for _ in range(8)]
    assert found == [0.5, 1, 2, 4, 8, 16, LONGEST_PAUSE, LONGEST_PAUSE]
    assert [pauses.after(lived=61.0), pauses.after(lived=1.0)] == [0.5, 1.0]


def test_program_that_ends_is_started_again_with_growing_pauses(
    supervisor: Supervisor, reports: "queue.Queue[str]", tmp_path: Path
) -> None:
    supervisor.add(program(tmp_path, "fleeting", FLEETING))
    first, second = reports.get(timeout=10), reports.get(timeout=10)
    assert "fleeting ended with exit code 3; it starts again in 0.5 s" in first
    assert "in 1 s" in second and str(tmp_path / "logs" / "fleeting.log") in second
    assert last_lines(tmp_path / "logs" / "fleeting.log") == "so short\nso short"


def test_killed_program_is_replaced(
    supervisor: Supervisor, reports: "queue.Queue[str]", tmp_path: Path
) -> None:
    supervisor.add(program(tmp_path, "polite", POLITE, "polite"))
    first = pid_in(tmp_path / "polite.pid")
    os.kill(first, signal.SIGKILL)
    assert "polite ended with signal 9" in reports.get(timeout=10)
    wait_for(lambda: pid_in(tmp_path / "polite.pid") != first, "a new process")
    assert supervisor.running("polite")


def test_stop_leaves_no_process_behind_not_even_a_grandchild_set_apart(
    supervisor: Supervisor, tmp_path: Path
) -> None:
    supervisor.add(program(tmp_path, "stubborn", STUBBORN))
    pids = [pid_in(tmp_path / name) for name in ("parent.pid", "child.pid")]
    supervisor.stop(grace=0.2)
    assert [pid for pid in pids if not ended(pid)] == []


def test_server_is_stopped_after_those_that_need_it(supervisor: Supervisor, tmp_path: Path) -> None:
    supervisor.add(program(tmp_path, "server", POLITE, "server", stage=0))
    for name in ("api", "worker"):
        supervisor.add(program(tmp_path, name, POLITE, name))
    for name in ("server", "api", "worker"):
        pid_in(tmp_path / f"{name}.pid")
    supervisor.stop(grace=5)
    order = (tmp_path / "order").read_text().split()
    assert (sorted(order[:2]), order[2:]) == (["api", "worker"], ["server"])


def test_previous_log_is_kept(tmp_path: Path) -> None:
    logs = tmp_path / "logs"
    logs.mkdir()
    (logs / "polite.log").write_text("of yesterday")
    supervisor = Supervisor(logs, ENVIRONMENT, lambda text: None)
    supervisor.start()
    supervisor.add(program(tmp_path, "polite", POLITE, "polite"))
    supervisor.stop(grace=0.1)
    assert (logs / "polite.log.1").read_text() == "of yesterday"
    assert (logs / "polite.log").read_text() == ""


LAUNCHER = """
import os, sys
from pathlib import Path
from ganvas.home_lock import HomeLock
from ganvas.supervisor import Supervisor
from tests.ganvas.programs import POLITE, program
folder = Path(sys.argv[1])
lock = HomeLock(folder)
lock.acquire()
lock.announce("http://127.0.0.1:1")
supervisor = Supervisor(folder / "logs", os.environ, print)
supervisor.start([lock.descriptor])
supervisor.add(program(folder, "polite", POLITE, "polite"))
print("started", flush=True)
sys.stdin.read()
"""


def test_killed_launcher_takes_its_processes_along_and_then_frees_the_home(
    tmp_path: Path,
) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", LAUNCHER, str(tmp_path)],
        env=ENVIRONMENT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as launcher:
        pid = pid_in(tmp_path / "polite.pid")
        launcher.kill()
        launcher.wait()
        lock = HomeLock(tmp_path)
        lock.acquire()  # waits until the keeper has ended everything
        assert ended(pid)
        assert (tmp_path / "order").read_text() == "polite\n"
        lock.release()
