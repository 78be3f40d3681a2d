"""What becomes of the result of an evaluation: beside its model, once, or nowhere."""

import threading
from collections.abc import Iterator
from typing import Any

import pytest

from core.connection import connect
from core.errors import NotFound
from core.evaluations import RESULT, evaluations_of
from core.files import write_json
from core.jobs import JobStore
from core.records import Claim
from core.registry import ModelStore
from core.schemas import Job, JobKind, JobState, Model
from core.settings import Settings
from tests.worker.datasets import dataset
from tests.worker.evaluations import DATASET, put_dataset, put_model
from worker.kinds import kinds
from worker.outcomes import Kind
from worker.runner import Runner


class Bench:
    """A job that evaluates a model, and a claim on it."""

    def __init__(self, jobs: JobStore, settings: Settings) -> None:
        self.jobs, self.home = jobs, settings.folders
        self.models = ModelStore(self.home)
        self.model: Model = put_model(settings, dataset(60))
        put_dataset(self.home, dataset(60))
        pinned = {"model": "tiny", "version": 1, "digest": self.model.digest}
        pinned |= {"dataset_id": DATASET, "dataset_name": "Discs", "dataset_sha256": "0" * 64}
        pinned |= {"n": 50, "space": "rand64-v1", "deadline_minutes": 10}
        self.job: Job = jobs.create(JobKind.EVALUATE, pinned)[0]
        self.kind: Kind = kinds(self.home)[JobKind.EVALUATE]

    def claim(self, fence: int) -> Claim:
        return Claim(id=self.job.id, fence=fence, attempt=fence)

    def leave_result(self, fence: int, kd: float) -> None:
        """As the child does."""
        folder = self.home.job(self.job.id) / f"publish-f{fence}"
        folder.mkdir()
        model = {"name": "tiny", "version": 1, "digest": self.model.digest}
        metrics = {"kd": kd, "kd_floor": 0.5, "fid": None, "fid_reason": "no weights"}
        result: dict[str, Any] = {"job": self.job.id, "created_at": "2026-01-01", "model": model}
        result |= {"seconds": 1.0, "dataset": {}, "seed": 0}
        write_json(folder / RESULT, result | {"metrics": metrics, "pictures": ["samples"]})

    def results(self) -> list[float]:
        found = evaluations_of(self.models.folder(self.model))
        return [result["metrics"]["kd"] for result in found]

    def leftovers(self) -> list[str]:
        return [path.name for path in self.home.job(self.job.id).glob("publish-*")]


@pytest.fixture
def bench(settings: Settings) -> Iterator[Bench]:
    with connect(settings.redis_url) as client:
        yield Bench(JobStore(client, settings.prefix, settings.folders), settings)


def test_result_stands_beside_the_model_and_the_job_tells_its_figures(bench: Bench) -> None:
    bench.leave_result(1, 0.25)
    output = bench.kind.publish(bench.job, bench.claim(1), {"cancelled": False})
    assert output["metrics"] == {"kd": 0.25, "kd_floor": 0.5}
    assert (output["model"], output["version"], output["pictures"]) == ("tiny", 1, ["samples"])
    assert bench.results() == [0.25] and bench.leftovers() == []
    card = bench.models.get("tiny", 1)
    assert card.evaluation is not None and card.evaluation["metrics"]["fid"] is None


def test_the_result_of_the_first_attempt_stays(bench: Bench) -> None:
    for fence in (1, 2):
        bench.leave_result(fence, fence / 8)
        output = bench.kind.publish(bench.job, bench.claim(fence), {"cancelled": False})
        assert output["metrics"]["kd"] == 0.125
    assert bench.results() == [0.125] and bench.leftovers() == []


def test_an_attempt_that_found_the_result_published_has_none_of_its_own(bench: Bench) -> None:
    bench.leave_result(1, 0.25)
    bench.kind.publish(bench.job, bench.claim(1), {"cancelled": False})
    again = bench.kind.publish(bench.job, bench.claim(2), {"cancelled": False})
    assert again["metrics"]["kd"] == 0.25


def test_of_a_cancelled_evaluation_nothing_stays(bench: Bench) -> None:
    bench.leave_result(1, 0.25)
    assert bench.kind.publish(bench.job, bench.claim(1), {"cancelled": True}) == {}
    assert bench.kind.salvage(bench.job, bench.claim(1)) == {}
    assert bench.results() == bench.leftovers() == []


def test_result_of_a_model_that_was_removed_meanwhile_is_refused(bench: Bench) -> None:
    bench.leave_result(1, 0.25)
    bench.models.remove("tiny", 1)
    with pytest.raises(NotFound):
        bench.kind.publish(bench.job, bench.claim(1), {"cancelled": False})
    assert bench.leftovers() == []


@pytest.mark.service
def test_removed_model_fails_the_job_with_not_found(bench: Bench, settings: Settings) -> None:
    table = kinds(bench.home)
    runner = Runner(bench.jobs, bench.home, table, "worker-1", threading.Event())
    bench.models.remove("tiny", 1)
    runner.drain("prepare")
    job = bench.jobs.get(bench.job.id)
    assert job.state is JobState.FAILED and job.error is not None
    assert job.error["code"] == "not_found"
