"""`ganvas models export|import|onnx|card|push|pull|store`: models on their way in and out."""

from pathlib import Path
from typing import Annotated

import typer
from rich.filesize import decimal

from core.schemas import JobState
from ganvas.cli_lists import models
from ganvas.client import Client
from ganvas.console import Stopped, Url, connected, out, say, service_url, table
from ganvas.handles import JobHandle
from ganvas.watch import conclude, follow, suggestions

Reference = Annotated[str, typer.Argument(metavar="NAME@V", help="NAME, NAME@3 or NAME@stable.")]
Target = Annotated[Path, typer.Argument(metavar="FILE", help="That is written.")]


@models.command("export")
def export(model: Reference, file: Target, url: Url = None) -> None:
    """Save a model as one zip that another service can import."""
    with connected(url) as client:
        name, version = meant(client, model)
        client.portable.export(name, version, file)
    say(f"Wrote {file} ({name}@{version}, {decimal(file.stat().st_size)}).")
    say(f"  take it in elsewhere: ganvas models import {file}")


@models.command("import")
def import_(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A zip of `ganvas models export`.")],
    name: Annotated[str | None, typer.Option(help="Default: as it was called there.")] = None,
    url: Url = None,
) -> None:
    """Take a model in from a zip."""
    if not file.is_file():
        raise Stopped(f"There is no file {file}.")
    with connected(url) as client:
        model = client.portable.import_(file, name)
    say(f"Model {model.name}@{model.version} is ready.", *suggestions(model.name, service_url(url)))


@models.command("onnx")
def onnx(model: Reference, file: Target, url: Url = None) -> None:
    """Save a model as an ONNX file, for programs without PyTorch."""
    with connected(url) as client:
        name, version = meant(client, model)
        client.portable.onnx(name, version, file)
    say(f"Wrote {file} ({name}@{version}). How to use it: docs/examples/onnx_generate.py")


@models.command("card")
def card(model: Reference, url: Url = None) -> None:
    """Print what is known of a model, as Markdown."""
    with connected(url) as client:
        say(client.portable.card(*meant(client, model)).rstrip())


@models.command("push")
def push(model: Reference, url: Url = None) -> None:
    """Write a model to the store of the service (GANVAS_STORE)."""
    with connected(url) as client:
        name, version = meant(client, model)
        output = finished(client.portable.push(name, version), url)
    say(f"{name}@{version} is in the store as {output['file']}.")


@models.command("pull")
def pull(
    name: Annotated[str, typer.Argument(metavar="NAME", help="NAME or NAME@3.")],
    file: Annotated[str | None, typer.Option(help="One of `ganvas models store`.")] = None,
    url: Url = None,
) -> None:
    """Fetch a model from the store of the service."""
    plain, at, number = name.partition("@")
    if at and not (number.isascii() and number.isdigit()):
        raise Stopped(f"{name!r} names no version: write {plain or 'cats'}@1.")
    version = int(number) if number else None
    with connected(url) as client:
        output = finished(client.portable.pull(plain, version, file), url)
    known = "is ready" if output["new"] else "was here already"
    say(f"Model {output['model']}@{output['version']} {known} ({output['file']}).")


@models.command("store")
def store(url: Url = None) -> None:
    """List what is in the store of the service."""
    with connected(url) as client:
        rows = table("MODEL", "SIZE", "FILE")
        for found in client.portable.store().data:
            rows.add_row(f"{found.name}@{found.version}", decimal(found.bytes), found.file)
    out().print(rows)


def meant(client: Client, reference: str) -> tuple[str, int]:
    """The version that is meant: `cats`, `cats@3` or `cats@stable`."""
    name, _, selector = reference.partition("@")
    known = selector.isascii() and selector.isdigit()
    model = client.models.get(name, int(selector) if known else selector or None)
    return model.name, model.version


def finished(handle: JobHandle, url: str | None) -> dict[str, object]:
    """The output of a job that is waited for. Raises Stopped unless it succeeded."""
    job = follow(handle)
    if job.state != JobState.SUCCEEDED:
        conclude(job, service_url(url))
    return job.output or {}
