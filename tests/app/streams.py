"""Reading streams of server-sent events."""

from collections.abc import Iterator
from typing import Any

import httpx

from app.services import Services

ACCEPT = {"Accept": "text/event-stream"}


def frames(answer: httpx.Response) -> Iterator[dict[str, str]]:
    """The events of a stream, without comments."""
    fields: dict[str, str] = {}
    for line in answer.iter_lines():
        name, _, value = line.partition(": ")
        if line and name:
            fields[name] = value
        elif not line and "event" in fields:
            yield fields
            fields = {}


def blocked_readers(held: Services) -> int:
    """Requests that wait for an event."""
    info: Any = held.jobs.client.info("clients")
    return info["blocked_clients"] - 1  # one waits for replies
