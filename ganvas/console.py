"""What all commands share: where the service is, how answers and errors are shown."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import ValidationError
from rich.console import Console
from rich.table import Table
from typer.core import TyperGroup

from core.errors import GanvasError
from core.settings import Settings
from ganvas.client import Client
from ganvas.home_lock import AlreadyRunning, running
from ganvas.packing import UnusableSource
from ganvas.redis_server import LaunchError
from ganvas.transport import GanvasAPIError, Unreachable

DEFAULT_URL = "http://127.0.0.1:8000"
SHOWN = 5  # lines of detail below an error
FAILED, ALREADY_RUNNING, INTERRUPTED = 1, 3, 130  # exit codes

Url = Annotated[
    str | None,
    typer.Option("--url", envvar="GANVAS_URL", help="The service; default: the one that runs."),
]
HomeFolder = Annotated[
    Path | None, typer.Option("--home", help="Folder of all data; default ~/.ganvas.")
]

Limit = Annotated[int, typer.Option("--limit", min=1, max=1000, help="How many to show.")]


class Stopped(Exception):
    """A command that ends without success has said why; `code` is its exit code."""

    def __init__(self, text: str, *details: str, code: int = FAILED) -> None:
        super().__init__(text)
        self.details = details
        self.code = code


class Commands(TyperGroup):
    """A command group that shows expected errors in one red line, without a traceback."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except Exception as error:
            shown = explain(error)
            if shown is None:
                raise
            console = Console(stderr=True, highlight=False, soft_wrap=True)
            console.print(str(shown), style="red", markup=False)
            for line in shown.details:
                console.print(f"  {line}", markup=False)
            raise typer.Exit(shown.code) from None


def explain(error: Exception) -> Stopped | None:
    """An expected error as what the command line says about it; None for our own mistakes."""
    match error:
        case Stopped():
            return error
        case GanvasAPIError():
            return Stopped(error.detail, *_listed(error))
        case AlreadyRunning():
            return Stopped(str(error), code=ALREADY_RUNNING)
        case ValidationError():
            return Stopped("This is not valid.", *map(_problem, error.errors()))
        case LaunchError() | GanvasError() | UnusableSource() | OSError():
            return Stopped(str(error))
    return None


def _problem(entry: Any) -> str:
    """One mistake that pydantic found: where, and what."""
    place = ".".join(map(str, entry["loc"]))
    return ": ".join(filter(None, (place, entry["msg"].removeprefix("Value error, "))))


def _listed(error: GanvasAPIError) -> list[str]:
    """The places of the error, a line each, unless the detail says the same already."""
    entries = [[str(value) for value in entry.values()] for entry in error.errors]
    lines = [": ".join(texts) for texts in entries if texts and texts[-1] not in error.detail]
    more = len(lines) - SHOWN
    return [*lines[:SHOWN], f"and {more} more"] if more > 0 else lines


def service_url(url: str | None) -> str:
    """The given address, or that of the service that runs on our home folder."""
    if url:
        return url
    found = running(read_settings().home)
    return found.url if found else DEFAULT_URL


def read_settings(**given: Any) -> Settings:
    """The settings of the environment, with what the command line gave instead."""
    return Settings(**{name: value for name, value in given.items() if value is not None})


@contextmanager
def connected(url: str | None) -> Iterator[Client]:
    """A client of the service; says how to start it when nobody answers."""
    address = service_url(url)
    with Client(address, retries=2) as client:
        try:
            yield client
        except Unreachable as error:
            raise Stopped(
                f"Ganvas does not answer at {address}. Start it with: ganvas up", str(error)
            ) from error


def out() -> Console:
    """Standard output. Into a pipe or file, lines are as long as they need to be."""
    console = Console(highlight=False)
    return console if console.is_terminal else Console(highlight=False, width=400)


def say(*lines: str) -> None:
    for line in lines:
        print(line, file=sys.stdout, flush=True)


def when(time: datetime) -> str:
    return time.astimezone().strftime("%Y-%m-%d %H:%M")


def table(*columns: str) -> Table:
    shown = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        shown.add_column(column, overflow="fold")
    return shown
