"""What a training tells while it runs."""

from dataclasses import dataclass, field

import numpy as np

from core.alarms import Action
from worker.checkpoint import Committed, State


@dataclass(frozen=True, kw_only=True)
class Progress:
    """Where the training is; `losses` are means since the last one, `figures` of just now."""

    step: int
    kimg: float
    fraction: float  # of the budget, 0..1
    seconds: float
    eta_seconds: float | None
    images_per_second: float
    losses: dict[str, float]
    figures: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Sample:
    """64 images of the fixed seeds 0..63: uint8 [8 H, 8 W, C]."""

    step: int
    kimg: float
    seconds: float
    grid: np.ndarray


@dataclass(frozen=True, kw_only=True)
class Checkpoint:
    """A state that `save` has made durable; `publish` makes a model of it."""

    step: int
    kimg: float
    committed: Committed
    state: State
    final: bool


@dataclass(frozen=True, kw_only=True)
class Alarm:
    """Something went wrong and was dealt with, as `message` says.

    `seconds` of training: whoever goes on from a state of before comes to it again. None: it is
    of this attempt, and will not be repeated.
    """

    step: int
    kind: str
    message: str
    action: Action = "tell"
    seconds: float | None = None


@dataclass(frozen=True, kw_only=True)
class Waiting:
    """There is no room on the disk. Comes twice a second, so that requests are heard."""

    step: int
    turn: int  # 0, 1, ... of this wait


@dataclass(frozen=True, kw_only=True)
class Pulse:
    """A measurement is under way: a chance to be asked for something else."""

    step: int


Event = Progress | Sample | Checkpoint | Alarm | Pulse | Waiting
