"""How fast trainings are: `python -m bench.training` prints one table.

Our trainer as a job runs it, against the same game in a loop written by hand with nothing around
it (the limit), and against the well-known DCGAN tutorial, in turns. Then our trainer over
resolutions and batches, over architectures, and over the size of the data set.
"""

import argparse
import platform
import statistics
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from bench import big_sets, plain_dcgan
from bench.bare import Bare
from bench.pieces import Piece, Trainer, Tutorial, spec_for
from bench.sets import opened
from models.registry import architectures
from worker.data import Dataset
from worker.device import Device, probe
from worker.machine import usable_cores
from worker.spec import TrainSpec

FLAGS = ("avx2", "avx512f", "avx512_bf16", "amx_bf16")
RESOLUTIONS, BATCHES, WIDTH = (32, 64, 128, 256), (8, 16, 32), 12
OURS, OURS_FP32, LIMITS = "ours", "ours, float32", ("bare, pairs", "bare, torch's threads")
SAME_NETWORK, TUTORIAL = "ours, the tutorial's DCGAN", "tutorial DCGAN, float32"
DCGAN = {
    "architecture": "dcgan",
    "width": plain_dcgan.WIDTH,
    "batch": plain_dcgan.BATCH,
    "gamma": 0,
    "augment": [],
}
Row = tuple[str, str, str, str]


def machine(device: Device) -> str:
    """What the figures depend on, in a sentence."""
    flags = Path("/proc/cpuinfo").read_text().split() if Path("/proc/cpuinfo").exists() else []
    known = ", ".join(flag for flag in FLAGS if flag in flags) or platform.machine()
    layout = "channels last" if device.channels_last else "channels first"
    return (
        f"{usable_cores()} cores ({known}), torch {torch.__version__}, {device.name}: "
        f"{device.dtype}, {layout}"
    )


def limits(spec: TrainSpec, device: Device, seconds: float) -> dict[str, tuple[Piece, str]]:
    """The bare loop with pairs and without, each in the precision and layout that serve it best."""
    chosen = {}
    for name, pairs in zip(LIMITS, (device.hands(spec.recipe.batch), 1), strict=True):
        tried = []
        for dtype in ("float32", "bfloat16"):
            for last in (True, False):
                loop = Bare(spec, replace(device, dtype=dtype, channels_last=last), pairs=pairs)
                layout = "last" if last else "first"
                tried.append((loop.run(seconds), loop, f"{dtype}, channels {layout}"))
        _, loop, how = max(tried, key=lambda one: one[0])
        chosen[name] = loop, how
    return chosen


def compared(data: Dataset, device: Device, given: argparse.Namespace, dir: Path) -> Iterator[Row]:
    """Ours, the limit and the tutorial in turns: medians, and what lies between the rounds."""
    spec = spec_for(data, device, {})
    bare = limits(spec, device, given.pilot)
    exact = replace(device, dtype="float32")
    pieces: dict[str, Piece] = {
        OURS: Trainer(spec, data, device, dir / "ours"),
        **{name: loop for name, (loop, _) in bare.items()},
        OURS_FP32: Trainer(spec_for(data, exact, spec.options), data, exact, dir / "fp32"),
        SAME_NETWORK: Trainer(spec_for(data, device, DCGAN), data, device, dir / "dcgan"),
        TUTORIAL: Tutorial(data, device.threads),
    }
    rates: dict[str, list[float]] = {name: [] for name in pieces}
    for _ in range(given.rounds):
        for name, piece in pieces.items():
            torch.set_num_threads(piece.threads)
            rates[name].append(piece.run(given.seconds))
    best = max(LIMITS, key=lambda name: statistics.median(rates[name]))
    notes = {name: f"the limit: {how}" for name, (_, how) in bare.items()}
    notes[OURS] = f"{100 * ratio(rates[OURS], rates[best]):.1f} % of {best}"
    notes[OURS_FP32] = f"{ratio(rates[OURS], rates[OURS_FP32]):.2f} x as fast: ours"
    notes[SAME_NETWORK] = f"{ratio(rates[SAME_NETWORK], rates[TUTORIAL]):.2f} x the tutorial's loop"
    for name, found in rates.items():
        spread = f"{min(found):.1f} to {max(found):.1f}"
        yield name, f"{statistics.median(found):.1f}", spread, notes.get(name, "")


