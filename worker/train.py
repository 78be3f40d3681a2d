"""Training as a generator of events. It knows no queue, no HTTP and no files.

`for event in train(...)` yields Progress, Sample, Checkpoint and Alarm. The caller's `save` makes a
state durable. Closing the generator between two events saves the state and ends the training.
"""

import math
import time
from collections import defaultdict
from collections.abc import Callable, Generator, Iterator
from dataclasses import replace

import torch
from torch import Tensor

from core.errors import BadSpec, Diverged
from worker.augment import mirrored
from worker.checkpoint import Committed, State
from worker.data import Dataset, Sampler
from worker.device import Device
from worker.encode import grid
from worker.events import Alarm, Checkpoint, Event, Progress, Sample
from worker.game import Game
from worker.latents import latents
from worker.pace import Pace
from worker.snapshot import capture, restore
from worker.spec import TrainSpec
from worker.tasks import TASKS, conditions, levels

PROGRESS_SECONDS = 0.5
CHECKPOINT_SECONDS = 60.0
FIRST_CHECKPOINT_SECONDS = 10.0  # early, so that a running job can soon generate
SAMPLE_SECONDS = 4.0  # at least, between two sample grids
SAMPLE_FRACTION = 0.05  # of the budget between two sample grids, besides the doubling early ones
FIRST_SAMPLE_KIMG = 0.25
GRID = 8  # images along a side of the sample grid
MAX_ROLLBACKS = 3


Save = Callable[[int, State], Committed]


