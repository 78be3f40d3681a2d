"""The kinds of jobs: the child that does the work, and where its result goes."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from core.cards import card_of
from core.datasets import DatasetStore
from core.errors import NotFound
from core.evaluations import FOLDER, result_in
from core.files import read_json, remove_tree
from core.home import Home
from core.records import Claim
from core.registry import HEADER, ModelStore, pinned, snapshot_folders
from core.schemas import Job, JobKind
from worker.deliveries import Delivery, Estimate, Export, Pull, Push
from worker.outcomes import Kind


def unheard(name: str) -> None:
    """Nobody wants to know which model got a version."""


class Training(Delivery):
    """Publishes the folder `publish-f{fence}` of the job as the next version of the model.

    `published` is told the model's name afterwards.
    """

    module = "worker.train_run"
    shrinks = True

    def __init__(
        self, home: Home, models: ModelStore, published: Callable[[str], None] = unheard
    ) -> None:
        super().__init__(home, models)
        self.published = published

    def publish(self, job: Job, claim: Claim, result: dict[str, Any]) -> dict[str, Any]:
        if not result["published"]:  # cancelled before there was anything to keep
            return {}
        folder = self.folder(job, claim)
        return self._publish(job, folder, result["resolved"], result["metrics"])

    def salvage(self, job: Job, claim: Claim) -> dict[str, Any]:
        """The model of the newest checkpoint, which is complete already."""
        snapshots = snapshot_folders(self.home.job(job.id))
        if not snapshots:
            return {}
        folder = self.folder(job, claim)
        shutil.copytree(snapshots[-1], folder, dirs_exist_ok=True)
        return self._publish(job, folder, read_json(folder / HEADER)["resolved"], job.metrics)

    def _publish(
        self, job: Job, folder: Path, resolved: dict[str, Any], metrics: dict[str, Any]
    ) -> dict[str, Any]:
        model = self.models.publish(folder, job.input["model"], card_of(job, resolved, metrics))
        self.published(model.name)
        return pinned(model)


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


class Evaluation(Delivery):
    """Puts the folder `publish-f{fence}` of the job beside the model that was evaluated."""

    module = "worker.evaluate_run"

    def publish(self, job: Job, claim: Claim, result: dict[str, Any]) -> dict[str, Any]:
        if result.get("cancelled"):
            self.discard(job, claim)
            return {}
        folder = self.folder(job, claim)
        try:
            model = self.models.get(job.input["model"], job.input["version"])
            self.models.add_evaluation(model, folder, job.id)
            found = result_in(self.models.folder(model) / FOLDER / job.id)
        except NotFound:
            self.discard(job, claim)
            raise
        return output_of(found)


def output_of(result: dict[str, Any]) -> dict[str, Any]:
    """What the job says of its result: which model, and the figures that there are."""
    told = {
        name: value
        for name, value in result["metrics"].items()
        if value is not None and not name.endswith("_reason")
    }
    model = result["model"]
    named = {"model": model["name"], "version": model["version"], "digest": model["digest"]}
    return named | {"metrics": told, "pictures": result["pictures"]}


def kinds(home: Home, published: Callable[[str], None] = unheard) -> dict[JobKind, Kind]:
    return {
        JobKind.TRAIN: Training(home, ModelStore(home), published),
        JobKind.INGEST: Ingestion(DatasetStore(home)),
        JobKind.EVALUATE: Evaluation(home, ModelStore(home)),
        JobKind.EXPORT: Export(home, ModelStore(home)),
        JobKind.ESTIMATE: Estimate(home, ModelStore(home)),
        JobKind.PUSH: Push(home, ModelStore(home)),
        JobKind.PULL: Pull(home, ModelStore(home), published),
    }
