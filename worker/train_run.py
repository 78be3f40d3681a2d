"""The child process of a training job: `python -m worker.train_run HOME JOB FENCE`.

Turns the events of `worker.train` into files below the job's folder and records for the
supervisor, and leaves a model folder `publish-f{fence}` behind.
"""

import json
import os
import sys
from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch

from core.datasets import DatasetStore, sample_request
from core.files import remove_tree, write_atomic, write_json
from core.home import Home
from core.registry import CARD, describe, snapshot_folders
from core.schemas import JobKind
from worker import checkpoint
from worker.channel import DONE, RELEASED, STOP, Channel, leave, reported
from worker.data import Dataset, open_dataset
from worker.device import adopt, probe
from worker.encode import encode, to_image
from worker.ingest_run import draw_sample
from worker.jobfile import read_job
from worker.presets import facts_of, resolve
from worker.spec import TrainSpec, read_spec
from worker.train import Alarm, Checkpoint, Event, Progress, Sample, train

NICE = 10  # images stay quick while a model trains
SNAPSHOTS = 2  # checkpoints that `model=job:{id}` can use
DEFAULT_RESOLUTION = 64


class Training:
    """One attempt at a job: where its files are and whom it reports to."""

    def __init__(self, home: Home, job: dict[str, Any], fence: int, channel: Channel) -> None:
        self.home = home
        self.id = job["id"]
        self.input = job["input"]
        self.seed = job["seed"]
        self.fence = fence
        self.channel = channel
        self.folder = home.job(self.id)
        self.checkpoints = self.folder / "checkpoints"
        self.metrics: dict[str, Any] = {}

    def run(self) -> int:
        """Train until the budget is spent or somebody asks to stop; answers the exit code."""
        data = self.data()
        self.phase("starting")
        found = checkpoint.load(self.checkpoints)
        if found is None:
            device = probe()
            spec = resolve(self.input | {"seed": self.seed}, facts_of(data, device))
        else:  # in the precision and layout that it began with, or the bytes would differ
            spec = read_spec(found[1].facts["spec"])
            device = adopt(spec.device)
        self.channel.send("resolved", None, field="resolved", value=asdict(spec))
        self.phase("training")
        events = train(spec, data, device=device, save=self.save, resume=found and found[1])
        asked = self.follow(events)
        if asked == STOP:
            return RELEASED
        self.phase("publishing")
        self.publish(spec, cancelled=asked is not None)
        return DONE

    def data(self) -> Dataset:
        """The prepared images; a sample data set that is missing is drawn now."""
        store = DatasetStore(self.home)
        dataset_id = self.input["dataset_id"]
        folder = self.home.dataset(dataset_id)
        sample = sample_request(self.input["dataset"], self.input.get("resolution"))
        if sample is not None and not folder.exists():
            self.phase("drawing the sample data set")
            workspace = store.workspace(dataset_id, self.id, self.fence)
            draw_sample(store, dataset_id, sample, workspace)
        facts = store.get(dataset_id)
        resolution = self.input.get("resolution") or min(DEFAULT_RESOLUTION, max(facts.resolutions))
        return open_dataset(folder, resolution)

    def save(self, step: int, state: checkpoint.State) -> checkpoint.Committed:
        """Write a checkpoint, and a model of it that can generate while the training goes on."""
        committed = checkpoint.save(self.checkpoints, step, self.fence, state)
        checkpoint.prune(self.checkpoints)
        snapshot = self.folder / "snapshots" / f"{step:09d}"
        partial = snapshot.with_name(f".{snapshot.name}-f{self.fence}")
        checkpoint.publish(partial, state)
        identity = {
            "name": self.id,
            "version": step,
            "created_at": datetime.now(UTC).isoformat(),
            "job": self.id,
        }
        write_json(partial / CARD, describe(partial, identity))
        if snapshot.exists():
            remove_tree(snapshot)
        os.rename(partial, snapshot)
        for old in snapshot_folders(self.folder)[:-SNAPSHOTS]:
            remove_tree(old)
        return committed

    def follow(self, events: Any) -> str | None:
        """Record the events; answers what ended the training early, or None at its end."""
        for event in events:
            self.record(event)
            for word in ("cancel", STOP):
                if self.channel.asked(word):
                    events.close()  # saves what is not saved yet
                    return word
        return None

    def record(self, event: Event) -> None:
        recorders: dict[type, Callable[[Any], None]] = {
            Progress: self.progress,
            Sample: self.sample,
            Checkpoint: self.committed,
            Alarm: self.alarm,
        }
        recorders[type(event)](event)

    def progress(self, event: Progress) -> None:
        shown = {
            "value": event.fraction,
            "step": event.step,
            "kimg": round(event.kimg, 3),
            "images_per_second": round(event.images_per_second, 1),
            "eta_seconds": event.eta_seconds and round(event.eta_seconds, 1),
        }
        self.metrics |= event.losses
        line = {"step": event.step, "kimg": event.kimg, "seconds": event.seconds} | event.losses
        with open(self.folder / "metrics.jsonl", "a") as file:
            file.write(json.dumps(line) + "\n")
        self.channel.send("progress", shown, field="progress", value=shown)
        self.channel.send("metrics", line, field="metrics", value=self.metrics)

    def sample(self, event: Sample) -> None:
        folder = self.folder / "samples"
        folder.mkdir(exist_ok=True)
        write_atomic(folder / f"{event.step:09d}.png", encode(to_image(event.grid), "png", 0, None))
        self.channel.send("sample", {"step": event.step, "kimg": event.kimg})

    def committed(self, event: Checkpoint) -> None:
        sha256 = event.committed.sha256
        self.channel.send("checkpoint", {"step": event.step, "kimg": event.kimg, "sha256": sha256})

    def alarm(self, event: Alarm) -> None:
        self.channel.send("alarm", asdict(event))

    def phase(self, name: str) -> None:
        self.channel.send("phase", {"phase": name}, field="phase", value=name)

    def publish(self, spec: TrainSpec, *, cancelled: bool) -> None:
        """Leave the newest checkpoint as a model folder for the supervisor to publish."""
        newest = checkpoint.load(self.checkpoints)
        result = {"published": newest is not None, "cancelled": cancelled, "metrics": self.metrics}
        if newest is not None:
            folder = self.folder / f"publish-f{self.fence}"
            checkpoint.publish(folder, newest[1])
            grids = sorted((self.folder / "samples").glob("*.png"))
            if grids:
                write_atomic(folder / "samples.png", grids[-1].read_bytes())
        self.channel.send("result", result | {"resolved": asdict(spec)})


def main() -> None:
    os.nice(NICE)
    os.umask(0o077)
    channel = Channel()
    home, fence = Home(Path(sys.argv[1])), int(sys.argv[3])

    def work() -> int:
        job = read_job(home, sys.argv[2], JobKind.TRAIN)
        return Training(home, job, fence, channel).run()

    leave(reported(channel, work, (MemoryError, torch.OutOfMemoryError)))


if __name__ == "__main__":
    main()
