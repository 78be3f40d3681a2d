"""The child process that prepares a data set: `python -m worker.ingest_run HOME JOB FENCE`.

It reads files of strangers, so it runs with limits on memory and processor time. The prepared
folder is left in the data set's workspace; the supervisor publishes it.
"""

import resource
from collections.abc import Generator
from pathlib import Path

from core.datasets import DatasetStore
from core.files import remove_tree
from core.home import Home
from core.requests import SampleRequest
from core.schemas import JobKind
from core.settings import Settings
from worker.channel import DONE, RELEASED, STOP, Channel, enter
from worker.ingest.ingest import IngestProgress, ingest
from worker.ingest.report import DataSet
from worker.jobfile import read_job
from worker.sprites import Sprites

NICE = 5
NEEDS = {"dataset": str}


def draw_sample(
    store: DatasetStore, dataset_id: str, request: SampleRequest, workspace: Path
) -> None:
    """Draw and publish a sample data set. Done twice it is the same set, and the first stays."""
    for _ in ingest(sprites(request), fresh(workspace)):
        pass
    store.publish(workspace, dataset_id, f"sample:{request.sample}", None)


def sprites(request: SampleRequest) -> Sprites:
    return Sprites(count=request.count, resolution=request.resolution, seed=request.seed)


def fresh(folder: Path) -> Path:
    """The folder, without what an earlier attempt left in it."""
    remove_tree(folder)
    return folder


def run(home: Home, job_id: str, fence: int, channel: Channel) -> int:
    """Prepare the data set of one job; answers the exit code."""
    input = read_job(home, job_id, JobKind.INGEST, NEEDS)["input"]
    store = DatasetStore(home)
    dataset_id = input["dataset"]
    sample = input.get("sample")
    upload = home.upload(dataset_id)
    source = upload / "source" if (upload / "source").exists() else upload / "files"
    order = sprites(SampleRequest(**sample)) if sample else source
    asked = follow(ingest(order, fresh(store.workspace(dataset_id, job_id, fence))), channel)
    if asked == STOP:
        return RELEASED
    channel.send("result", {"cancelled": asked is not None})
    return DONE


def follow(events: Generator[IngestProgress, None, DataSet], channel: Channel) -> str | None:
    """Report progress until the end; answers what ended the work early."""
    phase = ""
    for event in events:
        if event.phase != phase:
            phase = event.phase
            channel.send("phase", {"phase": phase}, field="phase", value=phase)
        shown = {"value": event.done / event.total if event.total else 0.0, "step": event.done}
        shown |= {"steps": event.total} if event.total else {}
        channel.send("progress", shown, field="progress", value=shown)
        for word in ("cancel", STOP):
            if channel.asked(word):
                events.close()
                return word
    return None


def limit(settings: Settings) -> None:
    """Bound what a hostile file can cost."""
    resource.setrlimit(resource.RLIMIT_AS, (settings.ingest_memory, settings.ingest_memory))
    cpu = settings.ingest_cpu_seconds
    resource.setrlimit(resource.RLIMIT_CPU, (cpu, cpu))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


if __name__ == "__main__":
    limit(Settings())
    enter(run, NICE)
