"""The door: what every request has to pass before a route sees it, as plain ASGI.

Host and Origin allow-lists, request ids, bounds of heads and JSON bodies, and security headers on
every answer. Uploads are bounded where they are read (app/uploads.py).
"""

import asyncio
import re
import secrets
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.errors import HeaderTooLarge, TooSlow, WrongHost, WrongOrigin, expected, unexpected
from core.errors import GanvasError, TooLarge

SAFE = ("GET", "HEAD", "OPTIONS", "TRACE")
REQUEST_ID = re.compile(r"[A-Za-z0-9_.-]{1,64}")
CSP = "default-src 'self'; frame-ancestors 'none'; base-uri 'none'"
MAX_HEADERS, MAX_HEAD_BYTES, MAX_QUERY_BYTES = 100, 64 * 1024, 16 * 1024
BODY_SECONDS = 30.0


class Guard:
    """Checks the head of each request, and marks each answer."""

    def __init__(self, app: ASGIApp, hosts: Sequence[str]) -> None:
        self.app = app
        self.hosts = frozenset(host.lower() for host in hosts)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await _other(self.app, scope, receive, send)
        headers = Headers(scope=scope)
        given = headers.get("x-request-id", "")
        scope["request_id"] = given if REQUEST_ID.fullmatch(given) else secrets.token_hex(8)

        async def marked(message: Message) -> None:
            if message["type"] == "http.response.start":
                _mark(MutableHeaders(scope=message), scope["request_id"])
            await send(message)

        refusal = self._refusal(scope, headers)
        if refusal is not None:
            return await expected(scope, refusal)(scope, receive, marked)
        await self.app(scope, receive, marked)

    def _refusal(self, scope: Scope, headers: Headers) -> GanvasError | None:
        named = headers.getlist("host")
        if len(named) != 1 or host_of(named[0]) not in self.hosts:
            return WrongHost("Add the name to GANVAS_ALLOWED_HOSTS when it is yours.")
        if _too_large(scope):
            return HeaderTooLarge(
                f"A request has at most {MAX_HEADERS} headers of {MAX_HEAD_BYTES} bytes in all, "
                f"and {MAX_QUERY_BYTES} bytes of query."
            )
        origins = headers.getlist("origin")
        if scope["method"] not in SAFE and any(not self._own(origin) for origin in origins):
            return WrongOrigin("The Origin header names a site that is not this service.")
        return None

    def _own(self, origin: str) -> bool:
        try:
            return host_of(urlsplit(origin).netloc) in self.hosts
        except ValueError:
            return False


class Bodies:
    """Reads a body up to a limit before the routes see it; later they cannot be surprised."""

    def __init__(self, app: ASGIApp, limit: int, streamed: Sequence[str]) -> None:
        self.app = app
        self.limit = limit
        self.streamed = frozenset(streamed)  # bodies that are not JSON are read by the route
        self.below = tuple(path for path in streamed if path.endswith("/"))  # and all below these

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] in SAFE or self._streams(scope):
            return await self.app(scope, receive, send)
        try:
            async with asyncio.timeout(BODY_SECONDS):
                body = await self._read(Headers(scope=scope), receive)
        except ClientDisconnect:
            return None
        except TimeoutError:
            slow = TooSlow(f"The whole body has to arrive within {BODY_SECONDS:.0f} seconds.")
            return await expected(scope, slow)(scope, receive, send)
        except TooLarge as error:
            return await expected(scope, error)(scope, receive, _closing(send))
        await self.app(scope, _replayed(body, receive), send)

    def _streams(self, scope: Scope) -> bool:
        path = scope["path"]
        streamed = path in self.streamed or path.startswith(self.below)
        return streamed and not is_json(Headers(scope=scope))

    async def _read(self, headers: Headers, receive: Receive) -> bytes:
        error = TooLarge(f"The body of this request may have {self.limit} bytes.")
        if declared(headers) > self.limit:
            raise error
        body = bytearray()
        more = True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise ClientDisconnect
            body += message.get("body", b"")
            more = message.get("more_body", False)
            if len(body) > self.limit:
                raise error
        return bytes(body)


class Failures:
    """Answers 500 to exceptions that nobody expected, so that the server need not."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        started = False

        async def watched(message: Message) -> None:
            nonlocal started
            started = started or message["type"] == "http.response.start"
            await send(message)

        try:
            await self.app(scope, receive, watched)
        except ClientDisconnect:
            return
        except Exception as error:
            answer = unexpected(scope, error)
            if not started:
                await answer(scope, receive, send)


class Heads:
    """Answers HEAD as GET without the body."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "HEAD":
            return await self.app(scope, receive, send)
        ended = asyncio.Event()

        async def bodiless(message: Message) -> None:
            if message["type"] == "http.response.start":
                await send(message)
                await send({"type": "http.response.body", "body": b""})
                ended.set()

        async def silent() -> Message:
            await ended.wait()
            return {"type": "http.disconnect"}

        as_get = {"method": "GET", "asgi": {"version": "3.0", "spec_version": "2.3"}}
        asked = {**scope, **as_get}
        await self.app(asked, silent, bodiless)


def host_of(netloc: str) -> str:
    """The host of `host:port`, lower case, brackets of IPv6 kept."""
    host, colon, port = netloc.rpartition(":")
    return (host if colon and port.isdigit() else netloc).lower()


def media_type(headers: Headers) -> str:
    """The Content-Type without its parameters, lower case."""
    return headers.get("content-type", "").partition(";")[0].strip().lower()


def is_json(headers: Headers) -> bool:
    return media_type(headers) == "application/json"


def declared(headers: Headers) -> int:
    """The Content-Length, 0 when there is none."""
    text = headers.get("content-length", "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 20 else 0


def _mark(headers: MutableHeaders, request_id: str) -> None:
    headers["X-Request-Id"] = request_id
    headers["X-Content-Type-Options"] = "nosniff"
    headers["Referrer-Policy"] = "no-referrer"
    headers.setdefault("Content-Security-Policy", CSP)


def _too_large(scope: Scope) -> bool:
    headers: Any = scope["headers"]
    if len(headers) > MAX_HEADERS or len(scope["query_string"]) > MAX_QUERY_BYTES:
        return True
    return sum(len(name) + len(value) for name, value in headers) > MAX_HEAD_BYTES


def _replayed(body: bytes, receive: Receive) -> Receive:
    pending: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def replay() -> Message:
        return pending.pop() if pending else await receive()

    return replay


def _closing(send: Send) -> Send:
    """The connection is closed after the answer: the rest of the body is not read."""

    async def closing(message: Message) -> None:
        if message["type"] == "http.response.start":
            MutableHeaders(scope=message)["Connection"] = "close"
        await send(message)

    return closing


async def _other(app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
    """Lifespan passes; there are no websockets."""
    if scope["type"] == "lifespan":
        await app(scope, receive, send)
    else:
        await send({"type": "websocket.close", "code": 1008})
