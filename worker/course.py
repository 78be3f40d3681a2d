"""How far an evaluation has come: what each phase is expected to cost, and what is done of it."""

from collections.abc import Generator, Mapping
from dataclasses import dataclass
from itertools import accumulate
from typing import TypeVar

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class Step:
    """How far the work has come: 0 to 1."""

    phase: str
    value: float


Steps = Generator[Step, None, T]


class Course:
    """The phases in order, and about how many seconds each of them takes."""

    def __init__(self, seconds: Mapping[str, float]) -> None:
        self.seconds, self.whole = dict(seconds), sum(seconds.values())
        begins = accumulate(seconds.values(), initial=0.0)
        self.begins = dict(zip(seconds, begins, strict=False))

    def step(self, phase: str, done: float) -> Step:
        """done: of the phase, 0 to 1."""
        spent = self.begins[phase] + self.seconds[phase] * done
        return Step(phase=phase, value=min(spent / self.whole, 1.0) if self.whole else 0.0)

    def part(self, phase: str, work: Generator[float, None, T]) -> Steps[T]:
        """A phase that consists of `work`, which yields how much of it is done."""
        try:
            while True:
                try:
                    done = next(work)
                except StopIteration as stop:
                    return stop.value
                yield self.step(phase, done)
        finally:
            work.close()