def ratio(one: list[float], other: list[float]) -> float:
    """Median over the rounds, whose halves lie near in time."""
    return statistics.median(a / b for a, b in zip(one, other, strict=True))


def curve(device: Device, seconds: float, dir: Path) -> Iterator[Row]:
    """One width over resolutions and batches."""
    for resolution in RESOLUTIONS:
        data = noise(resolution)
        for batch in BATCHES:
            spec = spec_for(data, device, {"width": WIDTH, "batch": batch, "augment_p": 0.0})
            trainer = Trainer(spec, data, device, dir / f"{resolution}-{batch}", warm_up=2)
            name = f"{resolution} px, batch {batch}"
            yield name, f"{trainer.run(seconds):.1f}", "", f"{spec.architecture}, width {WIDTH}"


def every_architecture(device: Device, seconds: float, dir: Path) -> Iterator[Row]:
    """Each with the recipe that it brings, at 64 px or at most."""
    for name, architecture in architectures().items():
        resolution = max(side for side in (16, 32, 64) if architecture.paints(side))
        data = noise(resolution)
        spec = spec_for(data, device, {"architecture": name, "augment_p": 0.0})
        trainer = Trainer(spec, data, device, dir / f"by-{name}", warm_up=2)
        told = f"width {spec.options.get('width', '-')}, batch {spec.recipe.batch}"
        yield f"{name}, {resolution} px", f"{trainer.run(seconds):.1f}", "", told


def sizes(device: Device, given: argparse.Namespace, dir: Path) -> Iterator[Row]:
    """The same training on ever larger sets."""
    for count, found in big_sets.measured(given.sets, device, given.sets_seconds, dir):
        memory = f"{found.own:.0f} MB own, {found.files:.0f} MB of mapped files"
        told = f"{found.fetch:.1f} us to fetch an image, {memory}"
        yield f"{count:,} images on disk", f"{found.rate:.1f}", "", told


def noise(resolution: int, count: int = 512) -> Dataset:
    images = np.random.default_rng(0).integers(0, 256, (count, resolution, resolution, 3), np.uint8)
    return Dataset(images=images, labels=None, classes=(), sha256="0" * 64)


def rows(given: argparse.Namespace, device: Device, dir: Path) -> Iterator[Row]:
    if given.seconds:
        sprites = replace(opened("sprites", 64, dir), labels=None, classes=())
        yield from compared(sprites, device, given, dir)
    if given.curve:
        yield from curve(device, given.curve, dir)
    if given.architectures:
        yield from every_architecture(device, given.architectures, dir)
    yield from sizes(device, given, dir)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.training", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    told = "seconds of %s; 0: leave it out"
    parser.add_argument("--seconds", type=float, default=20.0, help=told % "each piece in a round")
    parser.add_argument("--pilot", type=float, default=2.0, help="seconds of each bare loop tried")
    parser.add_argument("--curve", type=float, default=5.0, help=told % "each size and batch")
    parser.add_argument("--architectures", type=float, default=5.0, help=told % "each architecture")
    parser.add_argument("--sets", default="", help="numbers of images, as 1000,100000,1000000")
    parser.add_argument("--sets-seconds", type=float, default=20.0, help="seconds of each of them")
    parser.add_argument(
        "--dir", type=Path, help="for temporary files; 1,000,000 images are 12.3 GB"
    )
    given = parser.parse_args()
    given.sets = [int(count) for count in given.sets.split(",") if count]
    device = probe()
    print(machine(device), end="\n\n")
    print("| what | images/s | least to most | |\n| --- | ---: | ---: | --- |")
    with tempfile.TemporaryDirectory(dir=given.dir) as folder:
        for row in rows(given, device, Path(folder)):
            print(f"| {' | '.join(row)} |", flush=True)


if __name__ == "__main__":
    main()
