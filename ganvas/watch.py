"""A training on the terminal: the bar while it runs, and what to do with the model afterwards."""

import shlex
import time
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn
from rich.table import Column

from core.schemas import Job, JobKind, JobState, Model, Transition
from ganvas.console import INTERRUPTED, Stopped, out, say
from ganvas.figures import figures
from ganvas.handles import JobHandle

LINE_SECONDS = 10.0
LOSSES = 4  # of the numbers that a training reports, so that the line fits
STUCK = "waiting for disk space"  # a phase that outlives the wish to end


def watch_or_say_how(handle: JobHandle, url: str, watched: bool) -> None:
    if watched:
        watch(handle, url)
    else:
        say(f"  watch it: ganvas jobs watch {handle.id}")


def watch(handle: JobHandle, url: str) -> Job:
    """Show the job until its end. Ctrl-C leaves it running. Raises Stopped unless it succeeded."""
    try:
        job = follow(handle)
    except KeyboardInterrupt:
        raise Stopped(
            f"Job {handle.id} goes on.",
            f"watch again: ganvas jobs watch {handle.id}",
            f"let it rest: ganvas jobs pause {handle.id}",
            f"end it:      ganvas jobs cancel {handle.id}",
            code=INTERRUPTED,
        ) from None
    conclude(job, url)
    return job


def follow(handle: JobHandle) -> Job:
    """The job in its final state; until then a bar, or in a log file a line now and then."""
    console = Console(stderr=True, highlight=False)
    if not console.is_terminal:
        return handle.wait(on_progress=_Lines(console))
    columns = (
        TextColumn("{task.description}", table_column=Column(no_wrap=True, min_width=10)),
        BarColumn(bar_width=20),
        TaskProgressColumn(),
        TextColumn("{task.fields[facts]}", table_column=Column(no_wrap=True)),
    )
    with Progress(*columns, console=console) as bar:
        row, news = bar.add_task(phase(handle.job), total=1.0, facts=""), News()

        def show(job: Job) -> None:
            done = 1.0 if job.state == JobState.SUCCEEDED else job.progress.value
            words = "  ".join(filter(None, (facts(job), losses(job))))
            bar.update(row, description=phase(job), completed=done, facts=words)
            for line in news.of(job):
                bar.console.print(line, markup=False, soft_wrap=True)

        return handle.wait(on_progress=show)


class News:
    """What happened to a job since it was last looked at, as far as a watcher wants to know why."""

    def __init__(self) -> None:
        self._seen: datetime | None = None

    def of(self, job: Job) -> list[str]:
        """A line for each interruption and each rest; at first only if it lasts."""
        history, seen = job.history, self._seen
        new = history[-1:] if seen is None else [entry for entry in history if entry.at > seen]
        self._seen = history[-1].at if history else seen
        return [line for entry in new if (line := _line(job, entry))]


def _line(job: Job, entry: Transition) -> str:
    if entry.state == JobState.RECOVERING:
        return f"Interrupted ({entry.reason or 'no reason was given'}); the job goes on by itself."
    if entry.state == JobState.PAUSED:
        return f"The job rests; let it go on: ganvas jobs resume {job.id}"
    return ""


class _Lines:
    """Progress for people who read it later: a line when the phase changes and every 10 s."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._phase = ""
        self._next = 0.0
        self._news = News()

    def __call__(self, job: Job) -> None:
        for line in self._news.of(job):
            self._console.print(line, markup=False, soft_wrap=True)
        now, name = time.monotonic(), phase(job)
        if name != self._phase or now >= self._next:
            self._phase, self._next = name, now + LINE_SECONDS
            words = (name, f"{job.progress.value:.0%}", facts(job), losses(job))
            self._console.print("  ".join(filter(None, words)), markup=False, soft_wrap=True)


def conclude(job: Job, url: str) -> None:
    """Say how the job ended and what can be done now. Raises Stopped unless it succeeded."""
    if job.state == JobState.FAILED:
        error = job.error or {}
        again = [f"again:   ganvas jobs retry {job.id}"] if job.kind == JobKind.TRAIN else []
        raise Stopped(
            f"Job {job.id} failed: {error.get('detail') or job.reason or 'no reason was given'}",
            f"its log: ganvas jobs log {job.id}",
            *again,
        )
    output = job.output or {}
    if job.kind == JobKind.EVALUATE and output:
        out().print(figures(job))
    elif "model" in output:
        say(f"Model {output['model']}@{output.get('version', 1)} is ready ({facts(job)}).")
        say(*suggestions(output["model"], url))
    if job.state == JobState.CANCELLED:
        raise Stopped(f"Job {job.id} was cancelled.")
    if "model" not in output:
        say(f"Job {job.id} has {job.state}.")


def suggestions(model: str, url: str) -> list[str]:
    """Commands and addresses to try with a model."""
    return [
        f"  ganvas generate --model {model} --seed 42 -o image.png",
        f"  curl -o image.png {shlex.quote(f'{url}/generate?{query(model, seed=42)}')}",
        f"  {url}/generate?{query(model, seed='alice')}",
        f"  {url}/generate?{query(model, seed=0, n=64)}",
    ]


def query(model: str, **values: Any) -> str:
    return urlencode({"model": model, **values})


def facts(job: Job) -> str:
    """kimg, speed and remaining time, as far as they are known."""
    progress = job.progress
    words = []
    if progress.kimg is not None:
        words.append(f"{progress.kimg:.1f} kimg")
    if progress.images_per_second:
        words.append(f"{progress.images_per_second:.0f} images/s")
    if progress.eta_seconds is not None and not job.state.terminal:
        words.append(f"{duration(progress.eta_seconds)} left")
    return "  ".join(words)


def losses(job: Job) -> str:
    """The newest numbers that the training reports."""
    numbers = [(k, v) for k, v in job.metrics.items() if isinstance(v, (int, float))]
    return "  ".join(f"{name} {value:.3g}" for name, value in numbers[:LOSSES])


def duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def phase(job: Job) -> str:
    """What the job is doing, in a word or two."""
    if job.state == JobState.QUEUED and job.queue_position:
        return f"queued behind {job.queue_position}"
    if job.state == JobState.RUNNING:
        return job.phase or job.state
    ending = job.state in (JobState.CANCELLING, JobState.PAUSING)
    return f"{job.state}, {STUCK}" if ending and job.phase == STUCK else job.state


def model_line(model: Model) -> str:
    """One line about a model's origin and size."""
    size = f"{model.resolution} px, {model.parameters / 1e6:.1f} M parameters"
    return f"{model.name}@{model.version}: {model.architecture}, {size}, {model.kimg:.1f} kimg"
