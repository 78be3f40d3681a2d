"""One attempt at a training: the game, its data in order, its pace, and what is due when."""

import math
from collections import defaultdict
from collections.abc import Callable, Generator, Iterator, Mapping
from dataclasses import replace

import torch
from torch import Tensor

from core.errors import BadSpec
from worker import samples
from worker.checkpoint import BEST, Committed, State
from worker.data import Dataset
from worker.device import Device
from worker.encode import grid
from worker.events import Checkpoint, Event, Progress, Sample
from worker.feed import Feed
from worker.game import Game
from worker.gauge import SHARE, Gauge, selection
from worker.pace import Pace
from worker.patience import Patience, disk_full, until_room
from worker.rescue import Rescue
from worker.snapshot import capture, kept, part, plant, restore
from worker.spec import TrainSpec
from worker.tasks import levels
from worker.team import ALONE, Team

PROGRESS_SECONDS = 0.5
FIRST_CHECKPOINT_SECONDS = 10.0  # early, so that a running job can soon generate
SAMPLE_SECONDS = 4.0  # at least, between two sample grids

Save = Callable[[int, State], Committed]


class Run:
    """One attempt at a training: the game, its data in order, and its pace."""

    def __init__(
        self,
        spec: TrainSpec,
        data: Dataset,
        device: Device,
        save: Save,
        asked: Callable[[str], bool],
        patience: Patience,
        clock: Callable[[], float],
        team: Team = ALONE,
    ) -> None:
        self.game = Game(spec, device, team)
        self.data, self.save, self.asked = data, save, asked
        self.patience, self.wait = replace(patience, wait=self.rest), patience.wait
        self.feed = Feed(self.game, data)
        self.pace = Pace(spec.budget, clock)
        self.window: dict[str, list[Tensor]] = defaultdict(list)  # since the last progress
        self.rescue = Rescue(self.game, self.return_to, lambda: self.pace.seconds)
        self.losses: dict[str, float] = {}  # the newest mean of each
        self.saved_step = -1
        self.samples = samples.Plan()
        self.gauge = Gauge(spec, data)
        self.best: dict[str, Tensor] = {}  # the weights that were measured best
        self.measuring = 0.0  # seconds spent on that

    @property
    def fraction(self) -> float:
        return self.pace.fraction(self.game.step, self.game.images)

    @property
    def unsaved(self) -> bool:
        return self.game.step > self.saved_step

    def begin(
        self, resume: State | None, weights: Mapping[str, Tensor], checkpoint_seconds: float
    ) -> None:
        """Start afresh from the seed, perhaps with given weights, or go on from `resume`."""
        torch.manual_seed(self.game.spec.seed)
        if resume is not None:
            known = resume.facts["spec"]["dataset"].get("sha256")
            if known != self.game.spec.dataset.get("sha256"):
                raise BadSpec("the checkpoint was made with another data set")
            self.load(resume)
            self.rescue.restore(resume.facts)
            self.saved_step = self.game.step
            self.gauge.restore(resume.facts.get("gauge", {}))
            self.measuring = resume.facts.get("measuring", 0.0)
            self.best = part(resume.tensors, BEST)
        else:
            plant(self.game, dict(weights))
        self.pace.begin(self.game.images, resume.facts["seconds"] if resume else 0.0)
        self.rescue.good = resume or self.state()
        self.every = checkpoint_seconds
        self.pace.due("checkpoint", every=min(FIRST_CHECKPOINT_SECONDS, checkpoint_seconds))
        self.pace.due("progress", every=PROGRESS_SECONDS)
        self.samples.go_on(self.game.kimg, self.fraction)

    def state(self) -> State:
        facts = {
            "sampler": self.feed.sampler.position,
            "seconds": self.pace.seconds,
            "gauge": self.gauge.state(),
            "measuring": self.measuring,
            **self.rescue.state(),
            "selected": selection(self.gauge.best, self.gauge.last),
        }
        state = capture(self.game, facts)
        best = {BEST + name: tensor for name, tensor in self.best.items()}
        return replace(state, tensors=state.tensors | best)

    def load(self, state: State) -> None:
        restore(self.game, state)
        self.feed.sampler.position = state.facts["sampler"]

    def step(self) -> None:
        """One step of both players on the next batches."""
        fraction, game = self.fraction, self.game
        game.team.tell("play", fraction, game.lr_scale, game.gamma_scale)
        scalars = game.play(self.feed.batches(), fraction)
        self.rescue.observe(scalars)
        for name, value in scalars.items():
            self.window[name].append(value)

    def events(self) -> Iterator[Event]:
        """What is due after a step, and what was asked for."""
        told = self.fraction < 1 and self.pace.due("progress", every=PROGRESS_SECONDS)
        measure = self.gauge_due()
        if told or measure:  # the last step is told at the end
            seen = self.progress()
            if not self.sound(seen):
                yield self.rescue.roll_back(seen.losses)
                return
            yield from self.measured(seen) if measure else (seen,)
        if self.rescue.due:
            yield from self.rescue.asked(self.fraction)
        if self.asked("sample") or self.sample_due():
            yield self.sample()
        if self.checkpoint_due() and self.game.finite():
            yield from self.commit()

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
            eta_seconds=self.pace.eta(self.fraction),
            images_per_second=self.pace.rate(self.game.images),
            losses={**self.losses, "augment_p": self.game.augment.p},
        )

    def sound(self, seen: Progress) -> bool:
        """Whether losses and networks are finite."""
        return all(map(math.isfinite, seen.losses.values())) and self.game.finite()

    @property
    def going(self) -> bool:
        return self.fraction < 1 and not self.rescue.ended

    def return_to(self, state: State) -> None:
        """Forget what came after `state`, which is the newest good one."""
        self.game.team.tell("back")
        self.load(state)
        self.losses.clear()
        self.window.clear()
        self.pace.rate(self.game.images)  # the speed is measured anew from here

    @property
    def interrupted(self) -> bool:
        return self.game.step > 0 and self.going and self.gauge.due(self.game.kimg)

    def gauge_due(self) -> bool:
        """A budget of minutes is not spent on measuring; elsewhere only the images count."""
        if not self.gauge.due(self.game.kimg):
            return False
        spared = self.pace.budget.minutes is not None
        return not spared or self.measuring <= SHARE * self.pace.seconds

    def measured(self, seen: Progress) -> Generator[Event, None, None]:
        """`seen` with the figures of the averaged generator, whose best weights are remembered."""
        step = self.game.step
        if not self.gauge.able or (self.gauge.last is not None and self.gauge.last.step == step):
            yield seen
            return
        started = self.pace.clock()
        figures = yield from self.gauge.measure(self.game.paint, step, self.game.kimg)
        self.measuring += self.pace.clock() - started
        if self.gauge.best is None or figures.kd < self.gauge.best.kd:
            self.gauge.best = figures
            self.best = {name: kept(value) for name, value in self.game.ema.state_dict().items()}
        found = self.rescue.watch.measured(figures, self.gauge.best, self.fraction)
        alarms = list(self.rescue.dealt(found))  # before anybody may leave
        yield replace(seen, figures=figures.values())
        yield from alarms

    def sample_due(self) -> bool:
        reached = self.samples.reached(self.game.kimg, self.fraction)
        return reached and self.pace.due("sample", every=SAMPLE_SECONDS)

    def sample(self) -> Sample:
        """Paint the fixed seeds with the averaged generator."""
        self.samples.go_on(self.game.kimg, self.fraction)
        images = self.game.paint(*samples.fixed_inputs(self.game.spec))
        step, kimg, seconds = self.game.step, self.game.kimg, self.pace.seconds
        return Sample(step=step, kimg=kimg, seconds=seconds, grid=grid(levels(images)))

    def checkpoint_due(self) -> bool:
        return self.asked("checkpoint") or self.pace.due("checkpoint", every=self.every)

    def commit(self, *, final: bool = False) -> Iterator[Event]:
        """Remember the present state as good, and save it as soon as the disk has room."""
        step, kimg = self.game.step, self.game.kimg
        self.game.team.tell("keep")
        state = self.rescue.good = self.state()
        committed = yield from until_room(lambda: self.save(step, state), self.patience, step)
        self.saved_step = step
        yield Checkpoint(step=step, kimg=kimg, committed=committed, state=state, final=final)

    def rest(self, seconds: float) -> None:
        """Wait without spending the budget."""
        before = self.pace.clock()
        self.wait(seconds)
        self.pace.idle(self.pace.clock() - before)

    def leave(self) -> None:
        """Save what is not saved yet; whoever ends us does not wait for room on the disk."""
        if not self.unsaved or not self.game.finite():
            return
        try:
            self.save(self.game.step, self.state())
        except OSError as error:
            if not disk_full(error):
                raise
