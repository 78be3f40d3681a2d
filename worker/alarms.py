"""What goes wrong in trainings, told from their figures: rules with a memory, and what to do.

The rules are asked after every WINDOW steps and at every comparison with the reals, never by the
clock: a training that was interrupted decides as one that was not. What they know is JSON.
"""

import statistics
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from core.alarms import Action
from worker.augment import MAX_PROBABILITY
from worker.gauge import Figures
from worker.spec import Recipe

WINDOW = 64  # steps
HISTORY, FEWEST = 50, 20  # windows that say what is usual, and without how many nothing is
JUMP, JUMPS = 10.0, 3  # times the usual size, and for how many windows, is a divergence
SCALED = ("R1", "R2", "GP")  # weighted by gamma they count as losses do
CERTAIN, LONG = 0.995, 0.2  # of the pairs told apart, for so long a part of the budget
BLIND = 0.03  # around a half: as good as guessing
EARLY = 0.1  # part of the budget in which looking alike and guessing are no alarm yet
FIRMER = 3  # times that gamma is doubled at most
SAME, POOR = 0.15, 0.5  # of the diversity of reals: a collapse, and cause for concern
WORSE, WORSE_TIMES = 2.0, 3  # times the best distance, so often in a row: it will not recover
LATE = 0.75  # part of the budget after which a plateau is worth a word
STUCK, FEW = 0.3, 3  # part of the budget, and comparisons, after which something should be learnt
COPIES, MANY_COPIES = 30.0, 10.0  # percent of images that are no copies; 50 is honest


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One alarm. `back`: to the last good state, with smaller steps; `firmer`: with a stronger
    penalty; `stop`: end with the best model."""

    kind: str
    message: str
    action: Action = "tell"


class Watch:
    """The rules and what they remember."""

    def __init__(self, recipe: Recipe) -> None:
        self.recipe = recipe
        self.usual: deque[dict[str, float]] = deque(maxlen=HISTORY)
        self.jumps = 0  # windows in a row
        self.since: dict[str, float] = {}  # fraction at which a lasting thing began
        self.firmer = 0  # how often gamma was doubled
        self.first: float | None = None  # kernel distance
        self.compared = 0  # times
        self.alike = self.worse = 0  # measurements in a row
        self.told: set[str] = set()

    def window(self, means: Mapping[str, float], fraction: float, p: float) -> list[Finding]:
        """What the means over WINDOW steps give rise to; `p` is that of the augmentation."""
        found = [
            self._divergence(means),
            self._certainty(means["accuracy"], fraction, p),
            self._blindness(means["accuracy"], fraction),
        ]
        if p >= MAX_PROBABILITY:
            found.append(
                self._once(
                    "augmentation",
                    f"Augmentation has reached its limit of {MAX_PROBABILITY:g}: beyond it, "
                    "changed colours and shifts would show in the images. More training images "
                    "would help most.",
                )
            )
        return [finding for finding in found if finding is not None]

    def measured(self, now: Figures, best: Figures, fraction: float) -> list[Finding]:
        """What a comparison with the reals gives rise to."""
        self.first = now.kd if self.first is None else self.first
        self.compared += 1
        found = [
            self._collapse(now, fraction),
            self._decline(now, best, fraction),
            self._stuck(now, best, fraction),
            self._plateau(now, best, fraction),
            self._copies(now),
        ]
        return [finding for finding in found if finding is not None]

    def state(self) -> dict[str, Any]:
        """Everything it remembers, as JSON."""
        own = {k: v for k, v in vars(self).items() if k != "recipe"}
        return own | {"usual": list(self.usual), "told": sorted(self.told)}

    def restore(self, state: Mapping[str, Any]) -> None:
        for name, value in state.items():
            setattr(self, name, value)
        self.usual, self.told = deque(self.usual, maxlen=HISTORY), set(self.told)

    def _divergence(self, means: Mapping[str, float]) -> Finding | None:
        sizes = {
            name: abs(value) * (self.recipe.gamma if name in SCALED else 1.0)
            for name, value in means.items()
            if name in ("D", "G", *SCALED)
        }
        far = [name for name, size in sizes.items() if size > JUMP * self._usual(name)]
        if not far or len(self.usual) < FEWEST:
            self.usual.append(sizes)
            self.jumps = 0
            return None
        self.jumps += 1
        if self.jumps < JUMPS:
            return None
        self.jumps = 0
        return Finding(
            kind="divergence",
            message=f"{', '.join(far)} grew to more than {JUMP:g} times the usual size.",
            action="back",
        )

    def _usual(self, name: str) -> float:
        known = [sizes[name] for sizes in self.usual if name in sizes]
        return max(statistics.median(known), 1.0) if known else float("inf")

    def _certainty(self, accuracy: float, fraction: float, p: float) -> Finding | None:
        adapts = self.recipe.adaptive and self.recipe.augment and p < MAX_PROBABILITY
        if not self._lasting("certain", accuracy > CERTAIN and not adapts, fraction, LONG):
            return None
        text = f"The discriminator has told {accuracy:.0%} of the pairs apart for a long time."
        if self.firmer >= FIRMER or not self.recipe.gamma:
            return self._once("overfitting", f"{text} There may be too few training images.")
        self.firmer += 1
        return Finding(kind="overfitting", message=text, action="firmer")

    def _blindness(self, accuracy: float, fraction: float) -> Finding | None:
        blind = abs(accuracy - 0.5) < BLIND and fraction > EARLY
        if not self._lasting("blind", blind, fraction, EARLY):
            return None
        return self._once(
            "blind",
            "The discriminator has been guessing for a tenth of the training, so the generator "
            "learns nothing from it. A smaller gamma, or a larger width, may help.",
        )

    def _collapse(self, now: Figures, fraction: float) -> Finding | None:
        if fraction <= EARLY or now.diversity is None:
            return None
        self.alike = self.alike + 1 if now.diversity < SAME else 0
        if self.alike >= 2:
            self.alike = 0
            return Finding(
                kind="collapse",
                message=f"The images made differ from each other by {now.diversity:.0%} of what "
                "real ones do: nearly all are one image.",
                action="firmer",
            )
        if now.class_diversity is not None and now.class_diversity < SAME <= now.diversity:
            return self._once(
                "class_collapse",
                f"In one class at least, the images made differ by {now.class_diversity:.0%} of "
                "what real ones do: nearly all of the class are one image.",
            )
        if now.diversity < POOR:
            return self._once(
                "diversity",
                f"The images made differ from each other by {now.diversity:.0%} of what real ones "
                "do. A higher gamma, or more training images, may help.",
            )
        return None

    def _decline(self, now: Figures, best: Figures, fraction: float) -> Finding | None:
        far = now.kd > WORSE * max(best.kd, 0.0) and best.clearly_better(now) and fraction > EARLY
        self.worse = self.worse + 1 if far else 0
        if self.worse < WORSE_TIMES:
            return None
        self.worse = 0
        return Finding(
            kind="decline",
            message=f"The images have got worse: the distance to real ones is {now.kd:.3g}, and "
            f"was {best.kd:.3g} at step {best.step}.",
            action="stop",
        )

    def _stuck(self, now: Figures, best: Figures, fraction: float) -> Finding | None:
        learning = self.first is None or best.kd < 0.8 * self.first
        if learning or fraction < STUCK or self.compared < FEW:
            return None
        return self._once(
            "stuck",
            f"Nothing has been learnt in {fraction:.0%} of the training: the distance to real "
            f"images was {self.first:.3g} at first and is {now.kd:.3g}. Another lr or loss may "
            "help.",
        )

    def _plateau(self, now: Figures, best: Figures, fraction: float) -> Finding | None:
        improved = now.step == best.step
        if not self._lasting("plateau", not improved, fraction, 1 - LATE):
            return None
        stops = self.recipe.stop_early
        finding = self._once(
            "plateau",
            f"The images have not got nearer to real ones since step {best.step}.",
            "stop" if stops else "tell",
        )
        return finding

    def _copies(self, now: Figures) -> Finding | None:
        if now.authentic is None or now.authentic >= COPIES:
            return None
        many = now.authentic < MANY_COPIES
        return self._once(
            "memorisation" if many else "copies",
            f"{'Most' if many else 'Many'} of the images made are nearer to a training image than "
            "other training images are. An evaluation shows them beside each other; more training "
            "images, or a shorter training, give fewer.",
        )

    def _lasting(self, name: str, holds: bool, fraction: float, part: float) -> bool:
        """Whether it holds since `part` of the budget; then it begins anew."""
        if not holds:
            self.since.pop(name, None)
            return False
        if fraction - self.since.setdefault(name, fraction) < part:
            return False
        del self.since[name]
        return True

    def _once(self, kind: str, message: str, action: Action = "tell") -> Finding | None:
        if kind in self.told:
            return None
        self.told.add(kind)
        return Finding(kind=kind, message=message, action=action)
