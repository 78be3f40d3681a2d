"""The command `ganvas`."""

import os
import subprocess
import sys
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer

from ganvas import (
    cli_evaluate,
    cli_images,
    cli_inspect,
    cli_jobs,
    cli_lists,
    cli_models,
    cli_portable,
    cli_train,
)
from ganvas.console import (
    Commands,
    HomeFolder,
    Stopped,
    read_settings,
    say,
)
from ganvas.demo import demo as run_demo
from ganvas.processes import Crew, import_path
from ganvas.up import up as run_up

app = typer.Typer(
    cls=Commands,
    help="Upload images, train a GAN, get images by seed.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
app.command("generate")(cli_images.generate)
app.command("interpolate")(cli_images.interpolate)
app.command("train")(cli_train.train)
app.command("evaluate")(cli_evaluate.evaluate)
app.command("inspect")(cli_inspect.inspect)
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


@app.command()
def up(
    home: HomeFolder = None,
    host: Host = None,
    port: Port = None,
    generate_workers: Workers = None,
    api_workers: Annotated[
        int, typer.Option(min=1, max=64, help="Processes that answer on the one port.")
    ] = 1,
) -> None:
    """Start the whole service on this machine; Ctrl-C stops it."""
    settings = read_settings(home=home, host=host, port=port)
    usual = Crew.usual()
    run_up(settings, Crew(generate=generate_workers or usual.generate, api=api_workers))


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
    run_demo(settings, Crew.usual(), minutes, out)


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


def main() -> None:
    app()


if __name__ == "__main__":
    main()
