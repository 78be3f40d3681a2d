"""`ganvas models`, `ganvas datasets`: what the service holds."""

import json
from pathlib import Path
from typing import Annotated

import typer

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
from ganvas.uploads import describe, report_lines
from ganvas.uploads import upload as upload_path
from ganvas.watch import model_line, suggestions

models = typer.Typer(cls=Commands, help="Trained generators; without a verb: the list.")
datasets = typer.Typer(cls=Commands, help="Prepared images; without a verb: the list.")


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
            rows.add_row(name, model.architecture, size, kimg, classes, when(model.created_at))
    out().print(rows)


@models.command("show")
def show_model(
    name: Annotated[str, typer.Argument(help="A name, name@version or name@alias.")],
    url: Url = None,
) -> None:
    """The card of one model."""
    plain, _, version = name.partition("@")
    exact = int(version) if version.isascii() and version.isdigit() else version or None
    with connected(url) as client:
        model = client.models.get(plain, exact)
    say(model_line(model), f"  digest {model.digest}")
    if model.aliased_as:
        say(f"  aliases: {', '.join(model.aliased_as)}")
    if model.classes:
        say(f"  labels: {', '.join(model.classes)}")
    if model.attributes:
        say(f"  labels, any of: {', '.join(model.attributes)}")
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
            rows.add_row(dataset.id, dataset.name, dataset.state, *counts, when(dataset.created_at))
    out().print(rows)


@datasets.command("show")
def show_dataset(dataset_id: str, url: Url = None) -> None:
    """One data set: size, classes, and its health report."""
    with connected(url) as client:
        dataset = client.datasets.get(dataset_id)
        say(describe(dataset))
        if dataset.labels:
            counts = ", ".join(f"{name} ({count})" for name, count in dataset.labels.items())
            say(f"  {'classes' if dataset.classes else 'attributes'}: {counts}")
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
