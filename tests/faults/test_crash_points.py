"""W4: killed with SIGKILL at every named point, nothing is lost and nothing is published twice."""

import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest

from core.crashpoints import POINTS
from core.datasets import DatasetStore
from core.evaluations import evaluations_of
from core.janitor import Janitor
from core.registry import ModelStore
from core.schemas import JobKind, JobState
from tests.faults.walk import TINY, Walk, prepare_discs, walking
from tests.worker.datasets import dataset
from tests.worker.evaluations import put_dataset, put_model

pytestmark = pytest.mark.service
OFTEN = TINY | {"measure_kimg": 0.016}  # compared with the reals after every fourth step
OF_CREATE = ("create.begin", "create.stored", "create.keyed", "create.queued")
OF_INGESTION = ("dataset.prepared", "dataset.renamed")
OF_EVALUATION = ("evaluation.measured", "evaluation.renamed")
OF_CHILD = (
    "data.opened",
    "spec.stored",
    "checkpoint.begin",
    "checkpoint.weights",
    "checkpoint.saved",
    "snapshot.partial",
    "snapshot.renamed",
)


def accepted(walk: Walk, point: str) -> None:
    """The client's process dies while its request is accepted; it asks again with its key."""
    _, code = walk.submit(point)
    assert code == -9 and walk.crashed(point)
    job_id, code = walk.submit()
    assert code == 0
    assert walk.finish(job_id).state is JobState.SUCCEEDED
    assert walk.submit()[0] == job_id
    assert len(walk.jobs.ids(None, 10)) == 1 and len(walk.models()) == 1


def supervised(walk: Walk, point: str) -> None:
    """The supervisor or its child dies."""
    job_id = walk.train()
    both = f"model.written,{point}" if point == "release.done" else point  # a child dies first
    job = walk.finish(job_id, both)
    assert job.state is JobState.SUCCEEDED, job
    assert walk.crashed(point)
    assert [owner for owner, *_ in walk.models()].count(job_id) == 1


def trained(walk: Walk, point: str) -> str:
    """The training itself dies; answers the digest of its weights in the end."""
    prepare_discs(walk.settings.folders)
    request = {"dataset": "discs", "resolution": 32, "budget": {"steps": 10}, "options": OFTEN}
    job_id = walk.train(**request)
    assert walk.finish(job_id, point, "real").state is JobState.SUCCEEDED
    assert walk.crashed(point) or not point
    ((owner, _, digest),) = walk.models()
    assert owner == job_id
    return digest


def ingested(walk: Walk, point: str) -> None:
    """The preparation of a data set dies."""
    sample = {"sample": "sprites", "count": 4, "resolution": 32, "seed": 0}
    store = DatasetStore(walk.settings.folders)
    dataset_id, _ = store.begin("few")
    input = {"dataset": dataset_id, "name": "few", "sample": sample}
    job, _ = walk.jobs.create(JobKind.INGEST, input)
    assert walk.finish(job.id, point).state is JobState.SUCCEEDED
    assert walk.crashed(point) and store.get(dataset_id).images == 4
    assert [one.id for one in store.all()] == [dataset_id]


def evaluated(walk: Walk, point: str) -> None:
    """An evaluation dies: its result is there once, and nothing else of it."""
    data = dataset(60)
    put_dataset(walk.settings.folders, data)
    model = put_model(walk.settings, data)
    pinned = {"model": model.name, "version": model.version, "digest": model.digest}
    input = pinned | {"dataset_id": "discs", "dataset_name": "Discs", "dataset_sha256": data.sha256}
    input |= {"n": 50, "space": "rand64-v1", "deadline_minutes": 10}
    job, _ = walk.jobs.create(JobKind.EVALUATE, input)
    ended = walk.finish(job.id, point)
    assert ended.state is JobState.SUCCEEDED and ended.output is not None, ended
    (result,) = evaluations_of(ModelStore(walk.settings.folders).folder(model))
    assert walk.crashed(point) and result["job"] == job.id
    assert ended.output["metrics"]["kd"] == result["metrics"]["kd"]


def way_to(point: str) -> Callable[[Walk, str], object]:
    if point in OF_CREATE:
        return accepted
    if point in OF_EVALUATION:
        return evaluated
    return ingested if point in OF_INGESTION else supervised


@pytest.fixture(scope="module")
def tried(
    redis_url: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[[str], Future[object]]]:
    """All points are walked in the background, some at a time; each test waits for its own."""

    def go(point: str, way: Callable[[Walk, str], object]) -> object:
        with walking(redis_url, tmp_path_factory.mktemp("walk")) as walk:
            answer = way(walk, point)
            nothing_is_left(walk)
            return answer

    def go_as_calm(point: str) -> None:
        def compared(walk: Walk, point: str) -> None:
            devices = Path(calm.result()[1]) / "devices"  # the same choices as the calm one made
            shutil.copytree(devices, walk.settings.home / "devices")
            assert trained(walk, point) == calm.result()[0]

        go(point, compared)

    def undisturbed() -> tuple[str, str]:
        with walking(redis_url, tmp_path_factory.mktemp("calm")) as walk:
            return trained(walk, ""), str(walk.settings.home)

    with ThreadPoolExecutor(2) as heavy, ThreadPoolExecutor(2) as light:
        calm = heavy.submit(undisturbed)
        runs: dict[str, Future[object]] = {
            point: heavy.submit(go_as_calm, point)
            if point in OF_CHILD
            else light.submit(go, point, way_to(point))
            for point in POINTS
        }
        yield runs.__getitem__
        for run in runs.values():
            run.cancel()


def nothing_is_left(walk: Walk) -> None:
    """The janitor finds everything that the killed process left."""
    walk.jobs.ledger.archive_all()
    Janitor(walk.jobs, 30).tidy()
    home = walk.settings.home
    hidden = [path for path in home.rglob(".*") if path.name.endswith(".tmp")]
    assert hidden == [] and not list(home.glob("jobs/*/publish-*"))
    assert not list(home.glob("uploads/*"))


@pytest.mark.parametrize("point", POINTS)
def test_nothing_is_lost_or_doubled_by_a_kill(
    tried: Callable[[str], Future[object]], point: str
) -> None:
    tried(point).result(timeout=600)
