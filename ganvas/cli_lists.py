"""`ganvas jobs`, `ganvas models`, `ganvas datasets`: what the service holds."""

import json
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from ganvas.console import Commands, Stopped, Url, connected, out, say, service_url, table
from ganvas.uploads import describe, report_lines
from ganvas.uploads import upload as upload_path
from ganvas.watch import facts, model_line, suggestions
from ganvas.watch import watch as watch_job

Limit = Annotated[int, typer.Option("--limit", min=1, max=1000, help="How many to show.")]
JobId = Annotated[str, typer.Argument(help="Such as job-01k8x...")]

jobs = typer.Typer(cls=Commands, help="Work in the queue; without a verb: the list.")
models = typer.Typer(cls=Commands, help="Trained generators; without a verb: the list.")
datasets = typer.Typer(cls=Commands, help="Prepared images; without a verb: the list.")


@jobs.callback(invoke_without_command=True)
def _jobs(context: typer.Context, url: Url = None) -> None:
    if context.invoked_subcommand is None:
        list_jobs(url=url)


@jobs.command("list")
def list_jobs(limit: Limit = 20, url: Url = None) -> None:
    """The newest jobs."""
    with connected(url) as client:
        rows = table("JOB", "KIND", "STATE", "PROGRESS", "CREATED", "RESULT")
        for job in client.jobs.list(limit).data:
            output = job.output or {}
            result = f"{output['model']}@{output.get('version')}" if "model" in output else ""
            share = f"{job.progress.value:.0%}"
            rows.add_row(job.id, job.kind, job.state, share, _when(job.created_at), result)
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


@jobs.command("log")
def log(job_id: JobId, url: Url = None) -> None:
    """What the job's process wrote."""
    with connected(url) as client:
        say(client.jobs.handle(job_id).log())


@models.callback(invoke_without_command=True)
def _models(context: typer.Context, url: Url = None) -> None:
    if context.invoked_subcommand is None:
        list_models(url=url)


@models.command("list")
def list_models(limit: Limit = 20, url: Url = None) -> None:
    """The models, newest first."""
    with connected(url) as client:
        rows = table("MODEL", "NETWORK", "SIZE", "KIMG", "CLASSES", "CREATED")
        for model in client.models.list(limit).data:
            name, size = f"{model.name}@{model.version}", f"{model.resolution} px"
            classes, kimg = str(len(model.classes) or ""), f"{model.kimg:.1f}"
            rows.add_row(name, model.architecture, size, kimg, classes, _when(model.created_at))
    out().print(rows)


@models.command("show")
def show_model(
    name: Annotated[str, typer.Argument(help="A name, or name@version.")], url: Url = None
) -> None:
    """The card of one model."""
    plain, _, version = name.partition("@")
    if version and not version.isdigit():
        raise Stopped(f"{version!r} is not a version: write {plain}@1.")
    with connected(url) as client:
        model = client.models.get(plain, int(version) if version else None)
    say(model_line(model), f"  digest {model.digest}")
    if model.classes:
        say(f"  labels: {', '.join(model.classes)}")
    say(f"  metrics: {json.dumps(model.metrics)}", *suggestions(model.name, service_url(url)))


@datasets.callback(invoke_without_command=True)
def _datasets(context: typer.Context, url: Url = None) -> None:
    if context.invoked_subcommand is None:
        list_datasets(url=url)


@datasets.command("list")
def list_datasets(limit: Limit = 20, url: Url = None) -> None:
    """The data sets, newest first."""
    with connected(url) as client:
        rows = table("DATA SET", "NAME", "STATE", "IMAGES", "CLASSES", "CREATED")
        for dataset in client.datasets.list(limit).data:
            counts = str(dataset.images), str(len(dataset.classes) or "")
            rows.add_row(
                dataset.id, dataset.name, dataset.state, *counts, _when(dataset.created_at)
            )
    out().print(rows)


@datasets.command("show")
def show_dataset(dataset_id: str, url: Url = None) -> None:
    """One data set: size, classes, and its health report."""
    with connected(url) as client:
        dataset = client.datasets.get(dataset_id)
        say(describe(dataset))
        if dataset.classes:
            counts = dataset.labels.items()
            say("  classes: " + ", ".join(f"{name} ({count})" for name, count in counts))
        if dataset.state == "ready":
            say(*report_lines(dataset_id, client.datasets.report(dataset_id), every=True))


@datasets.command("upload")
def upload(
    path: Annotated[Path, typer.Argument(help="A folder, or a zip or tar archive.")],
    name: Annotated[str | None, typer.Option(help="Default: the folder's name.")] = None,
    url: Url = None,
) -> None:
    """Upload images and say which of them can be used."""
    with connected(url) as client:
        upload_path(client, path, name)


@datasets.command("delete")
def delete(
    dataset_id: str,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    url: Url = None,
) -> None:
    """Delete a data set. Models that were trained on it stay."""
    if not yes:
        typer.confirm(f"Delete the data set {dataset_id}?", abort=True)
    with connected(url) as client:
        client.datasets.delete(dataset_id)
    say(f"Data set {dataset_id} is deleted.")


def _when(time: datetime) -> str:
    return time.astimezone().strftime("%Y-%m-%d %H:%M")
