"""A training as a run of MLflow: a thread mirrors the job's folder, at its own pace.

What it sends it reads from `metrics.jsonl` and `samples/`, and only up to the last checkpoint:
these steps will not be done again, so none is sent twice. A server that is away costs nothing: the
files are the queue. `mlflow.json` keeps which run it is and how far it got, for the next attempt.
"""

import threading
from pathlib import Path
from typing import Any

from core.files import read_json, write_json
from core.samples import SAMPLES
from worker.events import Alarm, Checkpoint, Progress, Sample
from worker.metrics_file import Tail
from worker.recorder import METRICS, room_or_not
from worker.trackers.mlflow_run import Run, reason, shown
from worker.trackers.tracked import End, Tracked

CURSOR = "mlflow.json"
PAUSE_SECONDS = 30.0  # after a request that failed
LAST_TRY_SECONDS = 2.0  # for the last words; a server that takes them has some seconds more
# What each end is called there, and these seconds: whoever stops us does not wait long, and the
# next attempt makes up for what was not said.
ENDS: dict[End, tuple[str, float]] = {
    "succeeded": ("FINISHED", 20.0),
    "cancelled": ("KILLED", 3.0),
    "failed": ("FAILED", 3.0),
    "paused": ("SCHEDULED", 0.0),
}
MODEL = ("model.json", "samples.png")  # of what is published: its header, its last grid


class MLflow:
    """Follows a training from a thread; only the thread talks to the server."""

    library = "mlflow"

    def __init__(self, uri: str, pause: float = PAUSE_SECONDS) -> None:
        self.uri, self.pause = uri, pause
        self._wake, self._ending = threading.Event(), threading.Event()
        self._end: End = "paused"
        self._alarm = ""  # the newest
        self._away = False  # the last request failed
        self._troubles: list[str] = []
        self._run: Run | None = None

    def begin(self, run: Tracked) -> None:
        self.tracked = run
        self.final = run.step  # the step up to which nothing will be done again
        self._latest = run.step
        self._thread = threading.Thread(target=self._follow, name="mlflow", daemon=True)
        self._wake.set()
        self._thread.start()

    def progress(self, event: Progress) -> None:
        self._latest = event.step

    def sample(self, event: Sample) -> None:
        self._wake.set()

    def checkpoint(self, event: Checkpoint) -> None:
        self.final = event.step
        self._wake.set()

    def alarm(self, event: Alarm) -> None:
        self._alarm = f"step {event.step}, {event.kind}: {event.message}"
        self._wake.set()

    def end(self, end: End) -> None:
        """Waits for the last words, unless nobody takes them."""
        self._end = end
        if end in ("succeeded", "cancelled"):
            self.final = self._latest
        self._ending.set()
        self._wake.set()
        self._thread.join(LAST_TRY_SECONDS)
        if not self._away:
            self._thread.join(ENDS[end][1])

    def troubles(self) -> list[str]:
        found, self._troubles = self._troubles, []
        return found

    def _follow(self) -> None:
        while True:
            self._wake.wait()
            self._wake.clear()
            last = self._ending.is_set()
            try:
                self._catch_up(last)
                self._away = False
            except Exception as error:  # whatever MLflow and what is below it raise
                if not self._away:
                    why = f"{shown(self.uri)} takes nothing ({reason(error, self.uri)})"
                    self._troubles.append(f"{why}; it is tried again every {self.pause:.0f} s")
                self._away = True
                if not last:
                    self._ending.wait(self.pause)
                    self._wake.set()
            if last:
                return

    def _catch_up(self, last: bool) -> None:
        """Send what is there and was not sent."""
        if self._run is None:
            self._open()
        run, end = self._run, self._end
        assert run is not None
        if alarm := self._alarm:
            run.tag("ganvas.alarm", alarm)
            self._alarm = "" if self._alarm == alarm else self._alarm
        for step in run.send(self._rows.until(self.final)):
            self._note(step=step)
        for path in self._new_samples():
            run.send_file(path, SAMPLES)
            self._note(sample=int(path.stem))
        if last:
            for name in MODEL:
                if (self.tracked.published / name).exists():
                    run.send_file(self.tracked.published / name, "model")
            run.end(ENDS[end][0])

    def _open(self) -> None:
        kept = self._kept()
        self._run = Run.of(self.uri, self.tracked, kept["run"])
        same = self._run.id == kept["run"]
        self._cursor = kept if same else {"run": self._run.id, "step": 0, "sample": -1}
        self._rows = Tail(self.tracked.folder / METRICS, self._cursor["step"])
        self._note()

    def _kept(self) -> dict[str, Any]:
        try:
            found = read_json(self.tracked.folder / CURSOR)
            reached = {name: int(found[name]) for name in ("step", "sample")}
            return {"run": str(found["run"]), **reached}
        except (OSError, ValueError, KeyError, TypeError):
            return {"run": "", "step": 0, "sample": -1}

    def _note(self, **reached: int) -> None:
        """Something was taken."""
        self._away = False
        self._cursor |= reached
        with room_or_not():
            write_json(self.tracked.folder / CURSOR, self._cursor)

    def _new_samples(self) -> list[Path]:
        grids = sorted((self.tracked.folder / SAMPLES).glob("[0-9]*.png"))
        return [path for path in grids if int(path.stem) > self._cursor["sample"]]
