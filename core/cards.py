"""The card of a model that a training of ours has made: what it is of, and where it is from."""

from typing import Any

from core.schemas import Job
from core.version import own_version

CHECKPOINT = "checkpoint"  # in the lineage of a version that was made of one: its step


def card_of(
    job: Job, resolved: dict[str, Any], metrics: dict[str, Any], checkpoint: int | None = None
) -> dict[str, Any]:
    """checkpoint: the step of the one that was made a version; None: the training has ended so."""
    source = {"id": job.input["dataset_id"], "name": job.input["dataset_name"]}
    dataset = source | resolved["dataset"]
    return {
        "job": job.id,
        "dataset": dataset,
        "metrics": metrics,
        "resolved": resolved,
        "lineage": lineage_of(job, dataset, checkpoint),
    }


def lineage_of(job: Job, dataset: dict[str, Any], checkpoint: int | None) -> dict[str, Any]:
    """What a model was made from; the configuration itself is in `resolved`."""
    known = {
        "job": job.id,
        CHECKPOINT: checkpoint,
        "dataset": {name: dataset.get(name) for name in ("id", "name", "sha256")},
        "resume_from": job.input.get("resume_from"),
        "retry_of": job.input.get("retry_of"),
        "init_from": job.input.get("origin"),
        "code": own_version(),
        "metadata": job.metadata or None,
    }
    return {name: value for name, value in known.items() if value is not None}
