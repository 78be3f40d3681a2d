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

    def mistakes(self) -> list[str]:
        """What an attentive client would complain about."""
        found = []
        if sum(event.type == "done" for event in self.events) != 1:
            found.append("not exactly one end")
        told_anew = ("snapshot", "reset")  # which have the id of what was read last
        kept = [event.id for event in self.events if event.id and event.type not in told_anew]
        order = [tuple(map(int, text.split("-"))) for text in kept]
        if any(later <= earlier for earlier, later in pairwise(order)):
            found.append("an event came twice or late")
        return found

    def states(self) -> list[str]:
        """The states since the last time that the stream began anew, with a snapshot."""
        begun = [i for i, event in enumerate(self.events) if event.type == "snapshot"]
        first = begun[-1] if begun else 0
        return [str(e.data.get("state")) for e in self.events[first:] if e.type in KINDS]

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
