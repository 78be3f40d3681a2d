"""The images of a training: prepared, or a sample data set, drawn when it is missing."""

from collections.abc import Callable, Mapping
from typing import Any

from core.datasets import DatasetStore, sample_request
from core.errors import BadSpec, DatasetChanged, NotFound
from core.home import Home
from worker.data import Dataset, open_dataset
from worker.ingest_run import draw_sample

DEFAULT_RESOLUTION = 64
NEEDS = {"dataset": str, "dataset_id": str, "dataset_name": str, "model": str, "budget": dict}


def opened(
    home: Home,
    job_id: str,
    fence: int,
    input: Mapping[str, Any],
    *,
    memory: int,
    phase: Callable[[str], None],
) -> Dataset:
    """What the request of a job means to train on; it may fill a part of `memory` bytes.

    `phase` is told what takes long. Raises `DatasetChanged`, `NotTrainable`.
    """
    store = DatasetStore(home)
    dataset_id = input["dataset_id"]
    folder = home.dataset(dataset_id)
    sample = sample_request(input["dataset"], input.get("resolution"))
    if sample is not None and not folder.exists():
        phase("drawing the sample data set")
        draw_sample(store, dataset_id, sample, store.workspace(dataset_id, job_id, fence))
    try:
        largest = max(store.get(dataset_id).resolutions)
    except (NotFound, BadSpec, ValueError, OSError) as error:
        raise DatasetChanged(
            f"the data set {dataset_id} is gone or damaged; upload it again and train on that"
        ) from error
    resolution = input.get("resolution") or min(DEFAULT_RESOLUTION, largest)
    return open_dataset(folder, resolution, memory=memory)
