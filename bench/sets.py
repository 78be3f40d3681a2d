"""Image sets of the benchmarks, prepared once in a folder as the service prepares them."""

from pathlib import Path

from bench.landscapes import write_landscapes
from worker.data import Dataset, open_dataset
from worker.ingest.ingest import ingest
from worker.sprites import Sprites

DRAWN = 4000  # images of a set that is drawn here
MEMORY = 2**33


def opened(name: str, resolution: int, cache: Path) -> Dataset:
    """The set `name` at a resolution: `sprites`, `landscapes` or the path of an archive."""
    folder = cache / f"{Path(name).stem}-{resolution}"
    if not (folder / "dataset.json").exists():
        cache.mkdir(parents=True, exist_ok=True)
        for _ in ingest(_source(name, resolution, cache), folder):
            pass
    return open_dataset(folder, resolution, memory=MEMORY)


def _source(name: str, resolution: int, cache: Path) -> Path | Sprites:
    if name == "sprites":
        return Sprites(count=DRAWN, resolution=resolution)
    if name == "landscapes":
        return write_landscapes(cache / f"landscapes-{resolution}-png", DRAWN, resolution)
    return Path(name)
