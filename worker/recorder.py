"""What a training tells becomes files below the job's folder and records for the supervisor."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from core.alarms import ALARMS
from core.files import json_lines, write_atomic
from core.samples import DRAWN, SAMPLES, steps_in
from worker import metrics_file
from worker.channel import Channel
from worker.encode import encode, to_image
from worker.events import Alarm, Checkpoint, Event, Progress, Pulse, Sample, Waiting
from worker.patience import disk_full

METRICS = "metrics.jsonl"
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
        self.alarms: list[dict[str, Any]] = []  # all of the job
        self.unwritten: list[dict[str, Any]] = []  # those of them that found no room
        self.before: set[tuple[str, str]] = set()  # kinds and words of earlier attempts

    def phase(self, name: str) -> None:
        self.shown = name
        self.channel.send("phase", {"phase": name}, field="phase", value=name)

    def go_on_from(self, step: int, seconds: float) -> None:
        """Let metrics, samples and alarms go on after `step` and so many seconds of training,
        without repetitions."""
        with room_or_not():
            self.written = metrics_file.go_on_from(self.folder / METRICS, step)
        with room_or_not():
            metrics_file.go_on_from(self.folder / DRAWN, step)
        with room_or_not():
            metrics_file.keep(self.folder / ALARMS, lambda line: _stays(line, seconds))
        told = json_lines(self.folder / ALARMS)  # also when it could not be written anew
        self.alarms = [line for line in told if _stays(line, seconds)]
        self.before = {(line["kind"], line["message"]) for line in self.alarms}
        for later in steps_in(self.folder / SAMPLES):
            if later > step:
                (self.folder / SAMPLES / f"{later:09d}.png").unlink(missing_ok=True)
        if (self.folder / ALARMS).exists():
            self.channel.send("", field="alarms", value=len(self.alarms))

    def new(self, alarms: Iterable[Alarm]) -> list[Alarm]:
        """Those that no earlier attempt has told in the same words."""
        return [alarm for alarm in alarms if (alarm.kind, alarm.message) not in self.before]

    def warn(self, event: Alarm) -> None:
        """Tell what every attempt comes to anew, once."""
        for alarm in self.new([event]):
            self.alarm(alarm)

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
            told = {"step": event.step, "kimg": event.kimg, "seconds": event.seconds, "at": now()}
            self.channel.send("sample", told)
            metrics_file.append(self.folder / DRAWN, told)

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
        self.write_alarms()

    def alarm(self, event: Alarm) -> None:
        told = {"step": event.step, "kind": event.kind, "message": event.message}
        told |= {"action": event.action, "at": now()}
        line = told | {"seconds": event.seconds}
        self.alarms.append(line)
        self.unwritten.append(line)
        self.write_alarms()
        self.channel.send("alarm", told, field="alarms", value=len(self.alarms))

    def write_alarms(self) -> None:
        """Those that are not in the job's folder yet, as far as there is room."""
        with room_or_not():
            while self.unwritten:
                metrics_file.append(self.folder / ALARMS, self.unwritten[0])
                del self.unwritten[0]

    def waiting(self, event: Waiting) -> None:
        if event.turn % WAITING_TURNS == 0:
            self.phase(WAITING)


def now() -> str:
    return datetime.now(UTC).isoformat()


def _stays(line: dict[str, Any], seconds: float) -> bool:
    """Whether an alarm is of before, or of something that will not be repeated."""
    return line["seconds"] is None or line["seconds"] < seconds


@contextmanager
def room_or_not() -> Iterator[None]:
    """Do without what the disk has no room for."""
    try:
        yield
    except OSError as error:
        if not disk_full(error):
            raise
