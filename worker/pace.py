"""How far a training is in its budget, how fast it goes, and what is due when."""

from collections.abc import Callable

from worker.spec import Budget


class Pace:
    """Time and images of one training; `before` are seconds spent by earlier attempts."""

    def __init__(self, budget: Budget, clock: Callable[[], float]) -> None:
        self.budget, self.clock = budget, clock
        self.before = 0.0
        self.started = clock()
        self.due_at: dict[str, float] = {}
        self.window = (self.started, 0)  # (time, images) of the last measurement
        self.latest = 0.0  # images per second

    @property
    def seconds(self) -> float:
        return self.before + self.clock() - self.started

    def begin(self, images: int, seconds: float) -> None:
        """Start, or go on after `images` images and `seconds` seconds."""
        self.before = seconds
        self.started = self.clock()
        self.window = (self.started, images)
        self.due_at.clear()

    def idle(self, seconds: float) -> None:
        """Do not count `seconds` that just went by without work."""
        self.started += seconds
        self.window = (self.window[0] + seconds, self.window[1])

    def fraction(self, step: int, images: int) -> float:
        """How much of the budget is spent, 0..1."""
        budget = self.budget
        if budget.minutes is not None:
            spent = self.seconds / (60 * budget.minutes)
        elif budget.kimg is not None:
            spent = images / (1000 * budget.kimg)
        else:
            assert budget.steps is not None, "a budget has exactly one limit"
            spent = step / budget.steps
        return min(spent, 1.0)

    def rate(self, images: int) -> float:
        """Images per second since the last call; while nothing new was done, as it was then."""
        now = self.clock()
        elapsed, shown = now - self.window[0], images - self.window[1]
        self.window = (now, images)
        if shown and elapsed > 0:
            self.latest = max(shown, 0) / elapsed
        return self.latest

    def eta(self, fraction: float) -> float | None:
        """Seconds to the end at the present mean speed; None while nothing is known."""
        if self.budget.minutes is not None:
            return max(60 * self.budget.minutes - self.seconds, 0.0)
        return self.seconds * (1 - fraction) / fraction if fraction else None

    def due(self, what: str, *, every: float) -> bool:
        """Whether `every` seconds have passed since `what` was last due; the first time is now."""
        now = self.clock()
        if now < self.due_at.get(what, now):
            return False
        self.due_at[what] = now + every
        return True
