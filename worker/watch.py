"""What a supervised run has shown so far, and what follows from the way it ended."""

import time
from dataclasses import dataclass, field
from typing import Any, Literal

from core.records import Note, Signal

MOST_NOTES = 1000  # kept while Redis is away
# What a child may set of its job.
FIELDS = frozenset({"", "progress", "metrics", "resolved", "phase", "alarms"})
Word = Literal["cancel", "pause", "lost", "away", "stop", "stalled"]


@dataclass
class Watch:
    """One attempt, as its supervisor sees it."""

    asked: Signal = "ok"  # the last thing that somebody asked of the job
    told: set[str] = field(default_factory=set)  # what the child knows
    notes: list[Note] = field(default_factory=list)  # not recorded yet
    first: int = 0  # number of the first of them
    ready: bool = False  # the child answers words; before that it has nothing to save
    deadline: float = float("inf")  # monotonic: the child is killed after it
    beaten: float = field(default_factory=time.monotonic)
    heard: float = field(default_factory=time.monotonic)
    result: dict[str, Any] | None = None
    error: dict[str, Any] | None = None

    def take(self, records: list[dict[str, Any]]) -> None:
        """Keep results and errors; everything else becomes a note for the next beat."""
        if records:
            self.heard = time.monotonic()
        for record in records:
            if record["type"] == "result":
                self.result = record["data"]
            elif record["type"] == "error":
                self.error = record["data"]
            elif record["type"] == "ready":
                self.ready = True
            elif record["field"] in FIELDS:
                self.notes.append(Note(**record))
                self.told.discard(record["type"])  # a checkpoint or sample that was asked for
        surplus = len(self.notes) - MOST_NOTES
        if surplus > 0:
            self.forget(surplus)

    def forget(self, count: int) -> None:
        """Drop the oldest notes: they were recorded, or are too many."""
        del self.notes[:count]
        self.first += count

    @property
    def left_on_request(self) -> bool:
        """Whether the child ended because it was told to give the job back."""
        return bool(self.told & {"stop", "pause", "away"})
