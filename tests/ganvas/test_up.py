"""`ganvas up` as a process, with a real server and small programs as API and workers."""

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import psutil
import pytest

from ganvas.processes import COMMANDS, Crew, import_path
from ganvas.redis_server import LaunchError
from ganvas.service import bound, visible_host
from tests.ganvas.programs import ended, pid_in
from tests.waiting import wait_for

PROGRAM = (sys.executable, "-m", "tests.ganvas.launched")


class Launcher:
    """A running `ganvas up`."""

    def __init__(self, home: Path, kind: str = "good") -> None:
        self.home = home
        kept = {k: v for k, v in os.environ.items() if k != "REDIS_URL" and k[:7] != "GANVAS_"}
        self.process = subprocess.Popen(
            [*PROGRAM, kind, "up", "--home", str(home), "--port", "0"],
            env={**kept, **import_path(os.environ)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def ready(self) -> str:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, self.process.communicate()[1]
        return line

    def family(self) -> list[psutil.Process]:
        return psutil.Process(self.process.pid).children(recursive=True)

    def close(self) -> None:
        self.process.terminate()
        self.process.communicate(timeout=20)


@pytest.fixture
def launcher(tmp_path: Path) -> Iterator[Launcher]:
    running = Launcher(tmp_path / "home")
    yield running
    running.close()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_one_line_when_ready_and_nothing_left_after_a_signal(
    launcher: Launcher, number: signal.Signals
) -> None:
    note = launcher.home / "up.json"
    line = launcher.ready()
    url = json.loads(note.read_text())["url"]
    home = launcher.home
    assert line == f"Ganvas is ready at {url} (docs at /docs), home {home}. Ctrl-C stops it.\n"
    assert httpx.get(f"{url}/readyz").status_code == 200
    family = launcher.family()
    assert len(family) == 5  # keeper, server, API, worker and the worker's child
    launcher.process.send_signal(number)
    out, err = launcher.process.communicate(timeout=20)
    assert (launcher.process.returncode, out, err) == (0, "", "")
    assert [process for process in family if not ended(process.pid)] == []
    assert not note.exists()


def test_second_start_on_the_same_home_says_where_the_first_one_is(launcher: Launcher) -> None:
    url = launcher.ready().split()[4]
    second = Launcher(launcher.home)
    out, err = second.process.communicate(timeout=20)
    assert (second.process.returncode, out) == (3, "")
    assert err == f"Ganvas already runs on {launcher.home} at {url}.\n"
    assert httpx.get(f"{url}/readyz").status_code == 200


def test_home_that_cannot_be_written_to_is_refused_by_its_path(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.touch()
    launcher = Launcher(home)
    out, err = launcher.process.communicate(timeout=20)
    assert (launcher.process.returncode, out) == (1, "")
    assert err.startswith(f"{home}: File exists. Let GANVAS_HOME be a folder")


def test_killed_launcher_leaves_nothing_behind_and_the_next_one_starts(tmp_path: Path) -> None:
    launcher = Launcher(tmp_path / "home", "plain")
    launcher.ready()
    pids = [process.pid for process in launcher.family()]
    launcher.process.kill()
    launcher.process.communicate()
    (launcher.home / "worker.pid").unlink()
    again = Launcher(launcher.home, "plain")
    assert again.ready().startswith("Ganvas is ready at ")
    assert [pid for pid in pids if not ended(pid)] == []
    again.close()


def test_killed_program_comes_back_and_is_reported(launcher: Launcher) -> None:
    launcher.ready()
    first, child = (pid_in(launcher.home / f"{role}.pid") for role in ("worker", "child"))
    for pid in (first, child):  # a real child notices that its worker has gone, this one does not
        os.kill(pid, signal.SIGKILL)
    wait_for(lambda: pid_in(launcher.home / "worker.pid") != first, "a new worker")
    launcher.process.terminate()
    _, err = launcher.process.communicate(timeout=20)
    assert "train ended with signal 9; it starts again in 0.5 s" in err.replace("\n", " ")


def test_part_that_does_not_come_up_is_named_with_its_last_words(tmp_path: Path) -> None:
    launcher = Launcher(tmp_path / "home", "broken")
    out, err = launcher.process.communicate(timeout=20)
    assert (launcher.process.returncode, out) == (1, "")
    assert "Not ready after 1 s: waiting for the api" in err
    assert "logs/api.log\nno such module: kaput" in err


def test_processes_have_names_of_their_own() -> None:
    table = Crew(generate=2, api=2).commands
    assert list(table) == ["api", "train", "prepare", "api2", "generate1", "generate2"]
    assert table["generate1"] == COMMANDS["generate"]
    assert "generate2@%h" in table["generate2"]


def test_port_in_use_is_refused_with_what_to_do() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        with pytest.raises(LaunchError, match=f"Port {port} on 127.0.0.1 .*--port 0"):
            bound("127.0.0.1", port)


@pytest.mark.skipif(sys.platform != "linux", reason="a bound port is shared on Linux only")
def test_bound_port_goes_to_a_server_that_asks_for_it_and_to_nobody_by_chance() -> None:
    with bound("127.0.0.1", 0) as held, socket.socket() as other:
        address = held.getsockname()
        with pytest.raises(OSError, match="Address already in use"):
            other.bind(address)
        socket.create_server(address).close()


@pytest.mark.parametrize(
    ("host", "visible"),
    [("0.0.0.0", "127.0.0.1"), ("::1", "[::1]"), ("[::]", "[::1]"), ("localhost", "localhost")],
)
def test_address_that_is_shown_can_be_visited(host: str, visible: str) -> None:
    assert visible_host(host) == visible
