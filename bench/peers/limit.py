"""What the machine can do: the same images in two processes, with no server in between.

`python -m bench.peers.limit SECONDS` prints a JSON object: images a second in batches of 16 and
processor seconds for 1,000 of them, and the milliseconds of one image alone (median).
"""

import json
import multiprocessing
import resource
import sys
import time
from statistics import median

import numpy as np

from bench.peers.pictures import Pictures

BATCH, WORKERS = 16, 2


def loop(seconds: float, start: float) -> tuple[int, float]:
    """Images made and processor time spent from `start` on."""
    pictures, random, made = Pictures(), np.random.default_rng(), 0
    while time.time() < start:
        time.sleep(0.01)
    spent = _processor()
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        made += len(pictures.made(random.integers(0, 2**31, BATCH).tolist()))
    return made, _processor() - spent


def alone() -> float:
    """Milliseconds of a single image."""
    pictures, times = Pictures(), []
    for seed in range(300):
        began = time.perf_counter()
        pictures.made([seed])
        times.append(time.perf_counter() - began)
    return median(times[20:]) * 1000


def _processor() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def main() -> None:
    seconds, start = float(sys.argv[1]), time.time() + 6.0
    with multiprocessing.get_context("spawn").Pool(WORKERS) as pool:
        found = pool.starmap(loop, [(seconds, start)] * WORKERS)
    images, spent = (sum(column) for column in zip(*found, strict=True))
    told = {"rate": images / seconds, "cpu_per_1000": spent / images * 1000, "alone": alone()}
    print(json.dumps(told))


if __name__ == "__main__":
    main()
