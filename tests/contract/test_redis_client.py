"""redis-py as it comes, and as `core.connection` sets it up, measured."""

import asyncio
import socket
import time
from pathlib import Path
from typing import NamedTuple

import pytest
import redis
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError

from core.connection import TIMEOUT, connect, connect_async
from tests.chaos_proxy import ChaosProxy
from tests.contract.laboratory import Laboratory
from tests.contract.measured import measured

pytestmark = pytest.mark.service

CHANGED = (
    "redis-py's defaults have changed: core/connection.py sets retries and timeouts because a "
    "request must fail soon and a command must not be repeated unseen."
)


def test_defaults_are_five_seconds_and_ten_retries_but_none_with_a_url() -> None:
    with redis.Redis() as client, redis.Redis.from_url("redis://127.0.0.1") as by_url:
        options, retry = client.get_connection_kwargs(), client.get_retry()
        connection = by_url.connection_pool.make_connection()
    assert retry is not None and retry.get_retries() == 10, CHANGED
    assert options["socket_timeout"] == options["socket_connect_timeout"] == 5, CHANGED
    assert isinstance(connection, redis.Connection)
    assert connection.socket_timeout == 5, CHANGED
    assert connection.retry.get_retries() == 0, CHANGED


@pytest.mark.parametrize("url", ["redis://127.0.0.1:6379/0", "unix:///run/redis.sock"])
def test_ours_have_explicit_timeouts_and_no_retries(url: str) -> None:
    with connect(url) as client:
        waiting = connect_async(url, block=7)
        assert client.get_connection_kwargs()["socket_timeout"] == TIMEOUT == 5
        assert waiting.get_connection_kwargs()["socket_timeout"] == TIMEOUT + 7
        for retry in (client.get_retry(), waiting.get_retry()):
            assert retry is not None and retry.get_retries() == 0


def test_dead_server_fails_at_once(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as unused:
        port = unused.getsockname()[1]
    for url in (f"redis://127.0.0.1:{port}/0", f"unix://{tmp_path}/nobody"):
        start = time.monotonic()
        with connect(url) as client, pytest.raises((RedisConnectionError, FileNotFoundError)):
            client.ping()
        assert time.monotonic() - start < 1


class Repeats(NamedTuple):
    by_default: int
    ours: int


def repeats(laboratory: Laboratory) -> Repeats:
    """How often one command is executed whose answer gets lost."""
    with ChaosProxy(laboratory.socket) as proxy:
        with redis.Redis(port=proxy.port) as default:
            count_once(default, "default", proxy)
        proxy.forward()
        with connect(proxy.url) as ours, pytest.raises(RedisConnectionError):
            count_once(ours, "ours", proxy)
    counts = laboratory.client.mget("default", "ours")
    return Repeats(*(int(str(count)) for count in counts))  # type: ignore[union-attr]


def count_once(client: redis.Redis, key: str, proxy: ChaosProxy) -> None:
    """INCR is the tenth command, which is executed and answered by a reset."""
    client.ping()
    proxy.forward(reset_every=10)
    for _ in range(9):
        client.ping()
    client.incr(key)


@measured(repeats)
def test_command_is_repeated_by_default_and_not_by_ours(outcome: Repeats) -> None:
    assert outcome.by_default == 2, (
        "redis-py no longer repeats a command whose answer is lost: the retries=0 of "
        "core/connection.py may not be needed any more."
    )
    assert outcome.ours == 1, "Our clients repeat commands: a script may take effect twice."


class Blocking(NamedTuple):
    seconds: float
    answer: object


def long_wait(laboratory: Laboratory) -> Blocking:
    """A blocking read that takes longer than the timeout of other commands."""
    block = TIMEOUT + 0.5

    async def read() -> object:
        async with connect_async(laboratory.url, block=block) as client:
            return await client.blpop(["nothing"], timeout=block)  # type: ignore[misc]

    start = time.monotonic()
    answer = asyncio.run(read())
    return Blocking(time.monotonic() - start, answer)


@measured(long_wait)
def test_blocking_read_may_take_longer_than_a_command(outcome: Blocking) -> None:
    assert outcome.answer is None and outcome.seconds > TIMEOUT, (
        "The API's blocking reads (replies, events) need `block` on top of the command timeout."
    )


def silent(laboratory: Laboratory) -> float:
    """Seconds until a command fails whose server has fallen silent."""
    with ChaosProxy(laboratory.socket) as proxy, connect(proxy.url) as client:
        client.ping()
        proxy.freeze()
        start = time.monotonic()
        with pytest.raises(RedisTimeoutError):
            client.ping()
        seconds = time.monotonic() - start
        assert client.ping()
        return seconds


@measured(silent)
def test_silent_server_fails_after_the_timeout_and_the_next_command_works(outcome: float) -> None:
    assert TIMEOUT - 1 < outcome < TIMEOUT + 10, (
        "A silent server no longer fails a request after the command timeout of core/connection.py."
    )
