"""What a training tells becomes files below the job's folder and records for the supervisor."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from core.files import write_atomic
from worker import metrics_file
from worker.channel import Channel
from worker.encode import encode, to_image
from worker.events import Alarm, Checkpoint, Event, Progress, Pulse, Sample, Waiting
from worker.patience import disk_full

METRICS = "metrics.jsonl"
SAMPLES = "samples"
TRAINING = "training"
WAITING = "waiting for disk space"
WAITING_TURNS = 6  # of a wait between two signs of life


class Recorder:
    """Records events. A full disk costs a sample or a line of metrics, never the training."""

    def __init__(self, folder: Path, channel: Channel) -> None:
        self.folder = folder
        self.channel = channel
        self.metrics: dict[str, Any] = {}  # the newest of each
        self.shown = ""  # the phase
        self.written = 0  # the step of the last line of metrics
        self.committed_step = -1  # of the last checkpoint that was told

    def phase(self, name: str) -> None:
        self.shown = name
        self.channel.send("phase", {"phase": name}, field="phase", value=name)

    def go_on_from(self, step: int) -> None:
        """Let the series of metrics go on after `step`, without repetitions."""
        with room_or_not():
            self.written = metrics_file.go_on_from(self.folder / METRICS, step)

    def record(self, event: Event) -> None:
        recorders: dict[type, Callable[[Any], None]] = {
            Progress: self.progress,
            Sample: self.sample,
            Checkpoint: self.committed,
            Alarm: self.alarm,
            Pulse: lambda _: None,
            Waiting: self.waiting,
        }
        if self.shown == WAITING and not isinstance(event, Waiting):
            self.phase(TRAINING)
        recorders[type(event)](event)

    def progress(self, event: Progress) -> None:
        shown = {
            "value": event.fraction,
            "step": event.step,
            "kimg": round(event.kimg, 3),
            "images_per_second": round(event.images_per_second, 1),
            "eta_seconds": event.eta_seconds and round(event.eta_seconds, 1),
        }
        told = event.losses | event.figures
        self.metrics |= told
        line = {"step": event.step, "kimg": event.kimg, "seconds": event.seconds} | told
        if event.step != self.written or event.figures:  # the end may be told twice
            with room_or_not():
                metrics_file.append(self.folder / METRICS, line)
            self.written = event.step
        self.channel.send("progress", shown, field="progress", value=shown)
        self.channel.send("metrics", line, field="metrics", value=self.metrics)

    def sample(self, event: Sample) -> None:
        content = encode(to_image(event.grid), "png", 0, None)
        with room_or_not():
            folder = self.folder / SAMPLES
            folder.mkdir(exist_ok=True)
            write_atomic(folder / f"{event.step:09d}.png", content)
            self.channel.send("sample", {"step": event.step, "kimg": event.kimg})

    def committed(self, event: Checkpoint) -> None:
        record = {
            "step": event.step,
            "kimg": event.kimg,
            "sha256": event.committed.sha256,
            "file": event.committed.path.name,
            "bytes": event.committed.bytes,
        }
        self.channel.send("checkpoint", record)
        self.committed_step = event.step

    def alarm(self, event: Alarm) -> None:
        self.channel.send("alarm", asdict(event))

    def waiting(self, event: Waiting) -> None:
        if event.turn % WAITING_TURNS == 0:
            self.phase(WAITING)


@contextmanager
def room_or_not() -> Iterator[None]:
    """Do without what the disk has no room for."""
    try:
        yield
    except OSError as error:
        if not disk_full(error):
            raise
