"""`ganvas jobs`: the work in the queue, and what can be done with it."""

from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Annotated

import typer

from core.schemas import Job
from ganvas.calls import MetricsFormat
from ganvas.client import Client
from ganvas.console import (
    Commands,
    Limit,
    Url,
    connected,
    out,
    say,
    service_url,
    table,
    when,
)
from ganvas.watch import facts, watch_or_say_how
from ganvas.watch import watch as watch_job

JobId = Annotated[str, typer.Argument(help="Such as job-01k8x...")]
Number = Annotated[
    int | None, typer.Argument(metavar="[N]", help="-10 to 10; left out: shows the present one.")
]
State = Annotated[str | None, typer.Option("--state", help="One or several: queued,running.")]
Search = Annotated[
    str | None, typer.Option("--search", "-s", help="Words of id, model, data set or metadata.")
]
Step = Annotated[int, typer.Argument(help="Of the checkpoint.")]
ModelName = Annotated[str | None, typer.Option("--name", help="Default: that of the training.")]
AliasName = Annotated[str | None, typer.Option("--alias", help="Such as stable.")]
CsvFile = Annotated[Path | None, typer.Option("--csv", help="Write them to this file.")]
ParquetFile = Annotated[Path | None, typer.Option("--parquet", help="The same as Parquet.")]
Watch = Annotated[bool, typer.Option("--watch", "-w", help="Show the progress.")]
MOST = 200  # jobs of one page
NEGATIVE = {"ignore_unknown_options": True}  # so that -5 is a number

jobs = typer.Typer(cls=Commands, help="Work in the queue; without a verb: the list.")


@jobs.callback(invoke_without_command=True)
def _jobs(context: typer.Context, url: Url = None) -> None:
    if context.invoked_subcommand is None:
        list_jobs(url=url)


@jobs.command("list")
def list_jobs(
    limit: Limit = 20, state: State = None, search: Search = None, url: Url = None
) -> None:
    """The newest jobs."""
    with connected(url) as client:
        rows = table("JOB", "KIND", "STATE", "PROGRESS", "QUEUE", "CREATED", "RESULT")
        for job in islice(found(client, limit, state, search), limit):
            output = job.output or {}
            result = f"{output['model']}@{output.get('version')}" if "model" in output else ""
            share, created = f"{job.progress.value:.0%}", when(job.created_at)
            rows.add_row(job.id, job.kind, job.state, share, place(job), created, result)
    out().print(rows)


@jobs.command("show")
def show_job(job_id: JobId, url: Url = None) -> None:
    """Everything about one job, as JSON."""
    with connected(url) as client:
        say(client.jobs.get(job_id).model_dump_json(indent=2))


@jobs.command("watch")
def watch(job_id: JobId, url: Url = None) -> None:
    """A progress bar until the job ends; Ctrl-C leaves the job running."""
    with connected(url) as client:
        watch_job(client.jobs.handle(job_id), service_url(url))


@jobs.command("cancel")
def cancel(job_id: JobId, url: Url = None) -> None:
    """End a job; what was trained so far becomes a model."""
    with connected(url) as client:
        job = client.jobs.handle(job_id).cancel()
    say(f"Job {job.id} is {job.state} ({facts(job) or 'nothing trained yet'}).")


@jobs.command("pause")
def pause(job_id: JobId, url: Url = None) -> None:
    """Let a job rest; a running training saves its state first."""
    with connected(url) as client:
        job = client.jobs.handle(job_id).pause()
    say(f"Job {job.id} is {job.state}.", f"  let it go on: ganvas jobs resume {job.id}")


@jobs.command("resume")
def resume(job_id: JobId, url: Url = None) -> None:
    """Let a paused job go on where it stopped."""
    with connected(url) as client:
        job = client.jobs.handle(job_id).resume()
    say(f"Job {job.id} is {_in_place(job)}.")


