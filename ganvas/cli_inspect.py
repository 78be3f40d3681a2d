"""`ganvas inspect`: what made an image, and where it can be had again."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from core.facts import Inspection
from core.generation import Point
from ganvas.console import Stopped, Url, connected, say, service_url
from ganvas.transport import GanvasAPIError

Files = Annotated[list[Path], typer.Argument(metavar="FILE...", help="PNG, WebP or JPEG.")]


def inspect(files: Files, url: Url = None) -> None:
    """Say which model and seed made an image, as its file tells."""
    failures: list[str] = []
    address = service_url(url)
    with connected(address) as client:
        for file in files:
            try:
                say(
                    f"{file}: {made_by(found := client.inspect(file))}",
                    *whereabouts(found, address),
                )
            except (GanvasAPIError, OSError) as error:
                detail = error.detail if isinstance(error, GanvasAPIError) else error.strerror
                failures.append(f"{file}: {detail}")
    if failures:
        raise Stopped(f"{len(failures)} of {len(files)} files say nothing.", *failures)


def made_by(found: Inspection) -> str:
    """`cats@3, seed 42, psi 0.7, label tabby`"""
    facts = found.metadata
    names = {"label", "size", *Point.model_fields}
    told = facts.model_dump(include={"seed"}, exclude_none=True) | {"psi": f"{facts.psi:g}"}
    told |= facts.model_dump(include=names, exclude_none=True)
    parts = [f"{name.replace('_', ' ')} {_listed(value)}" for name, value in told.items()]
    return ", ".join([f"{facts.model}@{facts.version}", *parts])


def whereabouts(found: Inspection, address: str) -> Iterator[str]:
    """The line below it: the image's address, or why it has none here."""
    if found.url is not None:
        yield f"  again: {address}{found.url}"
    elif found.known:
        yield "  the model is here, but it cannot make this"
    else:
        yield f"  this service does not have the model (digest {found.metadata.digest[:12]})"


def _listed(value: Any) -> str:
    return ",".join(map(str, value)) if isinstance(value, tuple) else str(value)
