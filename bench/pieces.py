"""What bench.training times: our trainer and the tutorial's loop. A piece goes on in every round
where it stopped in the last, by a clock that stands still while others run."""

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

import torch

from bench import plain_dcgan
from worker.data import Dataset, Sampler
from worker.device import Device
from worker.events import Progress
from worker.presets import facts_of, resolve
from worker.shelf import Shelf
from worker.spec import TrainSpec
from worker.tasks import pixels
from worker.train import train
from worker.train_run import exact

MINUTES = 10.0  # of the budget that the shipped recipe is resolved for


class Piece(Protocol):
    """`threads`: of torch, in the thread that calls."""

    threads: int

    def run(self, seconds: float) -> float:
        """Images per second over about so long."""
        ...


class Stopwatch:
    """A clock that runs only while it is told to."""

    def __init__(self) -> None:
        self.stood, self.since = 0.0, 0.0
        self.running = False

    def __call__(self) -> float:
        return self.stood + (time.monotonic() - self.since if self.running else 0.0)

    def start(self) -> None:
        self.since, self.running = time.monotonic(), True

    def stop(self) -> None:
        self.stood, self.running = self(), False


def spec_for(
    data: Dataset, device: Device, options: Mapping[str, Any], minutes: float = MINUTES
) -> TrainSpec:
    """What a training request with these options resolves to."""
    request = {"options": dict(options), "budget": {"minutes": minutes}, "seed": 0}
    return resolve(request, facts_of(data, device))


class Trainer:
    """`worker.train` as a job runs it: events, averages, samples, comparisons, checkpoints."""

    def __init__(
        self, spec: TrainSpec, data: Dataset, device: Device, folder: Path, warm_up: int = 16
    ) -> None:
        self.device, self.batch = device, spec.recipe.batch
        self.interval = spec.recipe.penalty_interval * self.batch  # images, the least to be timed
        self.watch, self.shown = Stopwatch(), 0
        self.threads = max(1, device.threads // device.hands(spec.recipe.batch))
        folder.mkdir(parents=True)
        shelf = Shelf(folder, 1, lambda: None)
        self.events = train(spec, data, device=device, save=shelf.save, clock=self.watch)
        self._go_on(0.0, warm_up * self.batch)

    def run(self, seconds: float) -> float:
        before = self.shown
        taken = self._go_on(seconds, self.interval)
        return (self.shown - before) / taken

    def _go_on(self, seconds: float, images: int) -> float:
        """Train for so long and for so many images at least; answers the seconds."""
        exact(self.device)
        self.watch.start()
        begun, before = self.watch(), self.shown
        for event in self.events:  # a look every half second
            if isinstance(event, Progress):
                self.shown = round(1000 * event.kimg)
                if self.watch() - begun >= seconds and self.shown - before >= images:
                    break
        else:
            raise SystemExit("the training came to its end; measure for a shorter time")
        self.watch.stop()
        torch.use_deterministic_algorithms(False)
        return self.watch() - begun


class Tutorial:
    """The well-known DCGAN loop in fp32, on as many threads as there are."""

    def __init__(self, data: Dataset, threads: int) -> None:
        self.data, self.sampler, self.threads = data, Sampler(len(data), 0), threads
        torch.manual_seed(0)
        sizes = data.resolution, data.channels
        self.G, self.D = plain_dcgan.generator(*sizes), plain_dcgan.discriminator(*sizes)
        self.players = [
            torch.optim.Adam(net.parameters(), lr=2e-4, betas=(0.5, 0.999))
            for net in (self.G, self.D)
        ]
        torch.set_num_threads(threads)
        self.step()

    def step(self) -> int:
        rows = self.data.rows(self.sampler.take(plain_dcgan.BATCH))
        plain_dcgan.step(self.G, self.D, self.players, pixels(rows.images).contiguous())
        return plain_dcgan.BATCH

    def run(self, seconds: float) -> float:
        begun, shown = time.monotonic(), 0
        while time.monotonic() - begun < seconds:
            shown += self.step()
        return shown / (time.monotonic() - begun)
