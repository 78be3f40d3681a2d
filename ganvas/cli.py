"""The command `ganvas`."""

import json
import os
import subprocess
import sys
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote

import typer

from ganvas import cli_evaluate, cli_jobs, cli_lists, cli_models, cli_portable
from ganvas.client import Client
from ganvas.console import (
    Commands,
    HomeFolder,
    Stopped,
    Url,
    connected,
    read_settings,
    say,
    service_url,
)
from ganvas.demo import demo as run_demo
from ganvas.fields import train_request
from ganvas.processes import import_path, usual_generate_workers
from ganvas.up import up as run_up
from ganvas.uploads import names_a_path
from ganvas.uploads import upload as upload_path
from ganvas.watch import watch_or_say_how

app = typer.Typer(
    cls=Commands,
    help="Upload images, train a GAN, get images by seed.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
app.command("evaluate")(cli_evaluate.evaluate)
app.add_typer(cli_jobs.jobs, name="jobs")
app.add_typer(cli_portable.models, name="models")
app.add_typer(cli_lists.datasets, name="datasets")
app.command("storage")(cli_models.storage)

Host = Annotated[str | None, typer.Option(help="Address to listen on; default 127.0.0.1.")]
Port = Annotated[
    int | None, typer.Option(min=0, max=65535, help="Default 8000; 0 takes any free one.")
]
Workers = Annotated[
    int | None, typer.Option(min=1, max=64, help="Default: one for two cores.", show_default=False)
]
Name = Annotated[str | None, typer.Option(help="Of the model and, if uploaded, the data set.")]
Options = Annotated[
    list[str] | None, typer.Option("-o", "--option", help="key=value; see GET /v1/catalogue.")
]
Source = Annotated[str | None, typer.Argument(help="Folder, archive, data set, or sample:sprites.")]
ResumeFrom = Annotated[
    str | None,
    typer.Option(metavar="JOB", help="Go on from the last checkpoint of a job that ended."),
]
InitFrom = Annotated[
    str | None, typer.Option(metavar="MODEL", help="Begin with the weights of a model.")
]
LabelMap = Annotated[
    list[str] | None,
    typer.Option(metavar="NEW=OLD", help="With --init-from: a new class begins as an old one."),
]
Priority = Annotated[int | None, typer.Option(help="-10 to 10; higher goes first.")]


@app.command()
def up(
    home: HomeFolder = None,
    host: Host = None,
    port: Port = None,
    generate_workers: Workers = None,
) -> None:
    """Start the whole service on this machine; Ctrl-C stops it."""
    settings = read_settings(home=home, host=host, port=port)
    run_up(settings, generate_workers or usual_generate_workers())


@app.command()
def demo(
    minutes: Annotated[float, typer.Option(min=0.01, help="Of training.")] = 4.0,
    home: HomeFolder = None,
    host: Host = None,
    port: Port = None,
    out: Annotated[Path, typer.Option(help="Folder for the grid of images.")] = Path("out"),
) -> None:
    """Start the service, train on sample:sprites, and draw a grid of new creatures."""
    settings = read_settings(home=home, host=host, port=port)
    run_demo(settings, usual_generate_workers(), minutes, out)


@app.command()
def train(
    source: Source = None,
    name: Name = None,
    minutes: Annotated[float | None, typer.Option(help="Default 10.")] = None,
    kimg: Annotated[float | None, typer.Option(help="Thousands of images instead.")] = None,
    steps: Annotated[int | None, typer.Option(help="Steps instead.")] = None,
    resolution: Annotated[int | None, typer.Option(help="32, 64, 128 or 256.")] = None,
    seed: Annotated[int | None, typer.Option(help="Default 0.")] = None,
    preset: Annotated[str | None, typer.Option(help="Default auto.")] = None,
    option: Options = None,
    resume_from: ResumeFrom = None,
    init_from: InitFrom = None,
    label_map: LabelMap = None,
    priority: Priority = None,
    watch: Annotated[bool, typer.Option("--watch", "-w", help="Show the progress.")] = False,
    url: Url = None,
) -> None:
    """Train a model; uploads the images first when given a folder or an archive."""
    wanted: dict[str, Any] = {"name": name, "minutes": minutes, "kimg": kimg, "steps": steps}
    wanted |= {"resolution": resolution, "seed": seed, "preset": preset, "priority": priority}
    wanted |= {"resume_from": resume_from, "init_from": init_from}
    fields = {key: value for key, value in wanted.items() if value is not None}
    if option:
        fields["options"] = dict(parse_option(text) for text in option)
    if label_map:
        fields["label_map"] = dict(parse_label(text) for text in label_map)
    if source is None and resume_from is None:
        raise Stopped("Say what to train on: a folder, an archive, a data set, or sample:sprites.")
    train_request(source, **fields)  # mistakes are told before a long upload, not after it
    with connected(url) as client:
        handle = client.train(dataset_of(client, source, name, resume_from), **fields)
        say(f"Job {handle.id} {work_of(source, resume_from, init_from)}.")
        watch_or_say_how(handle, service_url(url), watch)


@app.command()
def generate(
    seed: Annotated[str | None, typer.Option(help="A number or any text; default: random.")] = None,
    output: Annotated[Path | None, typer.Option("-o", "--output", help="Image file.")] = None,
    model: Annotated[str | None, typer.Option(help="Name, name@version or job:ID.")] = None,
    label: Annotated[
        str | None, typer.Option(help="A class; of attributes any, as in `hat,smiling`, or none.")
    ] = None,
    psi: Annotated[float | None, typer.Option(help="0..1: less variety, fewer oddities.")] = None,
    size: Annotated[int | None, typer.Option(help="Pixels a side.")] = None,
    n: Annotated[int | None, typer.Option(min=1, help="A grid of this many.")] = None,
    format: Annotated[str | None, typer.Option(help="png, webp or jpeg.")] = None,
    url: Url = None,
) -> None:
    """Make one image (or a grid) and write it to a file."""
    kind = format or image_format(output)
    with connected(url) as client:
        image = client.generate(
            seed, model=model, label=label, psi=psi, size=size, n=n, format=kind
        )
    shown = quote(str(image.seed or seed), safe=",")
    path = output or Path(f"{(image.model or 'image').replace('@', '-')}-{shown}.{kind}")
    path.write_bytes(image)
    say(f"Wrote {path} (model {image.model}, seed {image.seed or seed}).")


@app.command()
def sprites(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Created if missing.")],
    n: Annotated[int, typer.Option("--n", min=1, help="How many.")] = 1000,
    resolution: Annotated[int, typer.Option(help="Pixels a side.")] = 64,
    seed: int = 0,
) -> None:
    """Draw the sample images with their labels into a folder, to look at or to train on."""
    if find_spec("PIL") is None:
        raise Stopped("Drawing needs the worker's packages: pip install 'ganvas[worker]'")
    arguments = [str(folder), "--n", str(n), "--resolution", str(resolution), "--seed", str(seed)]
    done = subprocess.run(
        [sys.executable, "-m", "worker.sprites", *arguments],
        env={**os.environ, **import_path(os.environ)},
    )
    if done.returncode:
        raise typer.Exit(done.returncode)
    say(f"Wrote {n} sprites to {folder}. Train on them: ganvas train {folder} --watch")


@app.command()
def version() -> None:
    """The installed version."""
    try:
        say(metadata.version("ganvas"))
    except metadata.PackageNotFoundError:
        raise Stopped("This source tree is not installed: make setup") from None


def dataset_of(
    client: Client, source: str | None, name: str | None, resume_from: str | None
) -> str | None:
    """The data set that `source` names, uploaded if it is a folder or an archive."""
    if source is None or not names_a_path(source):
        return source
    if resume_from is not None:
        raise Stopped(f"A continued training keeps its images: leave {source} out.")
    return upload_path(client, Path(source).expanduser(), name).id


def work_of(source: str | None, resume_from: str | None, init_from: str | None) -> str:
    if resume_from is not None:
        return f"goes on from {resume_from}"
    return f"trains on {source}" + (f", beginning as {init_from}" if init_from else "")


def parse_label(text: str) -> tuple[str, str | None]:
    """`lynx=tabby` as a pair of classes; `lynx=` means the mean of all old ones."""
    new, equals, old = text.partition("=")
    if not equals or not new:
        raise Stopped(f"Write classes as new=old, not {text!r}.")
    return new, old or None


def parse_option(text: str) -> tuple[str, Any]:
    """`lr=0.002` as a pair; the value is JSON, or else text."""
    key, equals, value = text.partition("=")
    if not equals or not key:
        raise Stopped(f"Write options as key=value, not {text!r}.")
    try:
        return key, json.loads(value)
    except ValueError:
        return key, value


def image_format(output: Path | None) -> str:
    """By the file's ending; png when there is none."""
    ending = output.suffix.lower().removeprefix(".") if output else ""
    return {"jpg": "jpeg", "jpeg": "jpeg", "webp": "webp"}.get(ending, "png")


def main() -> None:
    app()


if __name__ == "__main__":
    main()
