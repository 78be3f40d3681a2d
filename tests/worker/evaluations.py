"""Evaluations for tests: a tiny model, a small data set, and the process that compares them."""

import json
from pathlib import Path
from typing import Any

from core.files import read_json, write_json
from core.home import Home
from core.inventory import tell
from core.registry import CARD, ModelStore
from core.schemas import Model
from core.settings import Settings
from tests.worker import datasets
from tests.worker.models import publish_tiny
from tests.worker.trainings import JOB, Attempt
from worker.data import Dataset

DATASET = "discs"


class EvaluationDesk:
    """A home folder with a model, the data set of it, and one job."""

    def __init__(self, settings: Settings, data: Dataset | None = None) -> None:
        self.settings, self.home = settings, settings.folders
        self.data = data or datasets.dataset(count=60)
        self.model = put_model(settings, self.data)
        put_dataset(self.home, self.data)
        self.folder = self.home.job(JOB)
        self.folder.mkdir()
        self.request()

    def request(self, **changed: Any) -> None:
        """Write `job.json` as the API does."""
        card = self.model
        input = {"model": card.name, "version": card.version, "digest": card.digest}
        input |= {"dataset": None, "dataset_id": DATASET, "dataset_name": "Discs"}
        input |= {"dataset_sha256": self.data.sha256, "n": 50, "space": "rand64-v1"}
        input |= {"deadline_minutes": 10.0} | changed
        record = {"id": JOB, "kind": "evaluate", "input": input, "seed": 5, "metadata": {}}
        (self.folder / "job.json").write_text(json.dumps(record))

    def result(self, fence: int = 1) -> dict[str, Any]:
        return read_json(self.folder / f"publish-f{fence}" / "evaluation.json")

    def leftovers(self) -> list[str]:
        """Temporary files of the evaluation that are still there."""
        return [path.name for path in self.folder.glob(".*")]


class Evaluating(Attempt):
    """One process of an evaluation."""

    module = "worker.evaluate_run"


def put_model(settings: Settings, data: Dataset, name: str = "tiny") -> Model:
    """A model that says that it was trained on `data`."""
    model = publish_tiny(settings, name, classes=data.classes, channels=data.channels)
    store = ModelStore(settings.folders)
    path = store.folder(model) / CARD
    source = {"id": DATASET, "name": "Discs", "sha256": data.sha256, "images": len(data)}
    write_json(path, read_json(path) | {"dataset": source})
    tell(settings.folders)
    return store.get(model.name, model.version)


def put_dataset(home: Home, data: Dataset, dataset_id: str = DATASET) -> Path:
    folder = datasets.folder(home.dataset(dataset_id), data)
    card = {"id": dataset_id, "name": "Discs", "created_at": "2026-01-01T00:00:00Z"}
    write_json(folder / "dataset.json", read_json(folder / "dataset.json") | card)
    return folder
