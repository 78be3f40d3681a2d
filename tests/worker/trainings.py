"""The training process as its supervisor sees it, on a tiny data set in a home of its own."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, Protocol, Self

from core.files import sha256_of
from core.home import Home
from core.registry import WEIGHTS
from tests.worker import datasets
from tests.worker.games import tiny_spec
from worker.data import Dataset
from worker.device import Device
from worker.spec import TrainSpec

JOB = "job-1"
DATASET = "discs"
IDENTITY = {"id": DATASET, "name": DATASET, "created_at": "2026-01-01T00:00:00Z"}
CPU = Device(name="cpu", dtype="float32", channels_last=True, threads=1, rate=10.0)


class Desk:
    """A home folder with a prepared data set and one job."""

    def __init__(self, root: Path, data: Dataset | None = None) -> None:
        self.home = Home(root)
        self.home.create()
        self.data = data or datasets.dataset(count=12)
        self.folder = self.home.job(JOB)
        self.folder.mkdir()
        card = datasets.folder(self.home.dataset(DATASET), self.data) / "dataset.json"
        card.write_text(json.dumps(json.loads(card.read_text()) | IDENTITY))

    def request(self, budget: dict[str, Any], options: dict[str, Any], **more: Any) -> None:
        """Write `job.json` as the API does."""
        input = {"dataset": DATASET, "dataset_id": DATASET, "dataset_name": DATASET}
        input |= {"task": "generate", "budget": budget, "options": options, "model": "m", **more}
        record = {"id": JOB, "kind": "train", "input": input, "seed": 1, "metadata": {}}
        (self.folder / "job.json").write_text(json.dumps(record))

    def settle(
        self, steps: int, *, threads: int = 1, architecture: str = "skip", **recipe: Any
    ) -> TrainSpec:
        """Store the request and the spec: nothing is left for the probe of a busy machine."""
        self.request({"steps": steps}, {})
        data = self.data
        spec = replace(
            tiny_spec(
                architecture,
                classes=data.classes,
                attributes=data.attributes,
                channels=data.channels,
                **recipe,
            ),
            dataset={"sha256": data.sha256, "images": len(data)},
            device=asdict(replace(CPU, threads=threads)),
        )
        (self.folder / "spec.json").write_text(json.dumps(asdict(spec)))
        return spec

    def attempt(self, fence: int, shrink: int = 0) -> None:
        """Record the newest attempt as the supervisor does."""
        record = {"fence": fence, "attempt": 1, "shrink": shrink, "version": 0}
        (self.folder / "attempt.json").write_text(json.dumps(record))

    def weights(self, fence: int) -> Path:
        return self.folder / f"publish-f{fence}" / WEIGHTS

    def published(self, fence: int) -> str:
        return sha256_of(self.weights(fence))

    def steps(self) -> list[int]:
        """Of the lines of `metrics.jsonl`."""
        lines = (self.folder / "metrics.jsonl").read_text().splitlines()
        return [json.loads(line)["step"] for line in lines]

    def again(self, root: Path) -> "Desk":
        """A copy of the whole home."""
        shutil.copytree(self.home.root, root)
        copy = object.__new__(Desk)
        copy.home, copy.data = Home(root), self.data
        copy.folder = copy.home.job(JOB)
        return copy


class Site(Protocol):
    """Where a job is worked on."""

    home: Home
    folder: Path


class Attempt:
    """One training process; its records can be read one by one."""

    launcher: tuple[str, ...] = ()
    module = "worker.train_run"

    def __init__(self, desk: Site, fence: int, **settings: Any) -> None:
        own = {f"GANVAS_{name.upper()}": str(value) for name, value in settings.items()}
        arguments = [str(desk.home.root), JOB, str(fence)]
        with open(desk.folder / "log.txt", "ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", *self.launcher, self.module, *arguments],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                env={"PATH": os.environ["PATH"], "GANVAS_HOME": str(desk.home.root), **own},
                cwd=Path(__file__).parents[2],
                text=True,
            )
        self.seen: list[dict[str, Any]] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait()
        for stream in (self.process.stdin, self.process.stdout):
            assert stream is not None
            with suppress(BrokenPipeError):
                stream.close()

    def records(self) -> Iterator[dict[str, Any]]:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            record = json.loads(line)
            self.seen.append(record)
            yield record

    def until(self, type: str, count: int = 1, **data: Any) -> dict[str, Any]:
        """The `count`-th record of a type, with these values in its data."""
        for record in self.records():
            if record["type"] == type and data.items() <= (record["data"] or {}).items():
                count -= 1
                if not count:
                    return record
        raise AssertionError(f"no such {type}; there were: {self.seen}")

    def say(self, word: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(f"{word}\n")
        self.process.stdin.flush()

    def hang_up(self) -> None:
        """Want the job back."""
        assert self.process.stdin is not None
        self.process.stdin.close()

    def end(self) -> int:
        """Read to the end; answers the exit code."""
        for _ in self.records():
            pass
        return self.process.wait()

    def of(self, type: str) -> list[Any]:
        """The data of the records of a type so far."""
        return [record["data"] for record in self.seen if record["type"] == type]
