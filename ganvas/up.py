"""`ganvas up`: the whole service with one command, until Ctrl-C."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.markup import escape

from core.settings import Settings
from ganvas.processes import Crew
from ganvas.service import Service
from ganvas.stop_signal import StopSignal


def up(settings: Settings, crew: Crew) -> None:
    """Run the service until Ctrl-C, SIGTERM or SIGHUP. Raises LaunchError, AlreadyRunning."""
    with StopSignal() as stop, running_service(settings, crew, stop) as service:
        if service is not None:
            print(ready_line(service), flush=True)
            stop.wait(None)


@contextmanager
def running_service(settings: Settings, crew: Crew, stop: StopSignal) -> Iterator[Service | None]:
    """A service that is ready (None: told to stop before), ended in any case."""
    console = Console(stderr=True)
    service = Service(settings, os.environ, crew, _reporter(console))
    try:
        service.start()
        with console.status("starting") as status:
            ready = service.wait_ready(stop, lambda text: status.update(escape(text)))
        yield service if ready else None
    finally:
        service.stop()


def ready_line(service: Service) -> str:
    home = str(service.settings.home)
    user = str(Path.home())
    shown = "~" + home.removeprefix(user) if home.startswith(user + os.sep) else home
    return f"Ganvas is ready at {service.url} (docs at /docs), home {shown}. Ctrl-C stops it."


def _reporter(console: Console) -> Callable[[str], None]:
    return lambda text: console.print(
        text, style="yellow", markup=False, highlight=False, soft_wrap=True
    )
