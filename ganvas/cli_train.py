"""`ganvas train`: upload what is needed, start a training, or say what it would take."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from core.schemas import Job, JobState
from ganvas.client import Client
from ganvas.console import Stopped, Url, connected, say, service_url
from ganvas.fields import train_request
from ganvas.uploads import names_a_path
from ganvas.uploads import upload as upload_path
from ganvas.watch import conclude, follow, watch_or_say_how

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


Effort = Annotated[
    str | None,
    typer.Option(help="Instead: quick (10 minutes), standard (an hour), best (a night)."),
]


def train(
    source: Source = None,
    name: Name = None,
    minutes: Annotated[float | None, typer.Option(help="Default 10.")] = None,
    kimg: Annotated[float | None, typer.Option(help="Thousands of images instead.")] = None,
    steps: Annotated[int | None, typer.Option(help="Steps instead.")] = None,
    effort: Effort = None,
    resolution: Annotated[int | None, typer.Option(help="32, 64, 128 or 256.")] = None,
    seed: Annotated[int | None, typer.Option(help="Default 0.")] = None,
    preset: Annotated[str | None, typer.Option(help="Default auto.")] = None,
    option: Options = None,
    resume_from: ResumeFrom = None,
    init_from: InitFrom = None,
    label_map: LabelMap = None,
    priority: Priority = None,
    estimate: Annotated[
        bool, typer.Option("--estimate", help="Only say what it would take.")
    ] = False,
    watch: Annotated[bool, typer.Option("--watch", "-w", help="Show the progress.")] = False,
    url: Url = None,
) -> None:
    """Train a model; uploads the images first when given a folder or an archive."""
    wanted: dict[str, Any] = {"name": name, "minutes": minutes, "kimg": kimg, "steps": steps}
    wanted |= {"effort": effort}
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
        dataset = dataset_of(client, source, name, resume_from)
        if estimate:
            tell_estimate(follow(client.estimate(dataset or "", **fields)), service_url(url))
            return
        handle = client.train(dataset, **fields)
        say(f"Job {handle.id} {work_of(source, resume_from, init_from)}.")
        watch_or_say_how(handle, service_url(url), watch)


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


def tell_estimate(job: Job, url: str) -> None:
    """The figures of an estimate as sentences."""
    if job.state != JobState.SUCCEEDED:
        conclude(job, url)
    found, resolved = job.output or {}, job.resolved or {}
    size, recipe = resolved["options"].get("width"), resolved["recipe"]
    say(f"{resolved['architecture']}, width {size}, batch {recipe['batch']}, on {found['device']}:")
    say(
        f"  {found['seconds'] / 60:.1f} minutes at {found['images_per_second']:.0f} images/s: "
        f"{found['kimg']:.1f} thousand images, each about {found['epochs']:.1f} times"
    )
    gigabytes = {name: found[f"{name}_bytes"] / 1e9 for name in ("memory", "disk", "model")}
    say("  " + ", ".join(f"{name} {size:.2f} GB" for name, size in gigabytes.items()))
