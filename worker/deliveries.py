"""What most kinds of jobs have in common, and those that carry a model elsewhere: to ONNX, to the
store, from the store; and estimates, which carry nothing."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from core.adoption import adopt
from core.exports import ONNX, onnx_in, publish_onnx
from core.files import remove_tree
from core.home import Home
from core.imports import Imported
from core.records import Claim
from core.registry import ModelStore, pinned
from core.schemas import Job


class Delivery:
    """A kind whose child leaves a result in the job's folder. Half of a delivery is none."""

    module: str
    shrinks = False

    def __init__(self, home: Home, models: ModelStore) -> None:
        self.home = home
        self.models = models

    def salvage(self, job: Job, claim: Claim) -> dict[str, Any]:
        return {}

    def discard(self, job: Job, claim: Claim) -> None:
        remove_tree(self.folder(job, claim))

    def folder(self, job: Job, claim: Claim) -> Path:
        """Where the child leaves its result."""
        return self.home.job(job.id) / f"publish-f{claim.fence}"


class Export(Delivery):
    """Puts the ONNX file beside the model that it was made from."""

    module = "worker.export_run"

    def publish(self, job: Job, claim: Claim, result: dict[str, Any]) -> dict[str, Any]:
        try:
            model = self.models.get(job.input["model"], job.input["version"])
            publish_onnx(self.models, model, self.folder(job, claim) / ONNX)
            size = onnx_in(self.models.folder(model)).stat().st_size
        finally:
            self.discard(job, claim)
        return pinned(model) | {"bytes": size}


class Estimate(Delivery):
    """Nothing is left to do: the figures are the job's output."""

    module = "worker.estimate_run"

    def publish(self, job: Job, claim: Claim, result: dict[str, Any]) -> dict[str, Any]:
        return result["estimate"]


class Push(Delivery):
    """Nothing is left to do: the child has written to the store and read it back."""

    module = "worker.store_run"

    def publish(self, job: Job, claim: Claim, result: dict[str, Any]) -> dict[str, Any]:
        self.discard(job, claim)
        return {} if result.get("cancelled") else result


class Pull(Delivery):
    """Publishes what the child fetched and checked; equal weights are one version.

    `published` is told the model's name afterwards.
    """

    module = "worker.store_run"

    def __init__(self, home: Home, models: ModelStore, published: Callable[[str], None]) -> None:
        super().__init__(home, models)
        self.published = published

    def publish(self, job: Job, claim: Claim, result: dict[str, Any]) -> dict[str, Any]:
        if result.get("cancelled"):
            return {}
        try:
            found = Imported(**result["model"])
            source = self.folder(job, claim) / "model"
            model, new = adopt(self.models, source, job.input["name"], found.card)
        finally:
            self.discard(job, claim)
        self.published(model.name)
        return pinned(model) | {"file": result["file"], "new": new}
