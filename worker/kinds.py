"""The kinds of jobs: the child that does the work, and where its result goes."""

import shutil
from pathlib import Path
from typing import Any

from core.datasets import DatasetStore
from core.files import read_json, remove_tree
from core.home import Home
from core.records import Claim
from core.registry import HEADER, ModelStore, snapshot_folders
from core.schemas import Job, JobKind
from worker.outcomes import Kind


class Training:
    """Publishes the folder `publish-f{fence}` of the job as the next version of the model."""

    module = "worker.train_run"
    shrinks = True

    def __init__(self, home: Home, models: ModelStore) -> None:
        self.home = home
        self.models = models

    def publish(self, job: Job, claim: Claim, result: dict[str, Any]) -> dict[str, Any]:
        if not result["published"]:  # cancelled before there was anything to keep
            return {}
        folder = self._folder(job, claim)
        return self._publish(job, folder, result["resolved"], result["metrics"])

    def salvage(self, job: Job, claim: Claim) -> dict[str, Any]:
        """The model of the newest checkpoint, which is complete already."""
        snapshots = snapshot_folders(self.home.job(job.id))
        if not snapshots:
            return {}
        folder = self._folder(job, claim)
        shutil.copytree(snapshots[-1], folder, dirs_exist_ok=True)
        return self._publish(job, folder, read_json(folder / HEADER)["resolved"], job.metrics)

    def discard(self, job: Job, claim: Claim) -> None:
        remove_tree(self._folder(job, claim))

    def _folder(self, job: Job, claim: Claim) -> Path:
        return self.home.job(job.id) / f"publish-f{claim.fence}"

    def _publish(
        self, job: Job, folder: Path, resolved: dict[str, Any], metrics: dict[str, Any]
    ) -> dict[str, Any]:
        source = {"id": job.input["dataset_id"], "name": job.input["dataset_name"]}
        card = {
            "job": job.id,
            "dataset": source | resolved["dataset"],
            "metrics": metrics,
            "resolved": resolved,
        }
        model = self.models.publish(folder, job.input["model"], card)
        return {"model": model.name, "version": model.version, "digest": model.digest}


class Ingestion:
    """Publishes the prepared workspace as a data set; an upload that fails leaves nothing."""

    module = "worker.ingest_run"
    shrinks = False

    def __init__(self, datasets: DatasetStore) -> None:
        self.datasets = datasets

    def publish(self, job: Job, claim: Claim, result: dict[str, Any]) -> dict[str, Any]:
        dataset_id = job.input["dataset"]
        if result.get("cancelled"):
            self.discard(job, claim)
            return {}
        workspace = self.datasets.workspace(dataset_id, job.id, claim.fence)
        dataset = self.datasets.publish(workspace, dataset_id, job.input["name"], job.id)
        self.datasets.discard(dataset_id)
        return {"dataset": dataset_id, "images": dataset.images}

    def salvage(self, job: Job, claim: Claim) -> dict[str, Any]:
        """Half a data set is none."""
        return {}

    def discard(self, job: Job, claim: Claim) -> None:
        dataset_id = job.input["dataset"]
        remove_tree(self.datasets.workspace(dataset_id, job.id, claim.fence))
        self.datasets.discard(dataset_id)


def kinds(home: Home) -> dict[JobKind, Kind]:
    return {
        JobKind.TRAIN: Training(home, ModelStore(home)),
        JobKind.INGEST: Ingestion(DatasetStore(home)),
    }
