"""A training on the terminal: the bar while it runs, and what to do with the model afterwards."""

import shlex
import time
from typing import Any
from urllib.parse import urlencode

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn
from rich.table import Column

from core.schemas import Job, JobState, Model
from ganvas.client import JobHandle
from ganvas.console import INTERRUPTED, Stopped, say

LINE_SECONDS = 10.0
LOSSES = 4  # of the numbers that a training reports, so that the line fits


def watch(handle: JobHandle, url: str) -> Job:
    """Show the job until its end. Ctrl-C leaves it running. Raises Stopped unless it succeeded."""
    try:
        job = follow(handle)
    except KeyboardInterrupt:
        raise Stopped(
            f"Job {handle.id} goes on.",
            f"watch again: ganvas jobs watch {handle.id}",
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
        row = bar.add_task(phase(handle.job), total=1.0, facts="")

        def show(job: Job) -> None:
            done = 1.0 if job.state == JobState.SUCCEEDED else job.progress.value
            words = "  ".join(filter(None, (facts(job), losses(job))))
            bar.update(row, description=phase(job), completed=done, facts=words)

        return handle.wait(on_progress=show)


class _Lines:
    """Progress for people who read it later: a line when the phase changes and every 10 s."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._phase = ""
        self._next = 0.0

    def __call__(self, job: Job) -> None:
        now, name = time.monotonic(), phase(job)
        if name != self._phase or now >= self._next:
            self._phase, self._next = name, now + LINE_SECONDS
            words = (name, f"{job.progress.value:.0%}", facts(job), losses(job))
            self._console.print("  ".join(filter(None, words)), markup=False, soft_wrap=True)


def conclude(job: Job, url: str) -> None:
    """Say how the job ended and what can be done now. Raises Stopped unless it succeeded."""
    if job.state == JobState.FAILED:
        error = job.error or {}
        raise Stopped(
            f"Job {job.id} failed: {error.get('detail') or job.reason or 'no reason was given'}",
            f"its log: ganvas jobs log {job.id}",
        )
    output = job.output or {}
    if "model" in output:
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
    return job.phase or job.state if job.state == JobState.RUNNING else job.state


def model_line(model: Model) -> str:
    """One line about a model's origin and size."""
    size = f"{model.resolution} px, {model.parameters / 1e6:.1f} M parameters"
    return f"{model.name}@{model.version}: {model.architecture}, {size}, {model.kimg:.1f} kimg"
