"""Uploading from the command line: the bar, and what the service found in the images."""

from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

from core.schemas import Dataset
from ganvas.client import Client
from ganvas.console import SHOWN, Stopped, say
from ganvas.packing import ARCHIVES


def names_a_path(text: str) -> bool:
    """Whether an argument means a folder or archive here rather than a data set's id or name."""
    path = Path(text).expanduser()
    if path.exists():
        return True
    if "/" in text or text.lower().endswith(tuple(ARCHIVES)):
        raise Stopped(f"There is no file or folder {text}.")
    return False


def upload(client: Client, path: Path, name: str | None) -> Dataset:
    """Upload a folder or archive with a bar and say what came of it."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(bar_width=32),
        DownloadColumn(),
        TransferSpeedColumn(),
    )
    with Progress(*columns, console=Console(stderr=True)) as bar:
        row = bar.add_task("packing" if path.is_dir() else "uploading", total=None)

        def show(sent: int, total: int) -> None:
            words = "preparing" if sent == total else "uploading"
            bar.update(row, completed=sent, total=total, description=words)

        dataset = client.datasets.upload(path, name, show)
    say(describe(dataset), *report_lines(dataset.id, client.datasets.report(dataset.id)))
    return dataset


def describe(dataset: Dataset) -> str:
    """One line: id, name, how many images of what size."""
    if dataset.state != "ready":
        return f"Data set {dataset.id} ({dataset.name}) is being prepared."
    sizes = ", ".join(str(resolution) for resolution in dataset.resolutions)
    classes = f", {len(dataset.classes)} classes" if dataset.classes else ""
    classes += f", {len(dataset.attributes)} attributes" if dataset.attributes else ""
    return (
        f"Data set {dataset.id} ({dataset.name}): {dataset.images} images "
        f"at {sizes} px{classes}, {dataset.skipped} skipped."
    )


def report_lines(dataset_id: str, report: dict[str, Any], *, every: bool = False) -> list[str]:
    """The first skipped files (or every one) with the reason, and the warnings."""
    skipped = report.get("skipped") or []
    shown = skipped if every else skipped[:SHOWN]
    lines = [f"  skipped {entry['file']}: {entry['reason']}" for entry in shown]
    if len(skipped) > len(shown):
        lines.append(f"  and {len(skipped) - SHOWN} more: see `ganvas datasets show {dataset_id}`")
    if duplicates := report.get("duplicate_count"):
        lines.append(f"  {duplicates} copies of other images were left out")
    return lines + [f"  note: {text}" for text in (report.get("warnings") or [])[:SHOWN]]
