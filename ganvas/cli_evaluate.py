"""`ganvas evaluate`: how good a model is, in figures."""

from typing import Annotated, Any

import typer

from core.schemas import JobState
from ganvas.console import Url, connected, out, say, service_url
from ganvas.fields import evaluate_request
from ganvas.figures import figures
from ganvas.transport import GanvasAPIError
from ganvas.watch import conclude, follow

Reference = Annotated[str, typer.Argument(metavar="MODEL", help="A name, or name@version.")]
Count = Annotated[int | None, typer.Option("--n", help="Images made; default 2000.")]
Dataset = Annotated[
    str | None, typer.Option(help="Images to compare with; default: those it was trained on.")
]
Space = Annotated[str | None, typer.Option(help="Of the features; see GET /v1/catalogue.")]
Seed = Annotated[int | None, typer.Option(help="Of the first image; default 0.")]
Wait = Annotated[bool, typer.Option("--wait", "-w", help="Wait for the figures and show them.")]


def evaluate(
    model: Reference,
    n: Count = None,
    dataset: Dataset = None,
    space: Space = None,
    seed: Seed = None,
    wait: Wait = False,
    url: Url = None,
) -> None:
    """Measure how good a model is; the result lands in its card."""
    given: dict[str, Any] = {"n": n, "dataset": dataset, "space": space, "seed": seed}
    fields = {name: value for name, value in given.items() if value is not None}
    evaluate_request(model, **fields)
    with connected(url) as client:
        handle = client.evaluate(model, **fields)
        named = f"{handle.job.input.get('model', model)}@{handle.job.input.get('version', '')}"
        say(f"Job {handle.id} evaluates {named.rstrip('@')}.")
        if not wait:
            say(f"  wait for it: ganvas jobs watch {handle.id}")
            return
        job = follow(handle)
        if job.state != JobState.SUCCEEDED:
            conclude(job, service_url(url))
        try:
            known = client.catalogue().get("metrics")
        except GanvasAPIError:  # no worker lives at this moment: the figures are there all the same
            known = None
    out().print(figures(job, known))
