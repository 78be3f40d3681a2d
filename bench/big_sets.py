"""Trainings on sets that stay on disk: does an image cost the same in a large one, and what fills
the memory? Each set is trained on in a process of its own."""

import json
import multiprocessing
import shutil
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bench.pieces import Trainer, spec_for
from worker.data import Sampler, open_dataset
from worker.device import Device
from worker.evaluation.reals import begin_array

RESOLUTION, CHANNELS = 64, 3
TILE = 1000  # different images; a larger set repeats them
SPARE = 2 * 10**9  # bytes that are left free
FETCHED = 4000  # images whose way into memory is timed
MEGA = 10**6


@dataclass(frozen=True, kw_only=True)
class Found:
    """Memory in MB: of the process alone, and of files that it shows. `fetch`: microseconds that
    the processor spends on getting one image."""

    rate: float
    fetch: float
    own: float
    files: float


def measured(
    counts: list[int], device: Device, seconds: float, where: Path
) -> Iterator[tuple[int, Found]]:
    """What training on generated sets of these sizes takes; each is removed afterwards."""
    needed = max(counts, default=0) * RESOLUTION**2 * CHANNELS + SPARE
    free = shutil.disk_usage(where).free
    if counts and free < needed:
        raise SystemExit(
            f"{where} has {free / 1e9:.1f} GB free, the largest set needs {needed / 1e9:.1f} GB; "
            "name another folder with --dir, or smaller --sets"
        )
    for count in counts:
        folder = where / f"set-{count}"
        written(folder, count)
        with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
            yield count, pool.submit(trained, folder, device, seconds).result()
        shutil.rmtree(folder)


def written(folder: Path, count: int) -> None:
    """A prepared set of so many images, written as fast as the disk takes it."""
    folder.mkdir(parents=True)
    random = np.random.default_rng(0)
    coarse = random.integers(0, 256, (TILE, 8, 8, CHANNELS), np.uint8)
    tile = coarse.repeat(RESOLUTION // 8, 1).repeat(RESOLUTION // 8, 2)
    with open(folder / f"images-{RESOLUTION}.npy", "wb") as file:
        begin_array(file, (count, *tile.shape[1:]))
        for start in range(0, count, TILE):
            file.write(tile[: count - start].tobytes())
    card = {"images": count, "channels": CHANNELS, "resolutions": [RESOLUTION]}
    (folder / "dataset.json").write_text(json.dumps(card | {"classes": [], "sha256": "0" * 64}))


def trained(folder: Path, device: Device, seconds: float) -> Found:
    """The same training on any set, always from the file."""
    data = open_dataset(folder, RESOLUTION, memory=0)
    spec = spec_for(data, device, {"width": 12, "augment": [], "augment_p": 0.0})
    trainer = Trainer(spec, data, device, folder / "job")
    rates, memory = list[float](), [resident()]
    for _ in range(max(round(seconds), 1)):
        rates.append(trainer.run(1.0))
        memory.append(resident())
    sampler, batch = Sampler(len(data), 1), spec.recipe.batch
    sampler.take(1)  # makes the order of an epoch: once for all of its images
    begun = time.process_time()
    for _ in range(FETCHED // batch):
        data.rows(sampler.take(batch))
    return Found(
        rate=sum(rates) / len(rates),
        fetch=(time.process_time() - begun) / FETCHED * 1e6,
        own=max(own for own, _ in memory) / MEGA,
        files=max(files for _, files in memory) / MEGA,
    )


def resident() -> tuple[int, int]:
    """Bytes of this process in memory: its own, and pages of mapped files. What the system keeps of
    files that are read belongs to nobody, and is given up when anybody needs room."""
    lines = Path("/proc/self/status").read_text().splitlines()
    sizes = {name: value for name, value in (line.split(":", 1) for line in lines)}
    own, files = (int(sizes[name].split()[0]) * 1024 for name in ("RssAnon", "RssFile"))
    return own, files
