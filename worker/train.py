"""Training as a generator of events. It knows no queue, no HTTP and no files.

`for event in train(...)` yields Progress, Sample, Checkpoint, Alarm; while it compares with the
reals Pulse and, on a full disk, Waiting. The caller's `save` makes a state durable. Closing the
generator between two events saves the state and ends the training.
"""

import time
from collections.abc import Callable, Generator, Mapping

from torch import Tensor

from worker.checkpoint import State
from worker.data import Dataset
from worker.device import Device
from worker.events import Event
from worker.oddities import oddities
from worker.patience import Patience
from worker.run import Run, Save
from worker.spec import TrainSpec
from worker.team import ALONE, Team

CHECKPOINT_SECONDS = 60.0
AT_ONCE = Patience(seconds=0.0)


def unasked(word: str) -> bool:
    """Nobody asks for a `checkpoint` or a `sample` out of turn."""
    return False


def train(
    spec: TrainSpec,
    data: Dataset,
    *,
    device: Device,
    save: Save,
    resume: State | None = None,
    weights: Mapping[str, Tensor] | None = None,
    asked: Callable[[str], bool] = unasked,
    checkpoint_seconds: float = CHECKPOINT_SECONDS,
    patience: Patience = AT_ONCE,
    clock: Callable[[], float] = time.monotonic,
    team: Team = ALONE,
) -> Generator[Event, None, None]:
    """Build the networks; what is answered trains them until the budget is spent.

    It leads a `team`, whose other processes `follow`. It goes on from `resume`; without one it
    begins with `weights` (`G.`, `D.`, `ema.`) where given. Raises `IncompatibleCheckpoint`,
    `BadSpec` for another's `resume`, and while training `Diverged` and `DiskFull`.
    """
    run = Run(spec, data, device, save, asked, patience, clock, team)
    run.begin(resume, weights or {}, checkpoint_seconds)
    return played(run)


def played(run: Run) -> Generator[Event, None, None]:
    """The whole training, from where `run` stands."""
    try:
        if not run.game.step:
            yield from run.rescue.dealt(oddities(run.data))
        if run.rescue.due:  # an attempt left before that
            yield from run.rescue.asked(run.fraction)
        if run.interrupted:  # an attempt left in the middle of a measurement
            yield from run.measured(run.progress())
        while run.going:
            run.step()
            yield from run.events()
        last = run.progress()
        if not run.sound(last):
            run.rescue.ended = "diverged"
            yield run.rescue.roll_back(last.losses)
            last = run.progress()
        yield from run.measured(last)
        yield run.sample()
        yield from run.commit(final=True)
    except GeneratorExit:
        run.leave()
        raise
