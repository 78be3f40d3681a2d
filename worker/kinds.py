"""The kinds of jobs: the child that does the work, and where its result goes."""

from typing import Any

from core.datasets import DatasetStore
from core.files import remove_tree
from core.home import Home
from core.jobs import Claim
from core.registry import ModelStore
from core.schemas import Job, JobKind
from worker.runner import Kind


class Training:
    """Publishes the folder `publish-f{fence}` of the job as the next version of the model."""

    module = "worker.train_run"

    def __init__(self, home: Home, models: ModelStore) -> None:
        self.home = home
        self.models = models

    def publish(self, job: Job, claim: Claim, result: dict[str, Any]) -> dict[str, Any]:
        if not result["published"]:  # cancelled before there was anything to keep
            return {}
        folder = self.home.job(job.id) / f"publish-f{claim.fence}"
        resolved = result["resolved"]
        source = {"id": job.input["dataset_id"], "name": job.input["dataset_name"]}
        card = {
            "job": job.id,
            "dataset": source | resolved["dataset"],
            "metrics": result["metrics"],
            "resolved": resolved,
        }
        model = self.models.publish(folder, job.input["model"], card)
        return {"model": model.name, "version": model.version, "digest": model.digest}

    def discard(self, job: Job, claim: Claim) -> None:
        remove_tree(self.home.job(job.id) / f"publish-f{claim.fence}")


class Ingestion:
    """Publishes the prepared workspace as a data set; an upload that fails leaves nothing."""

    module = "worker.ingest_run"

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

    def discard(self, job: Job, claim: Claim) -> None:
        dataset_id = job.input["dataset"]
        remove_tree(self.datasets.workspace(dataset_id, job.id, claim.fence))
        self.datasets.discard(dataset_id)


def kinds(home: Home) -> dict[JobKind, Kind]:
    return {
        JobKind.TRAIN: Training(home, ModelStore(home)),
        JobKind.INGEST: Ingestion(DatasetStore(home)),
    }