def train(
    spec: TrainSpec,
    data: Dataset,
    *,
    device: Device,
    save: Save,
    resume: State | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> Generator[Event, None, None]:
    """Train until the budget is spent. Raises `Diverged`, and `BadSpec` for another's `resume`."""
    run = Run(spec, data, device, clock)
    run.begin(resume)
    try:
        while run.fraction < 1:
            run.step()
            yield from run.events(save)
        last = run.progress()
        if not run.sound(last):
            raise Diverged("the last steps were not finite; the checkpoint before them is kept")
        yield last
        yield run.sample()
        yield run.commit(save, final=True)
    except GeneratorExit:
        if run.unsaved and run.game.finite():
            run.commit(save)
        raise


class Run:
    """One attempt at a training: the game, its data in order, and its pace."""

    def __init__(
        self, spec: TrainSpec, data: Dataset, device: Device, clock: Callable[[], float]
    ) -> None:
        self.game = Game(spec, device)
        self.data = data
        self.sampler = Sampler(len(data), spec.seed)
        self.pace = Pace(spec.budget, spec.recipe.batch, clock)
        self.window: dict[str, list[Tensor]] = defaultdict(list)  # since the last progress
        self.losses: dict[str, float] = {}  # the newest mean of each
        self.rollbacks = 0
        self.saved_step = -1
        self.next_sample = (FIRST_SAMPLE_KIMG, SAMPLE_FRACTION)  # kimg, fraction

    @property
    def fraction(self) -> float:
        return self.pace.fraction(self.game.step)

    @property
    def unsaved(self) -> bool:
        return self.game.step > self.saved_step

    def begin(self, resume: State | None) -> None:
        """Start afresh from the seed, or go on from `resume`."""
        torch.manual_seed(self.game.spec.seed)
        if resume is not None:
            known = resume.facts["spec"]["dataset"].get("sha256")
            if known != self.game.spec.dataset.get("sha256"):
                raise BadSpec("the checkpoint was made with another data set")
            self.load(resume)
            self.pace.begin(self.game.step, resume.facts["seconds"])
            self.saved_step = self.game.step
        else:
            self.pace.begin(0, 0.0)
        self.good = resume or self.state()
        self.pace.due("checkpoint", every=FIRST_CHECKPOINT_SECONDS)
        self.pace.due("progress", every=PROGRESS_SECONDS)
        self.plan_samples()

    def state(self) -> State:
        facts = {"sampler": self.sampler.position, "seconds": self.pace.seconds}
        return capture(self.game, facts)

    def load(self, state: State) -> None:
        restore(self.game, state)
        self.sampler.position = state.facts["sampler"]

    def step(self) -> None:
        """One step of both players on the next batch."""
        spec = self.game.spec
        rows = self.data.rows(self.sampler.take(spec.recipe.batch))
        batch = TASKS[spec.task].batch(rows, self.game.rng)
        if spec.recipe.flip:
            batch = replace(batch, target=mirrored(batch.target, self.game.rng))
        for name, value in self.game.play(batch, self.fraction).items():
            self.window[name].append(value)

    def events(self, save: Save) -> Iterator[Event]:
        """What is due after a step."""
        if self.pace.due("progress", every=PROGRESS_SECONDS):
            seen = self.progress()
            if not self.sound(seen):
                yield self.roll_back(seen.losses)
                return
            yield seen
        if self.sample_due():
            yield self.sample()
        if self.pace.due("checkpoint", every=CHECKPOINT_SECONDS) and self.game.finite():
            yield self.commit(save)

    def progress(self) -> Progress:
        """Where the training is, with the mean losses since the last time."""
        step = self.game.step
        self.losses |= {k: float(torch.stack(v).mean()) for k, v in self.window.items()}
        self.window.clear()
        return Progress(
            step=step,
            kimg=self.game.kimg,
            fraction=self.fraction,
            seconds=self.pace.seconds,
            eta_seconds=self.pace.eta(step),
            images_per_second=self.pace.rate(step),
            losses={**self.losses, "augment_p": self.game.augment.p},
        )

    def sound(self, seen: Progress) -> bool:
        """Whether losses and networks are finite."""
        return all(map(math.isfinite, seen.losses.values())) and self.game.finite()

    def roll_back(self, losses: dict[str, float]) -> Alarm:
        """Return to the last good state with half the step size; give up after some times."""
        step, self.rollbacks = self.game.step, self.rollbacks + 1
        if self.rollbacks > MAX_ROLLBACKS:
            raise Diverged(
                f"the losses were not finite at step {step}, after {MAX_ROLLBACKS} retries with "
                "smaller steps; try a lower lr or a higher gamma"
            )
        scale = self.game.lr_scale / 2
        self.load(self.good)
        self.losses.clear()
        self.pace.rate(self.game.step)  # the speed is measured anew from here
        self.game.lr_scale = scale
        text = f"losses not finite ({losses}); back to step {self.game.step}, step size x {scale}"
        return Alarm(step=step, kind="not_finite", message=text)

    def plan_samples(self) -> None:
        """Set the next sample: early ones double the images, later ones are regular."""
        doubled = FIRST_SAMPLE_KIMG
        while doubled <= self.game.kimg:
            doubled *= 2
        regular = (math.floor(self.fraction / SAMPLE_FRACTION) + 1) * SAMPLE_FRACTION
        self.next_sample = (doubled, regular)

    def sample_due(self) -> bool:
        kimg, fraction = self.next_sample
        reached = self.game.kimg >= kimg or self.fraction >= fraction
        return reached and self.pace.due("sample", every=SAMPLE_SECONDS)

    def sample(self) -> Sample:
        """Paint the fixed seeds with the averaged generator."""
        self.plan_samples()
        images = self.game.paint(*fixed_inputs(self.game.spec))
        return Sample(step=self.game.step, kimg=self.game.kimg, grid=grid(levels(images)))

    def commit(self, save: Save, *, final: bool = False) -> Checkpoint:
        """Save the present state and remember it as good."""
        self.good = self.state()
        step = self.game.step
        committed = save(step, self.good)
        self.saved_step = step
        return Checkpoint(
            step=step, kimg=self.game.kimg, committed=committed, state=self.good, final=final
        )


def fixed_inputs(spec: TrainSpec) -> tuple[Tensor, Tensor | None]:
    """Latents of the seeds 0..63, and conditions: a class for every row, or all in turn."""
    z = torch.from_numpy(latents(range(GRID * GRID), spec.shape.z_dim))
    classes = len(spec.classes)
    if not classes:
        return z, None
    cells = torch.arange(GRID * GRID)
    labels = (cells // GRID if classes <= GRID else cells) % classes
    return z, conditions(labels, classes)
