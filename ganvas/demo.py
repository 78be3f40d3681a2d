"""`ganvas demo`: from nothing to a grid of new creatures, with the real service."""

from pathlib import Path

from core.settings import Settings
from ganvas.client import Client
from ganvas.console import say
from ganvas.processes import Crew
from ganvas.service import Service
from ganvas.stop_signal import StopSignal
from ganvas.up import ready_line, running_service
from ganvas.watch import conclude, follow

NAME = "demo-sprites"
COUNT = 64  # images in the grid: 8 x 8


def demo(settings: Settings, crew: Crew, minutes: float, folder: Path) -> None:
    """Start, train, draw, and stay up until Ctrl-C. Raises what `up` and the client raise."""
    with StopSignal() as stop, running_service(settings, crew, stop) as service:
        if service is None:
            return
        say(ready_line(service))
        try:
            with stop.interrupting():
                train_and_draw(service, minutes, folder)
        except KeyboardInterrupt:
            say("The demo ends; `ganvas up` goes on with the training.")
            return
        say(f"The service stays up at {service.url} until Ctrl-C.")
        stop.wait(None)


def train_and_draw(service: Service, minutes: float, folder: Path) -> Path:
    """Train on the sample data set and write a grid of what the model makes of 64 seeds."""
    with Client(service.url) as client:
        say(f"Training {minutes:g} minutes on sample:sprites, which we draw ourselves.")
        job = follow(client.train("sample:sprites", minutes=minutes, name=NAME))
        conclude(job, service.url)
        output = job.output or {}
        model = f"{output['model']}@{output['version']}"
        grid = client.generate(0, model=model, n=COUNT)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{NAME}.png"
    path.write_bytes(grid)
    say(f"Wrote {path}: {COUNT} creatures that nobody has drawn.")
    return path
