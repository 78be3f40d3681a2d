"""How fast data sets are taken in: `python -m bench.ingest [ARCHIVE ...]` prints a table.

Without arguments: the shared test sets where they are present, 8,000 PNGs of 64 px of our own, and
as many sprites. Each runs in a fresh process; memory is the largest sum over it and its decoders.
"""

import argparse
import io
import itertools
import multiprocessing
import tempfile
import time
import zipfile
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import psutil

from worker.ingest.ingest import IngestSpec, ingest
from worker.sprites import Sprites, draw

SHARED = Path(__file__).parents[2] / "shared" / "data"
COUNT = 8000


def generated(path: Path) -> Path:
    """A zip of PNGs with much detail, so that decoding them is real work."""
    with zipfile.ZipFile(path, "w") as archive:
        for index in range(COUNT):
            stream = io.BytesIO()
            draw(0, index, 64)[0].save(stream, "PNG")
            archive.writestr(f"images/{index}.png", stream.getvalue())
    return path


def measure(source: Path | Sprites, processes: int) -> tuple[int, float, float]:
    """(images, seconds, peak MiB of this process and its decoders together)"""
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        events = ingest(source, Path(folder) / "set", IngestSpec(processes=processes))
        peak = 0.0
        for count in itertools.count():
            try:
                next(events)
            except StopIteration as end:
                return end.value.images, time.perf_counter() - start, peak
            if count % 20 == 0:
                peak = max(peak, _memory())
    raise AssertionError


def _memory() -> float:
    this = psutil.Process()
    family = [this, *this.children(recursive=True)]
    return sum(process.memory_info().rss for process in family) / 2**20


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.ingest", description=__doc__)
    parser.add_argument("archives", nargs="*", type=Path, metavar="ARCHIVE")
    parser.add_argument("--processes", type=int, default=IngestSpec().processes)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        sources: dict[str, Path | Sprites] = {path.name: path for path in given.archives}
        if not sources:
            sources = {path.name: path for path in sorted(SHARED.glob("*.zip"))}
            sources["generated-64.zip"] = generated(Path(folder) / "generated-64.zip")
            sources["sample:sprites"] = Sprites(count=COUNT, resolution=64)
        print(f"{given.processes} decoder processes")
        print(f"{'source':20} {'images':>8} {'seconds':>8} {'images/s':>9} {'MiB':>6}")
        for name, source in sources.items():
            with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
                images, seconds, peak = pool.submit(measure, source, given.processes).result()
            print(f"{name:20} {images:8} {seconds:8.2f} {images / seconds:9.0f} {peak:6.0f}")


if __name__ == "__main__":
    main()
