"""Follows a job over HTTP as a client would, whatever breaks, and remembers what it was told."""

import threading
import time
from dataclasses import dataclass, field
from itertools import pairwise

import httpx

from core.schemas import JobEvent
from ganvas.client import Client
from ganvas.transport import GanvasAPIError, Unreachable

KINDS = ("snapshot", "state")  # of events that tell a state


def ids(events: list[JobEvent]) -> list[str]:
    """Of all but those that tell anew, with the id of what was read last."""
    return [event.id for event in events if event.id and event.type not in ("snapshot", "reset")]


def place(event_id: str) -> tuple[int, int]:
    """An id in the order of the stream."""
    milliseconds, _, number = event_id.partition("-")
    return int(milliseconds), int(number)


@dataclass
class Follower:
    """One subscription; `events` in the order of their arrival."""

    url: str
    job_id: str
    ended: threading.Event
    events: list[JobEvent] = field(default_factory=list)
    reconnections: int = 0

    def __post_init__(self) -> None:
        self.thread = threading.Thread(target=self._run, name=f"follow {self.job_id}", daemon=True)
        self.thread.start()

    @property
    def done(self) -> bool:
        return bool(self.events) and self.events[-1].type == "done"

    @property
    def begun(self) -> int:
        """Where the stream began anew for the last time, with a snapshot."""
        return max((i for i, e in enumerate(self.events) if e.type == "snapshot"), default=0)

    def mistakes(self) -> list[str]:
        """What an attentive client would complain about."""
        found = []
        if sum(event.type == "done" for event in self.events) != 1:
            found.append("not exactly one end")
        order = list(map(place, ids(self.events)))
        if any(later <= earlier for earlier, later in pairwise(order)):
            found.append("an event came twice or late")
        return found

    def states(self) -> list[str]:
        """The states since the last time that the stream began anew."""
        return [str(e.data.get("state")) for e in self.events[self.begun :] if e.type in KINDS]

    def missed(self, stream: list[JobEvent]) -> list[str]:
        """How what was seen differs from the stream as it is on the server, from its oldest event
        on: others may have gone."""
        first = self.events[self.begun].id
        told = [event.id for event in stream if place(event.id) > place(first)]
        seen = [i for i in ids(self.events[self.begun :]) if place(i) >= place(stream[0].id)]
        lost, more = len(set(told) - set(seen)), len(set(seen) - set(told))
        if seen == told:
            return []
        return [f"of {len(told)} events {lost} were not seen, and {more} that are not there"]

    def _run(self) -> None:
        last: str | None = None
        while not self.ended.is_set() and not self.done:
            try:
                with Client(self.url) as client:
                    for event in client.jobs.handle(self.job_id).events(after=last):
                        self.events.append(event)
                        last = event.id or last
            except (Unreachable, GanvasAPIError, httpx.HTTPError):
                self.reconnections += 1
                time.sleep(0.5)
