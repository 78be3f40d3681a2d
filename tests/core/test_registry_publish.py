"""Publishing: once by job, whatever its attempts do, and never the same number for two jobs."""

import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from core import registry
from core.errors import NotFound
from core.files import read_json
from core.home import Home
from core.registry import DECISION, ModelStore
from core.schemas import Model
from core.settings import Settings
from tests.core.test_stores import weights


@pytest.fixture
def home(settings: Settings) -> Home:
    for number in range(4):
        settings.folders.job(f"job-{number}").mkdir()
    return settings.folders


def publish(home: Home, job: str, fence: int) -> Model:
    """One attempt, with weights that name it."""
    source = weights(home.job(job) / f"publish-f{fence}", f"{job} {fence}".encode())
    return ModelStore(home).publish(source, "cats", {"job": job})


def versions(home: Home) -> list[int]:
    return [model.version for model in ModelStore(home).versions("cats")][::-1]


def content(home: Home, version: int) -> bytes:
    return (home.model("cats") / str(version) / "model.safetensors").read_bytes()


def at_once(works: list[Callable[[], Model]]) -> list[Model]:
    barrier = threading.Barrier(len(works))

    def run(work: Callable[[], Model]) -> Model:
        barrier.wait()
        return work()

    with ThreadPoolExecutor(len(works)) as pool:
        return list(pool.map(run, works))


def test_attempts_of_one_job_that_publish_at_once_make_one_version(home: Home) -> None:
    made = at_once([lambda fence=fence: publish(home, "job-1", fence) for fence in range(4)])
    assert made == [made[0]] * 4
    assert versions(home) == [made[0].version]
    assert [path.name for path in home.job("job-1").iterdir()] == [DECISION]


def test_jobs_that_publish_at_once_get_numbers_of_their_own(home: Home) -> None:
    made = at_once([lambda job=job: publish(home, f"job-{job}", 1) for job in range(4)])
    assert sorted(model.version for model in made) == versions(home) == [1, 2, 3, 4]
    for model in made:
        assert content(home, model.version) == f"{model.job} 1".encode()


@pytest.mark.parametrize("point", ["publish.begin", "publish.numbered", "publish.decided"])
def test_a_zombie_that_wakes_up_while_it_publishes_changes_nothing(
    home: Home, point: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    others: list[Model] = []

    def meanwhile(name: str) -> None:
        if name == point and not others:
            with monkeypatch.context() as patch:
                patch.setattr(registry, "crash_point", lambda _: None)
                others.append(publish(home, "job-1", 2))

    monkeypatch.setattr(registry, "crash_point", meanwhile)
    assert publish(home, "job-1", 1) == others[0]
    assert versions(home) == [others[0].version]
    assert content(home, others[0].version) == b"job-1 2"
    assert not (home.job("job-1") / "publish-f1").exists()


def test_a_zombie_that_wakes_up_before_its_rename_changes_nothing(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    rename, others = registry.publish_folder, list[Model]()

    def late(source: Path, target: Path) -> None:
        monkeypatch.setattr(registry, "publish_folder", rename)
        others.append(publish(home, "job-1", 2))
        rename(source, target)

    monkeypatch.setattr(registry, "publish_folder", late)
    assert publish(home, "job-1", 1) == others[0]
    assert versions(home) == [1] and content(home, 1) == b"job-1 2"


@pytest.mark.parametrize(
    "point", ["publish.begin", "publish.numbered", "publish.decided", "rename"]
)
def test_a_zombie_does_not_bring_back_what_was_removed(
    home: Home, point: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    rename, others = registry.publish_folder, list[Model]()

    def meanwhile(name: str) -> None:
        if name == point and not others:
            with monkeypatch.context() as patch:
                patch.setattr(registry, "crash_point", lambda _: None)
                patch.setattr(registry, "publish_folder", rename)
                others.append(publish(home, "job-1", 2))
                ModelStore(home).remove("cats", others[0].version)

    def late(source: Path, target: Path) -> None:
        meanwhile("rename")
        rename(source, target)

    monkeypatch.setattr(registry, "crash_point", meanwhile)
    monkeypatch.setattr(registry, "publish_folder", late)
    with pytest.raises(NotFound, match="was removed"):
        publish(home, "job-1", 1)
    assert len(others) == 1 and versions(home) == []
    assert not (home.job("job-1") / "publish-f1").exists()


def test_an_attempt_that_gets_ready_after_the_removal_publishes_nothing(home: Home) -> None:
    publish(home, "job-1", 1)
    ModelStore(home).remove("cats", 1)
    with pytest.raises(NotFound, match="was removed"):
        publish(home, "job-1", 2)
    assert versions(home) == [] and not (home.job("job-1") / "publish-f2").exists()
    assert publish(home, "job-2", 1).version == 2


def test_another_job_takes_the_next_number_while_one_is_being_published(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    rename = registry.publish_folder

    def late(source: Path, target: Path) -> None:
        monkeypatch.setattr(registry, "publish_folder", rename)
        assert publish(home, "job-2", 1).version == 2
        rename(source, target)

    monkeypatch.setattr(registry, "publish_folder", late)
    assert publish(home, "job-1", 1).version == 1
    assert versions(home) == [1, 2]


def test_an_attempt_that_finds_the_decision_keeps_its_number(home: Home) -> None:
    home.model("cats").mkdir()
    (home.job("job-1") / DECISION).write_text('{"version": 7}')
    assert publish(home, "job-1", 1).version == 7
    assert publish(home, "job-2", 1).version == 8
    assert read_json(home.job("job-1") / DECISION) == {"version": 7}


def test_the_numbers_of_removed_versions_are_not_given_again(home: Home) -> None:
    for number in (1, 2, 3):
        publish(home, f"job-{number}", 1)
    store = ModelStore(home)
    for version in (2, 3):
        store.remove("cats", version)
    assert publish(home, "job-0", 1).version == 4
    store.remove("cats", 4)
    store.remove("cats", 1)
    home.job("job-9").mkdir()
    assert publish(home, "job-9", 1).version == 5


def test_a_disk_error_is_not_taken_for_an_earlier_attempt(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(source: Path, target: Path) -> None:
        raise OSError(5, "Input/output error")

    with monkeypatch.context() as patch:
        patch.setattr(registry, "publish_folder", broken)
        with pytest.raises(OSError, match="Input/output"):
            publish(home, "job-1", 1)
    assert versions(home) == []
    source = home.job("job-1") / "publish-f1"
    assert ModelStore(home).publish(source, "cats", {"job": "job-1"}).version == 1


def test_a_model_that_comes_in_the_same_tick_as_another_is_seen(home: Home) -> None:
    reader = ModelStore(home)
    publish(home, "job-1", 1)
    assert len(reader.all()) == 1
    tick = home.models.stat()
    publish(home, "job-2", 1)
    os.utime(home.models, ns=(tick.st_atime_ns, tick.st_mtime_ns))
    assert len(reader.all()) == 2
