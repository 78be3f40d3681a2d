"""What is done about alarms: the last good state, smaller steps, a firmer penalty, an early end."""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from torch import Tensor

from core.alarms import Action
from core.errors import Diverged
from worker.alarms import WINDOW, Finding, Watch
from worker.checkpoint import State
from worker.events import Alarm
from worker.game import Game

MAX_ROLLBACKS = 3


class Rescue:
    """Watches a game. `good` is the last state known to be sound, `load` returns to a state,
    `clock` tells the seconds of training."""

    def __init__(
        self, game: Game, load: Callable[[State], None], clock: Callable[[], float]
    ) -> None:
        self.game, self._load, self._clock = game, load, clock
        self.good: State | None = None
        self.watch = Watch(game.spec.recipe)
        self.rollbacks = 0
        self.ended = ""  # by which alarm, before the budget was spent
        self._sums: dict[str, float | Tensor] = {}  # of scalars since the rules were last asked,
        self._steps = 0  # so many steps ago

    def observe(self, scalars: Mapping[str, Tensor]) -> None:
        """The scalars of one step."""
        self._steps += 1
        for name, value in scalars.items():
            self._sums[name] = self._sums.get(name, 0.0) + value.float()

    @property
    def due(self) -> bool:
        """Whether the rules are to be asked after this step."""
        return self._steps > 0 and self.game.step % WINDOW == 0

    def asked(self, fraction: float) -> Iterator[Alarm]:
        """The alarms of the last WINDOW steps, each dealt with."""
        means = {name: float(value) / self._steps for name, value in self._sums.items()}
        self._sums, self._steps = {}, 0
        if all(map(math.isfinite, means.values())):
            yield from self.dealt(self.watch.window(means, fraction, self.game.augment.p))

    def dealt(self, findings: Iterable[Finding]) -> Iterator[Alarm]:
        """Do what is to be done, and say so."""
        for finding in findings:
            step, done = self.game.step, ""
            if finding.action == "back":
                done = self.go_back()
            elif finding.action == "firmer":
                self.game.gamma_scale *= 2
                done = f" The penalty counts {self.game.gamma_scale:g} times from here on."
            elif finding.action == "stop":
                self.ended = finding.kind
                done = " The training ends here, with its best model."
            yield self._alarm(step, finding.kind, finding.message + done, finding.action)

    def roll_back(self, losses: Mapping[str, float]) -> Alarm:
        """Leave numbers that are none behind."""
        step = self.game.step
        text = f"Losses or weights are no numbers any more ({dict(losses)}).{self.go_back()}"
        return self._alarm(step, "not_finite", text, "back")

    def go_back(self) -> str:
        """Return to the last good state with half the step size; what was done, as a sentence.

        After some times the training ends there. Raises Diverged when nothing was learnt till then.
        """
        assert self.good is not None
        step, self.rollbacks = self.game.step, self.rollbacks + 1
        often = self.rollbacks > MAX_ROLLBACKS
        if often and not self.good.facts["step"]:
            raise Diverged(
                f"the losses were not finite at step {step}, after {MAX_ROLLBACKS} retries with "
                "smaller steps; try a lower lr or a higher gamma"
            )
        scale = self.game.lr_scale / 2
        self._load(self.good)
        self._sums, self._steps = {}, 0
        if often:
            self.ended = "diverged"
            return f" It has happened too often: the training ends at step {self.game.step}."
        self.game.lr_scale = scale
        return f" Back to step {self.game.step}, with step sizes x {scale:g}."

    def _alarm(self, step: int, kind: str, message: str, action: Action) -> Alarm:
        done = "stop" if action == "back" and self.ended else action  # it was too often
        return Alarm(step=step, kind=kind, message=message, action=done, seconds=self._clock())

    def state(self) -> dict[str, Any]:
        """What a checkpoint keeps, as JSON."""
        sums = {name: float(value) for name, value in self._sums.items()}
        own = {"rollbacks": self.rollbacks, "ended": self.ended, "sums": sums}
        return own | {"summed_steps": self._steps, "watch": self.watch.state()}

    def restore(self, facts: Mapping[str, Any]) -> None:
        """Go on from there; checkpoints from before there were alarms only know `rollbacks`."""
        self.rollbacks, self.ended = facts.get("rollbacks", 0), facts.get("ended", "")
        self._sums = dict(facts.get("sums", {}))
        self._steps = facts.get("summed_steps", 0)
        self.watch.restore(facts.get("watch", {}))