@jobs.command("retry")
def retry(job_id: JobId, watch: Watch = False, url: Url = None) -> None:
    """Do the work of a failed or cancelled training again, as a new job."""
    with connected(url) as client:
        handle = client.jobs.handle(job_id).retry()
        kept = handle.job.input.get("resume_from") is not None
        origin = "its last checkpoint" if kept else "the beginning"
        say(f"Job {handle.id} does the work of {job_id} again, from {origin}.")
        watch_or_say_how(handle, service_url(url), watch)


@jobs.command("checkpoint")
def checkpoint(job_id: JobId, url: Url = None) -> None:
    """Let a running training save its state now."""
    with connected(url) as client:
        job = client.jobs.handle(job_id).checkpoint()
    newest = f"step {job.committed['step']}" if job.committed else "none yet"
    say(f"Job {job.id} will save its state; its newest checkpoint: {newest}.")


@jobs.command("publish")
def publish(
    job_id: JobId, step: Step, name: ModelName = None, alias: AliasName = None, url: Url = None
) -> None:
    """Make a checkpoint a version of a model, whatever becomes of the training."""
    with connected(url) as client:
        model = client.jobs.handle(job_id).publish(step, name, alias)
    means = f", {model.name}@{alias} means it" if alias else ""
    say(f"The checkpoint at step {step} is {model.name}@{model.version}{means}.")


@jobs.command("sample")
def sample(job_id: JobId, url: Url = None) -> None:
    """Let a running training draw a sample grid now."""
    with connected(url) as client:
        job = client.jobs.handle(job_id).sample()
    say(f"Job {job.id} will draw a grid: {service_url(url)}/v1/jobs/{job.id}/samples")


@jobs.command("priority", context_settings=NEGATIVE)
def priority(job_id: JobId, number: Number = None, url: Url = None) -> None:
    """Change a job's place in the queue: a higher priority goes first."""
    with connected(url) as client:
        handle = client.jobs.handle(job_id)
        job = handle.job if number is None else handle.prioritise(number)
    say(f"Job {job.id} has priority {job.priority} and is {_in_place(job)}.")


@jobs.command("metrics")
def metrics(
    job_id: JobId, csv: CsvFile = None, parquet: ParquetFile = None, url: Url = None
) -> None:
    """The newest losses and measurements; or all of them as a file, a row for every step."""
    files: list[tuple[MetricsFormat, Path | None]] = [("csv", csv), ("parquet", parquet)]
    with connected(url) as client:
        handle = client.jobs.handle(job_id)
        for format, path in files:
            if path is not None:
                path.write_bytes(handle.metrics(format))
                say(f"{path}: the metrics of {job_id}")
    if csv is None and parquet is None:
        rows = table("METRIC", "NOW")
        for name, value in handle.job.metrics.items():
            shown = f"{value:.5g}" if isinstance(value, int | float) else str(value)
            rows.add_row(name, shown)
        out().print(rows)


@jobs.command("alarms")
def alarms(job_id: JobId, url: Url = None) -> None:
    """What went wrong in a training, and what was done about it."""
    with connected(url) as client:
        found = client.jobs.handle(job_id).alarms()
    say(*(f"step {alarm.step}: {alarm.message}" for alarm in found))


@jobs.command("log")
def log(job_id: JobId, url: Url = None) -> None:
    """What the job's process wrote."""
    with connected(url) as client:
        say(client.jobs.handle(job_id).log())


def found(client: Client, limit: int, state: str | None, words: str | None) -> Iterator[Job]:
    """The jobs that are searched, page by page: one may be empty, and the next not."""
    after, more = None, True
    while more:
        page = client.jobs.list(min(limit, MOST), after, state, words)
        yield from page.data
        after, more = page.last_id, page.has_more


def place(job: Job) -> str:
    """Where a job waits, and its priority unless that is the usual one."""
    position = "" if job.queue_position is None else f"#{job.queue_position + 1}"
    rank = f"priority {job.priority}" if job.priority and not job.state.terminal else ""
    return " ".join(filter(None, (position, rank)))


def _in_place(job: Job) -> str:
    position = job.queue_position
    return job.state if position is None else f"{job.state}, #{position + 1} of those that wait"
