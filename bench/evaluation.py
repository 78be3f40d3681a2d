"""How long an evaluation takes: `python -m bench.evaluation` prints a table.

Sprites of 64 px against as many images of a generator of the default architecture with random
weights, in a process such as the prepare worker starts: first with nothing known, then with the
features of the real images kept. Memory is the largest of that process.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import psutil
import torch

from core.datasets import DatasetStore
from core.home import Home
from core.registry import ModelStore, pinned
from core.schemas import Dataset, Model
from models.registry import Shape, architectures
from worker import checkpoint
from worker.ingest.ingest import ingest
from worker.presets import DEFAULT_ARCHITECTURE
from worker.snapshot import kept
from worker.spec import Budget, Recipe, TrainSpec
from worker.sprites import Sprites

JOB = "job-bench"


def put_dataset(home: Home, count: int) -> Dataset:
    store = DatasetStore(home)
    workspace = store.workspace("sprites", JOB, 1)
    for _ in ingest(Sprites(count=count, resolution=64), workspace):
        pass
    return store.publish(workspace, "sprites", "sprites", None)


def put_model(home: Home, dataset: Dataset, width: int) -> Model:
    """Random weights, labelled as the data set is."""
    architecture = architectures()[DEFAULT_ARCHITECTURE]
    options = architecture.Options(width=width)
    shape = Shape(resolution=64, channels=3, z_dim=64, c_dim=len(dataset.classes))
    spec = TrainSpec(
        task="generate",
        architecture=architecture.name,
        options=asdict(options),
        shape=shape,
        classes=tuple(dataset.classes),
        recipe=Recipe(z_dim=64),
        budget=Budget(minutes=10),
        seed=0,
        dtype="float32",
    )
    torch.manual_seed(0)
    G = architecture.generator(shape, options)
    tensors = {f"ema.{name}": kept(value) for name, value in G.state_dict().items()}
    folder = home.job(JOB) / "publish-f1"
    state = checkpoint.State(tensors=tensors, facts={"spec": asdict(spec), "step": 0, "kimg": 0.0})
    checkpoint.publish(folder, state)
    source = {"id": dataset.id, "name": dataset.name, "sha256": dataset.sha256}
    return ModelStore(home).publish(folder, "bench", {"job": JOB, "dataset": source})


def order(home: Home, job_id: str, model: Model, dataset: Dataset, n: int) -> None:
    """The request, as the API stores it."""
    home.job(job_id).mkdir()
    input = pinned(model)
    input |= {"dataset_id": dataset.id, "dataset_name": dataset.name}
    input |= {"dataset_sha256": dataset.sha256, "n": n, "space": "rand64-v1"}
    input |= {"deadline_minutes": 60}
    record = {"id": job_id, "kind": "evaluate", "input": input, "seed": 0, "metadata": {}}
    (home.job(job_id) / "job.json").write_text(json.dumps(record))


def evaluated(home: Home, job_id: str) -> dict[str, float]:
    """Seconds of each phase, of everything, of processor time, and the largest MiB."""
    begin, used = time.perf_counter(), _processor_seconds()
    child = subprocess.Popen(
        [sys.executable, "-m", "worker.evaluate_run", str(home.root), job_id, "1"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=os.environ | {"GANVAS_HOME": str(home.root)},
    )
    largest = [0.0]
    watcher = threading.Thread(target=_watch, args=(child.pid, largest), daemon=True)
    watcher.start()
    assert child.stdout is not None
    marks: list[tuple[str, float]] = [("starting", begin)]
    for line in child.stdout:
        record: dict[str, Any] = json.loads(line)
        if record["type"] == "phase":
            marks.append((record["value"], time.perf_counter()))
    assert child.wait() == 0, child.returncode
    end = time.perf_counter()
    ends = [at for _, at in marks[1:]] + [end]
    parts = {name: after - at for (name, at), after in zip(marks, ends, strict=True)}
    return parts | {
        "all": end - begin,
        "processor seconds": _processor_seconds() - used,
        "largest MiB": largest[0],
    }


def _processor_seconds() -> float:
    """Of the children that have ended."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def _watch(pid: int, largest: list[float]) -> None:
    """Resident memory without mapped files: those the system may drop at any time."""
    try:
        process = psutil.Process(pid)
        while True:
            memory = process.memory_info()
            largest[0] = max(largest[0], (memory.rss - memory.shared) / 2**20)
            time.sleep(0.05)
    except psutil.Error:
        return


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.evaluation", description=__doc__)
    parser.add_argument("--n", type=int, default=10_000, help="Images of each side.")
    parser.add_argument("--width", type=int, default=16, help="Of the generator.")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        home = Home(Path(folder) / "home")
        home.create()
        home.job(JOB).mkdir()
        dataset = put_dataset(home, given.n)
        model = put_model(home, dataset, given.width)
        print(f"{given.n} of each, generator of width {given.width}, {os.cpu_count()} cores")
        runs = {}
        for name in ("first", "again"):
            order(home, f"job-{name}", model, dataset, given.n)
            runs[name] = evaluated(home, f"job-{name}")
        print(f"{'seconds':20} {'first':>8} {'again':>8}")
        for row in runs["first"]:
            first, again = (run.get(row, 0.0) for run in runs.values())
            print(f"{row:20} {first:8.1f} {again:8.1f}")


if __name__ == "__main__":
    main()
