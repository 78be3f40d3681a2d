"""Recipes compared: `python -m bench.recipes SET [--try OPTIONS]... [--plain]`, at equal time or,
where other work would disturb that, after equally many images (`--kimg`).

SET is `sprites`, `landscapes` or the path of an archive. OPTIONS are those of a training request,
`gamma=4,width=12`; `default` is the preset. `--plain` adds the tutorial DCGAN. Each run is one row,
also appended to OUT/rows.jsonl, with a grid of its first 64 images beside it.
"""

import argparse
import json
import time
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from bench import judge, plain_dcgan
from bench.sets import opened
from worker.checkpoint import Committed, State
from worker.data import Dataset
from worker.device import Device, probe
from worker.events import Progress
from worker.patience import Patience
from worker.presets import facts_of, resolve
from worker.run import Run
from worker.tasks import condition_of, levels
from worker.train import played, unasked

COLUMNS = (
    "minutes",
    "images_s",
    "kimg",
    "kd",
    "kd_floor",
    "data_kd",
    "swd",
    "coverage",
    "data_coverage",
)
COLUMNS += ("diversity", "factors_least", "factors")


def options_of(text: str) -> dict[str, Any]:
    """`gamma=4,flip=true` as a record; values are JSON, else strings."""
    if text == "default":
        return {}
    return {name: _value(value) for name, value in (part.split("=", 1) for part in text.split(","))}


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def ours(
    data: Dataset, options: dict[str, Any], budget: dict[str, float], seed: int, device: Device
) -> tuple[np.ndarray, dict[str, Any]]:
    """Fakes uint8 [2000, H, W, C] of a training with these options, and what it did."""
    request = {"options": {"measure_kimg": 0} | options, "budget": budget}
    spec = resolve(request | {"seed": seed}, facts_of(data, device))
    run = Run(spec, data, device, _forget, unasked, Patience(seconds=0.0), time.monotonic)
    run.begin(None, {}, 1e9)
    last: dict[str, Any] = {}
    for event in played(run):
        if isinstance(event, Progress):
            last = {"kimg": event.kimg, **event.losses}
    z = torch.from_numpy(_normal(spec.shape.z_dim))
    places = np.linspace(0, len(data) - 1, judge.FAKES).astype(int)
    c = condition_of(data.rows(places))
    chosen = {k: v for k, v in spec.options.items() if k in ("width",)}
    return levels(run.game.paint(z, c)), last | chosen | {"architecture": spec.architecture}


def plain(data: Dataset, minutes: float, seed: int) -> tuple[np.ndarray, dict[str, Any]]:
    """The same of the yardstick."""
    net, shown = plain_dcgan.trained(data, seconds=60 * minutes, seed=seed)
    return levels(plain_dcgan.painted(net, judge.FAKES, 0)), {"kimg": shown / 1000}


def row(
    name: str, tried: str, data: Dataset, given: argparse.Namespace, device: Device
) -> dict[str, Any]:
    """Train, judge, keep the grid."""
    started = time.monotonic()
    if tried == "plain":
        fakes, facts = plain(data, given.minutes, given.seed)
    else:
        budget = {"kimg": given.kimg} if given.kimg else {"minutes": given.minutes}
        fakes, facts = ours(data, options_of(tried), budget, given.seed, device)
    minutes = (time.monotonic() - started) / 60
    told = {"set": name, "run": tried, "minutes": minutes, "threads": given.threads}
    told |= facts | {"images_s": facts["kimg"] * 1000 / 60 / minutes}
    torch.set_num_threads(1)
    judged_by = opened(given.judge, given.resolution, given.out) if given.judge else data
    told |= judge.judged(judged_by, fakes, given.out)
    if name == "sprites":
        told |= judge.factors(fakes, data.resolution, given.out)
    torch.set_num_threads(given.threads)
    length = f"{given.kimg:g}kimg" if given.kimg else f"{given.minutes:g}min"
    stem = f"{Path(name).stem}-{length}-{tried}".replace("/", "-")[:120]
    judge.write_grid(given.out / f"{stem}.png", fakes)
    with open(given.out / "rows.jsonl", "a") as file:
        file.write(json.dumps(told) + "\n")
    return told


def show(rows: Iterable[dict[str, Any]]) -> None:
    print("| run | " + " | ".join(COLUMNS) + " |")
    print("| --- |" + " ---: |" * len(COLUMNS))
    for told in rows:
        cells = (f"{told[k]:.3g}" if told.get(k) is not None else "-" for k in COLUMNS)
        print(f"| {told['run']} | " + " | ".join(cells) + " |", flush=True)


def _normal(length: int) -> np.ndarray:
    random = np.random.Generator(np.random.Philox(key=1))
    return random.standard_normal((judge.FAKES, length), dtype=np.float32)


def _forget(step: int, state: State) -> Committed:
    return Committed(path=Path(), step=step, fence=1, sha256="", bytes=0)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.recipes", description=__doc__)
    parser.add_argument("set", help="sprites, landscapes or an archive")
    parser.add_argument("--try", dest="tries", action="append", default=[], metavar="OPTIONS")
    parser.add_argument("--plain", action="store_true", help="also the tutorial DCGAN")
    parser.add_argument("--minutes", type=float, default=5.0)
    parser.add_argument("--kimg", type=float, help="thousands of images, in place of a time")
    parser.add_argument("--judge", metavar="SET", help="compare with this set, not the trained")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--resolution", type=int, default=64)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path("out/recipes"))
    given = parser.parse_args()
    data = opened(given.set, given.resolution, given.out)
    device = replace(probe("cpu"), threads=given.threads)
    torch.set_num_threads(given.threads)
    tries = given.tries + ["plain"] * given.plain
    show(row(given.set, tried, data, given, device) for tried in tries)


if __name__ == "__main__":
    main()
