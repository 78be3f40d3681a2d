"""The life of a job on paper: what the documentation says, in plain Python, without Redis.

Written from docs/architecture.md and the docstrings of core, never from the scripts: the tests hold
the two against each other.
"""

from collections import Counter
from dataclasses import dataclass, field

ENDS = frozenset({"succeeded", "failed", "cancelled"})
WAITING = frozenset({"queued", "recovering"})
BUSY = frozenset({"running", "pausing", "cancelling"})  # a worker may have it
LEGAL = {
    "queued": {"running", "paused", "cancelling", "cancelled"},
    "recovering": {"running", "paused", "cancelling", "cancelled"},
    "running": {"recovering", "pausing", "cancelling", *ENDS},
    "pausing": {"running", "paused", "cancelling", *ENDS},
    "paused": {"queued", "cancelling", "cancelled"},
    "cancelling": ENDS,
}
MOST_CRASHES = 3


@dataclass
class Paper:
    """One job. `home` is the queue of its kind, `place` the queue in which it waits now."""

    id: str
    home: str
    wanted_priority: int  # as the request had it
    state: str = "queued"
    place: str | None = None
    priority: int = 0
    fence: int = 0
    attempt: int = 0
    crashes: int = 0
    shrink: int = 0
    leased: bool = False
    late: bool = False  # the lease has run out, nobody has noticed yet
    noted: int = -1
    committed: int | None = None
    snapshot: bool = False  # on disk
    recorded: tuple[int, int] | None = None  # fence and number of the newest attempt
    wish: str = ""
    saved: bool = False  # its end is on disk
    asked: set[str] = field(default_factory=set)
    history: list[str] = field(default_factory=lambda: ["queued"])
    events: list[str] = field(default_factory=lambda: ["state"])
    counts: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self.place, self.priority = self.home, self.wanted_priority

    @property
    def ended(self) -> bool:
        return self.state in ENDS

    def claim(self, fence: int) -> None:
        assert fence > self.fence
        self.fence, self.attempt = fence, self.attempt + 1
        self.leased, self.late, self.place, self.noted = True, False, None, -1
        self.recorded = self.fence, self.attempt
        if self.state != "cancelling":
            self._change("running")

    def owns(self, fence: int) -> bool:
        if self.leased and self.fence == fence:
            return True
        self.counts["stale_fence"] += 1
        return False

    def beat(self, fence: int) -> str:
        """ok, cancel, pause or lost."""
        if not self.owns(fence):
            return "lost"
        self.late = False
        return {"cancelling": "cancel", "pausing": "pause"}.get(self.state, "ok")

    def note(self, number: int | None, kind: str, step: int) -> None:
        if number is not None and number <= self.noted:
            return
        self.noted = self.noted if number is None else number
        self.events.append(kind)
        self.asked.discard(kind)
        if kind == "checkpoint":
            before = -1 if self.committed is None else self.committed
            self.crashes = 0 if step > before else self.crashes
            self.committed = max(step, before)

    def finish(self, fence: int, state: str) -> bool:
        if self.fence == fence and self.state == state:
            self.saved = True
            return True
        if not self.owns(fence):
            return False
        self.leased = self.late = False
        self._change(state)
        self.saved = True
        return True

    def give_up(self, how: str) -> None:
        """The lease is given back: planned, crash or shrink."""
        self.leased = self.late = False
        if how == "planned":
            self.attempt -= 1
        else:
            self.crashes += 1
        self.shrink += how == "shrink"
        last = how != "planned" and self.crashes >= MOST_CRASHES
        if self.state == "cancelling":
            self._change("cancelled") if last else self._retire()
        elif last:
            self._change("failed")
        elif self.state == "pausing":
            self._change("paused")
        else:
            self.place = self.home
            self._change("recovering")

    def ask(self, word: str) -> tuple[str, str, bool]:
        """The state before and after, and whether it may be."""
        before = self.state
        allowed = {
            "cancel": before not in ("succeeded", "failed"),
            "pause": before in {"running", "pausing", "paused", *WAITING},
            "resume": before in {"running", "pausing", "paused", *WAITING},
        }.get(word, before == "running")
        if not allowed:
            self.counts["illegal_transition"] += 1
        elif word in ("checkpoint", "sample"):
            self.asked.add(word)
        else:
            self.wish = word
            self._obey(word)
        return before, self.state, allowed

    def lose(self) -> None:
        """Redis is empty and everything is rebuilt from the disk."""
        self.counts.clear()
        self.leased = self.late = False
        self.crashes, self.asked, self.events, self.place = 0, set(), [], None
        if self.ended and self.saved:
            self.events = ["done"]
            return
        fence, self.attempt = self.recorded or (-1, 0)
        self.fence, self.saved, self.history = fence + 1, False, []
        self.committed = -1 if self.snapshot else None
        self.state = ""
        if self.wish == "cancel":
            self._retire()
        elif self.wish == "pause":
            self._change("paused")
        else:
            self.place = self.home
            self._change("recovering" if self.recorded else "queued")

    def rank(self, created: float) -> tuple[float, float, str]:
        """Where it stands among those that wait in the same queue."""
        if self.state == "cancelling":
            return 0, 0, self.id  # before all but the urgent ones
        return -self.priority, created, self.id

    def _obey(self, word: str) -> None:
        if word == "cancel":
            if self.state in ("running", "pausing"):
                self._change("cancelling")
            elif self.state in WAITING or self.state == "paused":
                self._retire()
                self.saved = self.ended
        elif word == "pause":
            if self.state == "running":
                self._change("pausing")
            elif self.state in WAITING:
                self.place = None
                self._change("paused")
        elif self.state == "paused":
            self.place = self.home
            self._change("queued")
        elif self.state == "pausing":
            self._change("running")

    def _retire(self) -> None:
        """Nobody has it: what it committed becomes a model first."""
        self.place = None
        if self.committed is None:
            self._change("cancelled")
        else:
            self.place = "prepare"
            if self.state != "cancelling":
                self._change("cancelling")

    def _change(self, state: str) -> None:
        assert self.state == "" or state in LEGAL[self.state], (self.state, state)
        self.state = state
        self.history.append(state)
        self.events.append("state")
        if self.ended:
            self.events.append("done")
            self.asked.clear()
            self.place = None
