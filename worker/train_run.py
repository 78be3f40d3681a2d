"""The child process of a training job: `python -m worker.train_run HOME JOB FENCE`.

Turns the events of `worker.train` into files below the job's folder and records for the
supervisor, and leaves a model folder `publish-f{fence}` behind.
"""

import sys
from collections.abc import Generator
from contextlib import suppress
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import torch

from core.attempts import newest_attempt, require_newest
from core.crashpoints import arm, crash_point
from core.errors import DiskFull, OutOfMemory, StaleFence
from core.home import Home
from core.schemas import JobKind
from core.settings import Settings
from worker import budgets, opening, plan
from worker.channel import DONE, RELEASED, STOP, Channel, enter
from worker.checkpoint import State
from worker.data import Dataset
from worker.device import SMALLEST_PART, Device
from worker.events import Checkpoint, Event, Progress
from worker.follow import follow
from worker.jobfile import read_job
from worker.machine import granted_bytes, out_of_memory, resident_bytes
from worker.patience import Patience, disk_full, until_room
from worker.plan import Plan
from worker.recorder import TRAINING, Recorder
from worker.shelf import Shelf
from worker.spec import TrainSpec
from worker.team import Team, assembled, called, joined, started
from worker.trackers.tracked import Tracked
from worker.trackers.trackers import Trackers
from worker.train import train

ADVICE = "use a smaller width, batch or resolution, or a machine with more memory"


class Training:
    """One attempt at a job: where its files are and whom it reports to."""

    def __init__(
        self, home: Home, job: dict[str, Any], fence: int, channel: Channel, settings: Settings
    ) -> None:
        self.home, self.fence, self.channel, self.settings = home, fence, channel, settings
        self.id, self.input = job["id"], job["input"] | {"seed": job["seed"]}
        self.folder = home.job(self.id)
        self.recorder = Recorder(self.folder, channel)
        self.trackers = Trackers(settings, self.recorder.warn)
        self.owned = partial(require_newest, home, self.id, fence)
        self.shelf = Shelf(self.folder, fence, self.owned)
        self.patience = Patience(seconds=settings.train_disk_patience)

    def run(self) -> int:
        """Train until the budget is spent or somebody asks to stop; answers the exit code."""
        self.shelf.clear()
        limit = granted_bytes(self.settings.train_memory)
        share = limit // most_processes(self.settings)
        data = opening.opened(
            self.home, self.id, self.fence, self.input, memory=share, phase=self.recorder.phase
        )
        crash_point("data.opened")
        self.recorder.phase("starting")
        attempt = newest_attempt(self.home, self.id)
        chosen = plan.make(
            self.folder, self.input, data, attempt.shrink if attempt else 0, self.home.devices
        )
        size = processes(self.settings, chosen)
        self.require_room(chosen, limit, size)
        self.channel.send("resolved", None, field="resolved", value=asdict(chosen.spec))
        arguments = [str(self.home.root), self.id, str(self.fence)]
        with assembled(size, chosen.device.name, "worker.train_run", arguments) as team:
            return self.train(chosen, data, team)

    def train(self, chosen: Plan, data: Dataset, team: Team) -> int:
        """Follow the training to its end, and leave what came of it; answers the exit code."""
        facts = chosen.resume.facts if chosen.resume else {"step": 0, "seconds": 0.0}
        step = facts["step"]
        self.recorder.go_on_from(step, facts["seconds"])
        with self.trackers.following(self.tracked(chosen.spec, step)):
            for alarm in self.recorder.new(chosen.alarms):
                self.tell(alarm)
            asked = self.follow(self.begin(chosen, data, team))
            if asked == STOP:
                return RELEASED
            return self.publish(chosen.spec, cancelled=asked is not None)

    def tracked(self, spec: TrainSpec, step: int) -> Tracked:
        """What the trackers know of this attempt."""
        return Tracked(
            job=self.id,
            model=self.input["model"],
            dataset=self.input["dataset_name"],
            folder=self.folder,
            fence=self.fence,
            step=step,
            spec=spec,
        )

    def tell(self, event: Event) -> None:
        self.recorder.record(event)
        self.trackers.record(event)

    def require_room(self, chosen: Plan, memory: int, size: int) -> None:
        """Refuse what cannot end well, before its first step. Raises OutOfMemory, DiskFull."""
        budgets.require_memory(chosen.spec, memory, used=resident_bytes(), processes=size)
        if chosen.resume is None:  # one that goes on has its files, and patience for the next
            budgets.require_disk(chosen.spec, self.folder)

    def begin(self, chosen: Plan, data: Dataset, team: Team) -> Generator[Event, None, None]:
        """Build the networks; from here on words are answered."""
        exact(chosen.device)
        events = train(
            chosen.spec,
            data,
            device=chosen.device,
            save=self.shelf.save,
            resume=chosen.resume,
            weights=chosen.weights,
            asked=self.channel.asked,
            checkpoint_seconds=self.settings.train_checkpoint_seconds,
            patience=self.patience,
            team=team,
        )
        self.channel.ready()
        self.recorder.phase(TRAINING)
        return events

    def follow(self, events: Generator[Event, None, None]) -> str | None:
        """Record the events; answers what ended them early, or None at their end."""
        try:
            for event in events:
                if isinstance(event, Progress):
                    self.owned()
                self.tell(event)
                for word in ("cancel", STOP):
                    if self.channel.asked(word):
                        events.close()  # saves what is not saved yet
                        self.tell_last()
                        return word
        except StaleFence as stale:
            with suppress(StaleFence):
                events.throw(stale)  # ends them without saving
            raise
        return None

    def tell_last(self) -> None:
        """Tell the checkpoint that was written on leaving: what the disk has is no secret."""
        if self.shelf.kept is None or self.shelf.kept[0].step <= self.recorder.committed_step:
            return
        committed, state = self.shelf.kept
        step, kimg = committed.step, state.facts["kimg"]
        self.tell(Checkpoint(step=step, kimg=kimg, committed=committed, state=state, final=False))

    def publish(self, spec: TrainSpec, *, cancelled: bool) -> int:
        """Leave the newest state as a model folder for the supervisor to publish."""
        self.recorder.phase("publishing")
        state = self.shelf.newest()
        published = state is not None
        if state is not None and not cancelled:
            step = state.facts["step"]
            asked = self.follow(until_room(lambda: self.shelf.publish(state), self.patience, step))
            if asked == STOP:
                return RELEASED
            published, cancelled = asked is None, asked is not None
        elif state is not None:
            published = self.published_at_once(state)
        result = {"published": published, "cancelled": cancelled, "metrics": self.recorder.metrics}
        self.channel.send("result", result | {"resolved": asdict(spec)})
        self.trackers.ending = "cancelled" if cancelled else "succeeded"
        crash_point("result.sent")
        return DONE

    def published_at_once(self, state: State) -> bool:
        """Whether there was room for the model; who cancels does not wait for it."""
        try:
            self.shelf.publish(state)
        except OSError as error:
            if not disk_full(error):
                raise
            return False
        return True


