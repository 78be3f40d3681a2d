"""Who else hears what a training tells: TensorBoard and MLflow, where the owner wants them.

None is there unless it is switched on. Whatever goes wrong in one is an alarm of the kind
`tracking` in the job's events, and the training goes on as if nobody had listened.
"""

import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from typing import Protocol

from core.errors import StaleFence
from core.settings import Settings
from worker.events import Alarm, Checkpoint, Event, Progress, Sample
from worker.trackers.event_files import TensorBoard
from worker.trackers.mlflow_mirror import MLflow
from worker.trackers.tracked import End, Tracked


class Tracker(Protocol):
    """A listener. It hears of everything after the recorder has written it down."""

    library: str  # that has to be installed

    def begin(self, run: Tracked) -> None: ...

    def progress(self, event: Progress) -> None: ...

    def sample(self, event: Sample) -> None: ...

    def checkpoint(self, event: Checkpoint) -> None: ...

    def alarm(self, event: Alarm) -> None: ...

    def end(self, end: End) -> None:
        """The last word: soon afterwards the process is gone."""
        ...

    def troubles(self) -> list[str]:
        """What went wrong in the background since the last call, a sentence each."""
        ...


class Missing(Exception):
    """The library of a tracker is not installed."""


class Trackers:
    """All listeners of one attempt at a training; `alarm` hears of their troubles."""

    def __init__(self, settings: Settings, alarm: Callable[[Alarm], None]) -> None:
        self.alarm = alarm
        self.step = 0
        self.ending: End = "paused"  # unless somebody knows better
        self.listening: list[Tracker] = []
        if settings.tensorboard:
            self.listening.append(TensorBoard())
        if settings.mlflow_uri:
            self.listening.append(MLflow(settings.mlflow_uri))

    @contextmanager
    def following(self, run: Tracked) -> Iterator[None]:
        """Let all of them follow what is recorded inside, and hear how it ended."""
        self.step = run.step
        self._each(lambda tracker: begin(tracker, run))
        try:
            yield
        except StaleFence:  # a newer attempt goes on with what was begun here
            raise
        except Exception:
            self._each(lambda tracker: tracker.end("failed"))
            raise
        self._each(lambda tracker: tracker.end(self.ending))

    def record(self, event: Event) -> None:
        self.step = event.step
        match event:
            case Progress():
                self._each(lambda tracker: tracker.progress(event))
            case Sample():
                self._each(lambda tracker: tracker.sample(event))
            case Checkpoint():
                self._each(lambda tracker: tracker.checkpoint(event))
            case Alarm():
                self._each(lambda tracker: tracker.alarm(event))

    def _each(self, tell: Callable[[Tracker], None]) -> None:
        """Tell all of them; one that fails hears nothing more."""
        for tracker in tuple(self.listening):
            try:
                tell(tracker)
            except Missing as missing:
                self._leave_out(tracker, str(missing))
            except Exception as error:  # of libraries that are not ours: any
                traceback.print_exc()  # for the operator, into the job's log
                self._leave_out(tracker, f"an error ({type(error).__name__})")
            for text in tracker.troubles():
                self._trouble(tracker, text)

    def _leave_out(self, tracker: Tracker, why: str) -> None:
        self.listening.remove(tracker)
        self._trouble(tracker, f"{why}; nothing more is sent to it")

    def _trouble(self, tracker: Tracker, text: str) -> None:
        message = f"{type(tracker).__name__}: {text}. The training goes on"
        self.alarm(Alarm(step=self.step, kind="tracking", message=message))


def begin(tracker: Tracker, run: Tracked) -> None:
    """Raises Missing when the tracker's library is not there."""
    if find_spec(tracker.library) is None:
        raise Missing(
            f"{tracker.library} is not installed; pip install 'ganvas[tracking]' brings it"
        )
    tracker.begin(run)
