"""What both clients share below the calls: requests as values, retries as flows, errors.

A flow is a generator that yields requests and pauses and gets answers; it knows neither threads
nor asyncio. `Client` and `AsyncClient` only carry the steps out.
"""

import hashlib
import platform
import random
import ssl
from collections.abc import Callable, Generator, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from itertools import count
from pathlib import Path
from typing import Any, TypeVar

import httpx

from core.settings import is_loopback

CHUNK = 256 * 1024
LONGEST_PAUSE = 30.0  # seconds, whatever Retry-After says
FIRST_PAUSE = 0.25
REFUSED_FOR_NOW = (429, 503)

T = TypeVar("T")


class GanvasAPIError(Exception):
    """The service refused: RFC 9457's problem as an exception."""

    def __init__(
        self,
        status: int,
        code: str,
        detail: str,
        errors: list[dict[str, str]] | None = None,
        request_id: str | None = None,
    ) -> None:
        super().__init__(f"{detail} ({status} {code})")
        self.status = status
        self.code = code
        self.detail = detail
        self.errors = errors or []
        self.request_id = request_id

    @classmethod
    def of(cls, response: httpx.Response) -> "GanvasAPIError":
        """From an answer with a status of 400 or more, whatever its body is."""
        try:
            body: Any = response.json()
        except ValueError:
            body = None
        if not isinstance(body, dict):
            body = {"detail": response.text[:500] or response.reason_phrase}
        return cls(
            response.status_code,
            str(body.get("code") or f"http_{response.status_code}"),
            str(body.get("detail") or body.get("title") or response.reason_phrase),
            body.get("errors"),
            body.get("request_id") or response.headers.get("X-Request-Id"),
        )


class Unreachable(Exception):
    """Nobody answers at the service's address, or the connection was lost too often."""


@dataclass(frozen=True, kw_only=True)
class Upload:
    """A file that is streamed as the body; `on_progress` hears (bytes sent, bytes in all).

    offset, most: which byte is sent first, and how many at most. identity: what tells it from
    other uploads.
    """

    path: Path
    media_type: str
    on_progress: Callable[[int, int], None] | None = None
    offset: int = 0
    most: int | None = None
    identity: str = ""

    @property
    def size(self) -> int:
        """Of the whole file in bytes."""
        return self.path.stat().st_size

    @property
    def end(self) -> int:
        """Of what is sent."""
        return self.size if self.most is None else min(self.size, self.offset + self.most)

    @property
    def key(self) -> str:
        """The same for the same unchanged file: its content is not read."""
        there = f"{self.path.resolve()} {self.path.stat().st_mtime_ns}"
        text = f"{platform.node()} {self.size} {self.identity or there}"
        return hashlib.sha256(text.encode()).hexdigest()

    def chunks(self) -> Iterator[bytes]:
        total, sent, end = self.size, self.offset, self.end
        with open(self.path, "rb") as file:
            file.seek(sent)
            while block := file.read(min(CHUNK, end - sent)):
                yield block
                sent += len(block)
                if self.on_progress:
                    self.on_progress(sent, total)

    def headers(self) -> dict[str, str]:
        return {
            "Content-Type": self.media_type,
            "Content-Length": str(self.end - self.offset),
        }


@dataclass(frozen=True, kw_only=True)
class Request:
    """One HTTP request. `patience`: seconds that the service may wait before it answers.

    upload, content: a file or bytes as the body.
    idempotent: the service takes it twice as once, even without an Idempotency-Key.
    save: the body of the answer becomes this file, as it arrives; the answer has none then.
    """

    method: str
    path: str
    params: Mapping[str, Any] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    json: Any = None
    upload: Upload | None = None
    content: bytes | None = None
    patience: float = 0.0
    idempotent: bool = False
    save: Path | None = None

    @property
    def repeatable(self) -> bool:
        """True when sending it twice has the same effect as once."""
        return self.method == "GET" or self.idempotent or "Idempotency-Key" in self.headers

    def arguments(self, timeout: float) -> dict[str, Any]:
        """For httpx; the body of an upload is added by the client."""
        headers = {**self.headers, **(self.upload.headers() if self.upload else {})}
        params = {name: value for name, value in self.params.items() if value is not None}
        return {
            "method": self.method,
            "url": self.path,
            "params": params,
            "headers": headers,
            "json": self.json,
            "timeout": httpx.Timeout(timeout, read=timeout + self.patience),
        }


@dataclass(frozen=True)
class Pause:
    seconds: float


Flow = Generator[Request | Pause, httpx.Response, T]
Outcome = httpx.Response | httpx.TransportError | None


def resume(flow: Flow[T], outcome: Outcome) -> Request | Pause:
    """The flow's next step. Raises StopIteration with its result, or what the flow raises."""
    if isinstance(outcome, httpx.TransportError):
        return flow.throw(outcome)
    return flow.send(outcome)  # type: ignore[arg-type]  # None begins a flow or ends a pause


def http_options(base_url: str, timeout: float) -> dict[str, Any]:
    """For httpx's clients. A service on this machine is never asked through a proxy, and where it
    speaks plain HTTP no authorities are read from the disk, which takes longer than an answer."""
    url = httpx.URL(base_url)
    here = is_loopback(url.host)
    plain = here and url.scheme == "http"
    return {
        "base_url": base_url,
        "timeout": timeout,
        "trust_env": not here,
        "verify": ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT) if plain else True,
    }


def exchange(request: Request, parse: Callable[[httpx.Response], T], retries: int) -> Flow[T]:
    """Send until it is answered. Raises GanvasAPIError, Unreachable."""
    for attempt in count():
        last = attempt >= retries
        try:
            response = yield request
        except httpx.TransportError as error:
            if last or not request.repeatable:
                raise Unreachable(f"{type(error).__name__}: {error}") from error
            pause = backoff(attempt)
        else:
            if response.status_code < 400:
                return parse(response)
            if last or response.status_code not in REFUSED_FOR_NOW:
                raise GanvasAPIError.of(response)
            pause = retry_after(response) or backoff(attempt)
        yield Pause(min(pause, LONGEST_PAUSE))
    raise AssertionError("count() does not end")


def backoff(attempt: int) -> float:
    """Doubles from attempt to attempt; the random part keeps clients from coming in step."""
    return min(FIRST_PAUSE * 2**attempt, LONGEST_PAUSE) * random.uniform(0.75, 1.25)


def retry_after(response: httpx.Response) -> float | None:
    """The header in seconds: a number, or a date."""
    text = response.headers.get("Retry-After", "")
    try:
        return max(0.0, float(text))
    except ValueError:
        pass
    try:
        return max(0.0, (parsedate_to_datetime(text) - datetime.now(UTC)).total_seconds())
    except (ValueError, TypeError):
        return None
