"""Requests as bytes on a socket, for what a decent HTTP client does not send."""

import socket
from collections.abc import Iterable

import httpx


def connect(api: httpx.Client) -> socket.socket:
    return socket.create_connection((api.base_url.host, api.base_url.port or 80), timeout=10)


def head(lines: Iterable[str]) -> bytes:
    return "".join(f"{line}\r\n" for line in [*lines, ""]).encode("latin-1")


def status(connection: socket.socket) -> int:
    """The status of the answer."""
    data = b""
    while b"\r\n" not in data:
        received = connection.recv(4096)
        assert received, "the server closed the connection without an answer"
        data += received
    return int(data.split(b" ", 2)[1])


def ask(api: httpx.Client, *lines: str, body: bytes = b"") -> int:
    """Send one request; answers its status."""
    with connect(api) as connection:
        connection.sendall(head(lines) + body)
        return status(connection)
