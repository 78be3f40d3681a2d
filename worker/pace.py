"""How far a training is in its budget, how fast it goes, and what is due when."""

from collections.abc import Callable

from worker.spec import Budget


class Pace:
    """Time and images of one training; `before` are seconds spent by earlier attempts."""

    def __init__(self, budget: Budget, batch: int, clock: Callable[[], float]) -> None:
        self.budget, self.batch, self.clock = budget, batch, clock
        self.before = 0.0
        self.started = clock()
        self.due_at: dict[str, float] = {}
        self.window = (self.started, 0)  # (time, step) of the last measurement
        self.latest = 0.0  # images per second

    @property
    def seconds(self) -> float:
        return self.before + self.clock() - self.started

    def begin(self, step: int, seconds: float) -> None:
        """Start, or go on after `step` steps and `seconds` seconds."""
        self.before = seconds
        self.started = self.clock()
        self.window = (self.started, step)
        self.due_at.clear()

    def fraction(self, step: int) -> float:
        """How much of the budget is spent, 0..1."""
        budget = self.budget
        if budget.minutes is not None:
            spent = self.seconds / (60 * budget.minutes)
        elif budget.kimg is not None:
            spent = step * self.batch / (1000 * budget.kimg)
        else:
            assert budget.steps is not None, "a budget has exactly one limit"
            spent = step / budget.steps
        return min(spent, 1.0)

    def rate(self, step: int) -> float:
        """Images per second since the last call; while nothing new was done, as it was then."""
        now = self.clock()
        elapsed, steps = now - self.window[0], step - self.window[1]
        self.window = (now, step)
        if steps and elapsed > 0:
            self.latest = max(steps, 0) * self.batch / elapsed
        return self.latest

    def eta(self, step: int) -> float | None:
        """Seconds to the end at the present mean speed; None while nothing is known."""
        fraction = self.fraction(step)
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