def most_processes(settings: Settings) -> int:
    """As many as a launcher started, or as the owner says, else one for each GPU: so many parts of
    the memory are there, since each opens the data set for itself."""
    return started() or settings.train_processes or max(1, torch.cuda.device_count())


def processes(settings: Settings, chosen: Plan) -> int:
    """How many of them take part: of those that nobody has started yet, for whom there is work."""
    asked = settings.train_processes or chosen.device.name == "cuda"
    most = most_processes(settings) if asked else 1
    return started() or max(1, min(most, chosen.spec.recipe.batch // SMALLEST_PART))


def play_along(home: Home, job_id: str, settings: Settings) -> None:
    """Be another process of the training that the leader has just begun."""
    job = read_job(home, job_id, JobKind.TRAIN, opening.NEEDS)
    input = job["input"] | {"seed": job["seed"]}
    share = granted_bytes(settings.train_memory) // most_processes(settings)
    data = opening.opened(home, job_id, 0, input, memory=share, phase=lambda name: None)
    attempt = newest_attempt(home, job_id)
    shrink = attempt.shrink if attempt else 0
    chosen = plan.make(home.job(job_id), input, data, shrink, home.devices)
    exact(chosen.device)
    with joined(chosen.device.name) as team:
        follow(chosen.spec, data, chosen.device, team, chosen.resume, chosen.weights or {})


def exact(device: Device) -> None:
    """Make equal steps give equal bytes. Not everything that we use can on other devices."""
    deterministic: Any = torch.utils.deterministic  # its stub lacks the switch
    if device.name == "cpu":
        torch.use_deterministic_algorithms(True)
        deterministic.fill_uninitialized_memory = False  # it costs time, and we read none


def attempted(training: Training) -> int:
    """One attempt; lack of memory or of disk becomes an error with advice."""
    try:
        return training.run()
    except StaleFence:
        return RELEASED
    except (MemoryError, OSError, RuntimeError) as error:
        if out_of_memory(error):
            raise OutOfMemory(f"memory ran out while training; {ADVICE}") from None
        if isinstance(error, OSError) and disk_full(error):
            raise DiskFull("there is no room left in the home folder; remove what is old") from None
        raise


def main() -> None:
    settings = Settings()
    if called():
        play_along(Home(Path(sys.argv[1])), sys.argv[2], settings)
        return

    def work(home: Home, job_id: str, fence: int, channel: Channel) -> int:
        arm(settings.crash_at, home.root)
        job = read_job(home, job_id, JobKind.TRAIN, opening.NEEDS)
        return attempted(Training(home, job, fence, channel, settings))

    enter(work, settings.train_nice)


if __name__ == "__main__":
    main()
