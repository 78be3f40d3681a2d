"""The bad network is bad in exactly the ways it is asked to be."""

import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from tests.chaos_proxy import ChaosProxy
from tests.waiting import wait_for

SHORT = 0.3  # seconds a client waits for an answer


@pytest.fixture
def proxy(redis_url: str) -> Iterator[ChaosProxy]:
    with ChaosProxy(Path(redis_url.removeprefix("unix://"))) as running:
        yield running


@pytest.fixture
def client(proxy: ChaosProxy) -> Iterator[redis.Redis]:
    retry = Retry(NoBackoff(), 0)
    with redis.Redis.from_url(proxy.url, socket_timeout=SHORT, retry=retry) as connected:
        connected.ping()
        yield connected


def test_forwards_large_values_and_counts_connections(
    proxy: ChaosProxy, client: redis.Redis
) -> None:
    large = bytes(range(256)) * 4096
    client.set("chaos:large", large)
    assert client.get("chaos:large") == large
    assert proxy.connections == 1


def test_blackhole_swallows_old_and_new_connections_until_it_ends(
    proxy: ChaosProxy, client: redis.Redis
) -> None:
    proxy.blackhole()
    with pytest.raises(redis.TimeoutError):  # on the connection that there was
        client.ping()
    with pytest.raises(redis.TimeoutError):  # on a new one, which is accepted
        client.ping()
    assert proxy.connections == 2
    proxy.forward()
    assert client.ping()


def test_frozen_connections_stay_dead_while_new_ones_work(
    proxy: ChaosProxy, client: redis.Redis
) -> None:
    proxy.freeze()
    with pytest.raises(redis.TimeoutError):
        client.ping()
    assert client.ping()
    assert proxy.connections == 2


def test_refused_until_it_forwards_again_on_the_same_port(
    proxy: ChaosProxy, client: redis.Redis
) -> None:
    port = proxy.port
    proxy.refuse()
    assert client.ping()  # the connection that there was still works
    proxy.cut()
    with pytest.raises(redis.ConnectionError):
        client.ping()
    proxy.forward()
    assert client.ping() and proxy.port == port


def test_nth_command_is_executed_and_answered_by_a_reset(
    proxy: ChaosProxy, client: redis.Redis
) -> None:
    with socket.create_connection(("127.0.0.1", proxy.port)) as plain:
        plain.settimeout(5)
        plain.sendall(b"PING\r\n")
        assert plain.recv(100) == b"+PONG\r\n"
        proxy.forward(reset_every=2)
        plain.sendall(b"SET chaos:reset 0\r\n")
        assert plain.recv(100) == b"+OK\r\n"
        plain.sendall(b"INCR chaos:reset\r\n")
        with pytest.raises(ConnectionResetError):
            plain.recv(100)
    proxy.forward()
    wait_for(lambda: client.get("chaos:reset") == b"1", "the command to be executed")


def test_delay_applies_to_each_chunk(proxy: ChaosProxy, client: redis.Redis) -> None:
    proxy.forward(delay=0.05)
    start = time.monotonic()
    assert client.ping()
    assert time.monotonic() - start >= 0.1  # there and back


def test_leaving_ends_what_is_stuck(redis_url: str) -> None:
    with ChaosProxy(Path(redis_url.removeprefix("unix://"))) as proxy:
        plain = socket.create_connection(("127.0.0.1", proxy.port))
        plain.sendall(b"PING\r\n")
        assert plain.recv(100) == b"+PONG\r\n"
        proxy.freeze()
    with plain:
        plain.settimeout(5)
        assert plain.recv(100) == b""
