"""What killed processes leave behind goes; what somebody may still use stays."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from core.datasets import DatasetStore
from core.errors import NotFound
from core.files import write_json
from core.home import Home
from core.janitor import LEFTOVER_SECONDS, Janitor, remove_leftover
from core.jobs import JobStore
from core.registry import ModelStore
from core.schemas import JobKind, JobState
from tests.core.steps import begun, claimed, make_old, new_job
from tests.core.test_stores import weights

LEVELS = [  # names as core and worker make them; {} is a job
    ".x.0badcafe.tmp",
    "jobs/.job-gone.0badcafe.tmp",
    "jobs/{}/.job.json.0badcafe.tmp",
    "jobs/{}/checkpoints/.000000010-f1.safetensors.0badcafe.tmp",
    "jobs/{}/snapshots/.000000010-f1",
    "jobs/{}/snapshots/.000000010.0badcafe.tmp",
    "jobs/{}/publish-f1",
    "datasets/.ds-1.job-gone.f1.tmp",
    "datasets/.ds-1.{}.f1.tmp",
    "uploads/.ds-1.0badcafe.tmp",
    "incoming/.up-1.0badcafe.tmp",
    "models/.changed.json.0badcafe.tmp",
    "models/cats/.1.0badcafe.tmp",
    "keys/.key.0badcafe.tmp",
    "features/.a.npy.0badcafe.tmp",
    "jobs/{}/.scratch-f1.tmp",
]
FOLDERS = (
    "snapshots/.000000010",
    "publish-f1",
    ".scratch-f1",
    "datasets/",
    "jobs/.job",
    "uploads/",
    "incoming/",
    "cats/",
)
OWNED = [text for text in LEVELS if "{}" in text]
STRAY = [text for text in LEVELS if "{}" not in text]


def leave(home: Home, place: str, job_id: str) -> Path:
    """A leftover: a folder with a file, or a file."""
    path = home.root / place.format(job_id)
    path.parent.mkdir(parents=True, exist_ok=True)
    if any(part in place for part in FOLDERS):
        path.mkdir()
        (path / "file").write_text("x")
    else:
        path.write_text("x")
    return path


@pytest.fixture
def janitor(jobs: JobStore) -> Janitor:
    return Janitor(jobs, keep_days=30)


@pytest.mark.parametrize("place", STRAY)
def test_old_leftovers_of_nobody_are_removed_and_young_ones_stay(
    jobs: JobStore, janitor: Janitor, place: str
) -> None:
    path = leave(jobs.home, place, "")
    janitor.tidy()
    assert path.exists()
    make_old(path, LEFTOVER_SECONDS + 60)
    jobs.client.delete(jobs.keys.lock("tidy"))
    janitor.tidy()
    assert not path.exists()


@pytest.mark.parametrize("place", OWNED)
def test_leftovers_of_a_job_are_removed_when_it_has_ended(
    jobs: JobStore, janitor: Janitor, place: str
) -> None:
    new_job(jobs)
    claim = begun(jobs)
    path = leave(jobs.home, place, claim.id)
    make_old(path, 100 * LEFTOVER_SECONDS)
    janitor.tidy()
    assert path.exists()
    jobs.finish(claim, JobState.FAILED)
    jobs.client.delete(jobs.keys.lock("tidy"))
    janitor.tidy()
    assert not path.exists() and jobs.home.job(claim.id).exists()


def test_what_is_no_leftover_stays_for_ever(jobs: JobStore, janitor: Janitor) -> None:
    new_job(jobs)
    claim = begun(jobs)
    folder = jobs.home.job(claim.id)
    kept = [folder / "checkpoints" / "000000010-f1.safetensors", folder / "log.txt"]
    kept += [folder / "snapshots" / "000000010" / "model.json", jobs.home.models / "cats" / ".1"]
    kept += [jobs.home.datasets / "ds-1" / "dataset.json", jobs.home.jobs / ".damaged-job-1" / "a"]
    for path in kept:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("{}")
    jobs.finish(claim, JobState.SUCCEEDED)
    make_old(jobs.home.root, 100 * LEFTOVER_SECONDS)
    janitor.tidy()
    assert [path for path in kept if not path.exists()] == []


def test_a_link_is_removed_and_what_it_points_to_stays(jobs: JobStore, janitor: Janitor) -> None:
    target = leave(jobs.home, "datasets/ds-1", "")
    link = jobs.home.datasets / ".link.tmp"
    link.symlink_to(target)
    remove_leftover(link)
    remove_leftover(link)  # somebody was quicker
    assert not link.is_symlink() and (target / "file").exists()


def test_an_upload_stays_while_its_job_needs_it(jobs: JobStore, janitor: Janitor) -> None:
    store = DatasetStore(jobs.home)
    dataset_id, folder = store.begin("Cats")
    job, _ = jobs.create(JobKind.INGEST, {"dataset": dataset_id})
    store.attach(dataset_id, job.id)
    make_old(folder, 100 * LEFTOVER_SECONDS)
    janitor.sweep({job.id: jobs.get(job.id)})
    claim = claimed(jobs, queue="prepare")
    janitor.sweep({job.id: jobs.get(job.id)})
    assert folder.exists()
    store.attach(dataset_id, job.id)  # touched just now
    jobs.finish(claim, JobState.FAILED)
    janitor.sweep({job.id: jobs.get(job.id)})
    assert not folder.exists()


def test_an_upload_without_a_job_stays_an_hour(jobs: JobStore, janitor: Janitor) -> None:
    dataset_id, folder = DatasetStore(jobs.home).begin("Cats")
    make_old(folder, 2 * LEFTOVER_SECONDS)
    (folder / "just-arrived.png").write_text("x")
    janitor.sweep({})
    assert folder.exists()
    make_old(folder, LEFTOVER_SECONDS + 60)
    janitor.sweep({})
    with pytest.raises(NotFound):
        DatasetStore(jobs.home).get(dataset_id)


def test_jobs_are_forgotten_when_their_days_are_over_and_models_stay(
    jobs: JobStore, janitor: Janitor
) -> None:
    new_job(jobs)
    claim = begun(jobs)
    source = weights(jobs.home.job(claim.id) / "publish-f1")
    ModelStore(jobs.home).publish(source, "cats", {"job": claim.id})
    jobs.finish(claim, JobState.SUCCEEDED)
    recent, waiting = new_job(jobs), new_job(jobs)
    jobs.ask(recent.id, "cancel")
    aged(jobs, claim.id, days=31)
    aged(jobs, recent.id, days=29)
    janitor.tidy()
    assert set(jobs.ids(None, 10)) == {recent.id, waiting.id} == set(jobs.ledger.on_disk())
    assert not jobs.client.exists(jobs.keys.job(claim.id), jobs.keys.events(claim.id))
    with pytest.raises(NotFound):
        jobs.get(claim.id)
    assert [model.name for model in ModelStore(jobs.home).all()] == ["cats"]


def aged(jobs: JobStore, job_id: str, days: float) -> None:
    """As if the job had ended so long ago."""
    at = datetime.now(UTC) - timedelta(days=days)
    jobs.client.hset(jobs.keys.job(job_id), "finished_at", str(int(at.timestamp() * 1000)))


def test_one_process_tidies_at_a_time(jobs: JobStore, monkeypatch: pytest.MonkeyPatch) -> None:
    rounds: list[int] = []
    barrier = threading.Barrier(4)
    monkeypatch.setattr(Janitor, "adopt", lambda _: rounds.append(1))

    def tidy(_: int) -> None:
        barrier.wait()
        Janitor(jobs, keep_days=30).tidy()

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(tidy, range(4)))
    assert len(rounds) == 1
    left = jobs.client.ttl(jobs.keys.lock("tidy"))
    assert isinstance(left, int) and 0 < left <= 60  # whoever dies with it does not keep it


def test_a_damaged_upload_record_does_not_stop_the_round(jobs: JobStore, janitor: Janitor) -> None:
    store = DatasetStore(jobs.home)
    (_, damaged), (_, other) = store.begin("a"), store.begin("b")
    (damaged / "upload.json").write_text("{")
    write_json(other / "upload.json", ["no", "record"])
    for folder in (damaged, other):
        make_old(folder, LEFTOVER_SECONDS - 60)
    janitor.sweep({})
    assert damaged.exists() and other.exists()
