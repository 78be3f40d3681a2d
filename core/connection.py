"""Connections to Redis or Valkey with explicit timeouts and without hidden retries.

redis-py's defaults repeat a command up to ten times; our scripts are idempotent, but a request
that fails has to fail soon.
"""

from typing import Any

import redis
import redis.asyncio
from redis.asyncio.retry import Retry as AsyncRetry
from redis.backoff import NoBackoff
from redis.exceptions import (
    AuthenticationError,
    BusyLoadingError,
    NoPermissionError,
    OutOfMemoryError,
    ReadOnlyError,
    ResponseError,
)
from redis.retry import Retry

from core.errors import Unavailable

TIMEOUT = 5.0  # seconds for one command
OLDEST = (7, 0)


def connect(url: str, *, text: bool = True) -> redis.Redis:
    """A client for commands that answer at once. `text` decodes answers to str."""
    return redis.Redis.from_url(
        url,
        decode_responses=text,
        socket_timeout=TIMEOUT,
        health_check_interval=5,
        retry=Retry(NoBackoff(), 0),
        **_network(url),
    )


def connect_async(url: str, *, block: float = 0.0, text: bool = True) -> redis.asyncio.Redis:
    """An asyncio client; `block` is the longest wait, in seconds, of its blocking commands."""
    return redis.asyncio.Redis.from_url(
        url,
        decode_responses=text,
        socket_timeout=TIMEOUT + block,
        retry=AsyncRetry(NoBackoff(), 0),
        **_network(url),
    )


def _network(url: str) -> dict[str, Any]:
    """What applies to TCP connections only."""
    if url.startswith("unix:"):
        return {}
    return {"socket_connect_timeout": 3, "socket_keepalive": True}


def trouble(error: Exception) -> str:
    """What a command that failed says of the server; without the full stop."""
    if _misconfigured(error):
        return "Redis cannot write to its own disk and refuses changes: make room for it"
    match error:
        case OutOfMemoryError():
            return "Redis is at its maxmemory and refuses new work: give it more"
        case AuthenticationError() | NoPermissionError():
            return "Redis refuses the user or the password in REDIS_URL"
        case BusyLoadingError():
            return "Redis is still reading its data"
    return f"Redis did not do its part ({type(error).__name__})"


def our_mistake(error: Exception) -> bool:
    """Whether the server refused a command because it was wrong, which no repetition cures."""
    passing = (BusyLoadingError, ReadOnlyError, OutOfMemoryError, NoPermissionError)
    wrong = isinstance(error, ResponseError) and not isinstance(error, passing)
    return wrong and not _misconfigured(error)


def _misconfigured(error: Exception) -> bool:
    """The word for a disk that the server cannot write to; Kombu repeats it in its own errors."""
    return "MISCONF " in str(error)


def require_supported(client: redis.Redis) -> None:
    """Raise `Unavailable` when the server is too old for our scripts or may evict our keys."""
    version = str(client.info("server").get("redis_version", "0.0"))
    if tuple(int(part) for part in version.split(".")[:2]) < OLDEST:
        raise Unavailable(f"The server behind REDIS_URL is version {version}; 7.0 is the oldest.")
    policy = str(client.info("memory").get("maxmemory_policy", "noeviction"))
    if policy != "noeviction":
        raise Unavailable(
            f"The server's maxmemory-policy is {policy}, so it may throw jobs away. "
            "Set it to noeviction: CONFIG SET maxmemory-policy noeviction."
        )
