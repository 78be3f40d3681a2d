"""Server-sent events of one job or of all: bytes in, records out, and where to go on after a break.

Does no input or output itself; `Client` and `AsyncClient` feed it.
"""

import json
from collections.abc import Iterator

import httpx

from core.schemas import JobEvent
from ganvas.transport import REFUSED_FOR_NOW, GanvasAPIError, Unreachable, backoff, retry_after

SILENCE_SECONDS = 45.0  # the service says something every 15 s
PATIENCE = 10  # connections in a row that may bring nothing


class EventReader:
    """The state of one subscription. With `ends` it is `finished` after the event `done`."""

    def __init__(self, after: str | None, *, ends: bool) -> None:
        self.last_id = after
        self._ends = ends
        self.finished = False
        self._failures = 0
        self._pause = 0.0
        self._buffer = b""
        self._fields: dict[str, list[str]] = {}

    @property
    def headers(self) -> dict[str, str]:
        """For the next connection: it continues after the last event that was read."""
        resume = {"Last-Event-ID": self.last_id} if self.last_id else {}
        return {"Accept": "text/event-stream", "Cache-Control": "no-store", **resume}

    def opened(self, response: httpx.Response) -> bool:
        """True when events follow; False when we shall ask again. Raises GanvasAPIError."""
        self._buffer, self._fields = b"", {}
        if response.status_code in REFUSED_FOR_NOW and self._failures < PATIENCE:
            self._pause = retry_after(response) or 0.0
            return False
        if response.status_code == 204:  # the stream was read to its end before
            self.finished = True
            return False
        if response.status_code != 200:
            raise GanvasAPIError.of(response)
        return True

    def feed(self, chunk: bytes) -> Iterator[JobEvent]:
        """The events that end in this piece of the stream."""
        *lines, self._buffer = (self._buffer + chunk).split(b"\n")
        for line in lines:
            event = self._line(line.rstrip(b"\r").decode())
            if event:
                self._failures = 0
                self.finished = self._ends and event.type == "done"
                yield event

    def broken(self, error: httpx.TransportError | None = None) -> float:
        """Seconds to wait before the next connection. Raises Unreachable after many failures."""
        if self._failures >= PATIENCE:
            raise Unreachable(f"The event stream breaks again and again: {error}") from error
        pause = max(self._pause, min(backoff(self._failures), 10.0))
        self._failures, self._pause = self._failures + 1, 0.0
        return pause

    def _line(self, line: str) -> JobEvent | None:
        if line.startswith(":"):  # it lives, and has nothing to say
            self._failures = 0
            return None
        if line:
            name, _, value = line.partition(":")
            self._fields.setdefault(name, []).append(value.removeprefix(" "))
            return None
        fields, self._fields = self._fields, {}
        if "id" in fields and fields["id"][-1]:
            self.last_id = fields["id"][-1]
        if "data" not in fields:
            return None
        data = json.loads("\n".join(fields["data"]))
        kind = fields.get("event", ["message"])[-1]
        data = data if isinstance(data, dict) else {"value": data}
        return JobEvent(id=self.last_id or "", type=kind, data=data)
