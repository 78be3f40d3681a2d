"""The training process: killed, replaced, short of memory or disk, and told what to do."""

import os
import resource
import shutil
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest

from core.alarms import alarms_of
from core.files import read_json, sha256_of, write_json
from core.registry import snapshot_folders
from core.samples import samples_of
from tests.small_disk import fill, small_disk
from tests.worker.datasets import dataset
from tests.worker.trainings import Attempt, Desk
from worker import checkpoint
from worker.channel import DONE, FAILED, RELEASED

pytestmark = pytest.mark.service
STEPS = 12
OFTEN: dict[str, Any] = {"train_checkpoint_seconds": 0.001}  # a checkpoint after every step
NEVER: dict[str, Any] = {"train_checkpoint_seconds": 3600}


def undisturbed(desk: Desk) -> str:
    """The digest of the model that a copy of the job leaves when nothing happens to it."""
    copy = desk.again(desk.home.root.with_name("undisturbed"))
    with Attempt(copy, 1, **NEVER) as attempt:
        assert attempt.end() == DONE, attempt.seen
    return copy.published(1)


@pytest.mark.parametrize(
    ("architecture", "threads"),
    [("skip", 2), *(pytest.param(name, 1, marks=pytest.mark.slow) for name in ("skip", "dcgan"))],
)
def test_killed_at_any_moment_and_resumed_the_model_has_the_same_bytes(
    architecture: str, threads: int, tmp_path: Path
) -> None:
    """With two threads by two pairs; it is measured after every fourth step."""
    desk = Desk(tmp_path / "home", dataset(count=48))
    desk.settle(STEPS, threads=threads, architecture=architecture, batch=8, measure_kimg=0.032)
    expected = undisturbed(desk)
    with Attempt(desk, 1, **OFTEN, crash_at="checkpoint.weights#6") as attempt:
        assert attempt.end() == -9
    found = checkpoint.load(desk.folder / "checkpoints")
    assert found is not None and found[1].facts["gauge"]["best"]["step"] == 4
    assert any(name.startswith(checkpoint.BEST) for name in found[1].tensors)
    with Attempt(desk, 2, **OFTEN) as attempt:
        attempt.until("checkpoint")
    with Attempt(desk, 3, **OFTEN) as attempt:
        attempt.until("progress")
    with Attempt(desk, 4, **OFTEN) as attempt:
        assert attempt.end() == DONE, attempt.seen
        resumed = attempt.of("progress")[0]["step"]
        assert 6 <= resumed <= STEPS
    assert desk.published(4) == expected
    steps = desk.steps()
    assert steps == sorted(set(steps))
    assert steps[-1] == STEPS


def test_alarms_and_samples_of_killed_attempts_last_and_stand_once(tmp_path: Path) -> None:
    desk = Desk(tmp_path / "home", dataset(count=48))
    unable: dict[str, Any] = {"lr": 1e-12, "lr_final": 1e-12, "measure_kimg": 0.004}
    desk.settle(20, batch=8, **unable)
    desk.attempt(1, shrink=1)
    with Attempt(desk, 1, **OFTEN, crash_at="checkpoint.weights#6") as attempt:
        assert attempt.end() == -9
        assert [alarm["step"] for alarm in attempt.of("alarm")] == [0, 6]
    (desk.folder / "samples" / "000000019.png").write_bytes(b"of steps that will be done again")
    with Attempt(desk, 2, **OFTEN, crash_at="checkpoint.saved#2") as attempt:
        assert attempt.end() == -9
        assert [alarm["kind"] for alarm in attempt.of("alarm")] == ["stuck"]
    with Attempt(desk, 3, **OFTEN) as attempt:
        assert attempt.end() == DONE, attempt.seen
        counts = [r["value"] for r in attempt.seen if r["field"] == "alarms"]
    told = alarms_of(desk.folder)
    assert [(alarm.step, alarm.kind) for alarm in told] == [
        (0, "memory"),
        (6, "stuck"),
        (8, "plateau"),
    ]
    assert counts[-1] == 3 and told[0].at < told[1].at < told[2].at
    drawn = samples_of(desk.folder, "/samples")
    steps = [sample.step for sample in drawn]
    assert (steps[0], steps[-1]) == (1, 20) and 19 not in steps
    assert [sample.kimg for sample in drawn] == [step * 4 / 1000 for step in steps]
    seconds = [sample.seconds or 0 for sample in drawn]
    assert seconds[0] > 0 and seconds == sorted(seconds)


@pytest.mark.slow
def test_what_killed_attempts_left_behind_is_removed(tmp_path: Path) -> None:
    desk = Desk(tmp_path / "home")
    desk.settle(4)
    for fence, point in enumerate(("snapshot.partial", "model.written"), 1):
        with Attempt(desk, fence, **OFTEN, crash_at=point) as attempt:
            assert attempt.end() == -9
    with Attempt(desk, 3, **OFTEN, crash_at="result.sent") as attempt:
        assert attempt.end() == -9
        assert attempt.of("result")[0]["published"]
    assert not (desk.folder / "publish-f1").exists()
    assert not (desk.folder / "publish-f2").exists()
    assert desk.weights(3).exists()
    assert [p.name for p in (desk.folder / "snapshots").iterdir() if p.name[0] == "."] == []
    assert len(snapshot_folders(desk.folder)) <= 2


def test_a_replaced_attempt_leaves_without_writing(tmp_path: Path) -> None:
    desk = Desk(tmp_path / "home")
    desk.settle(10**6)
    desk.attempt(1)
    with Attempt(desk, 1, **NEVER) as attempt:
        attempt.until("ready")
        desk.attempt(2)
        assert attempt.end() == RELEASED
        assert attempt.of("checkpoint") == attempt.of("error") == []
    assert not (desk.folder / "checkpoints").exists()


def test_a_checkpoint_on_demand_and_a_cancelled_training_that_publishes(tmp_path: Path) -> None:
    desk = Desk(tmp_path / "home")
    desk.settle(10**6)
    with Attempt(desk, 1, **NEVER) as attempt:
        attempt.until("ready")
        attempt.say("checkpoint")
        told = attempt.until("checkpoint")["data"]
        path = desk.folder / "checkpoints" / told["file"]
        assert sha256_of(path) == told["sha256"]
        assert (path.stat().st_size, told["kimg"]) == (told["bytes"], told["step"] * 4 / 1000)
        attempt.say("cancel")
        assert attempt.end() == DONE
        result = attempt.of("result")[0]
    assert (result["published"], result["cancelled"]) == (True, True)
    assert read_json(desk.folder / "publish-f1" / "model.json")["steps"] >= told["step"]


def test_memory_that_will_not_do_is_refused_before_the_first_step(tmp_path: Path) -> None:
    desk = Desk(tmp_path / "home")
    desk.settle(3)
    with Attempt(desk, 1, train_memory=10**8) as attempt:
        assert attempt.end() == FAILED
        (error,) = attempt.of("error")
    assert error["code"] == "out_of_memory"
    assert "100 MB are available; ask for a smaller width, batch" in error["detail"]
    assert attempt.of("ready") == []


def test_memory_that_runs_out_is_told_as_such(tmp_path: Path) -> None:
    desk = Desk(tmp_path / "home", dataset(count=12, resolution=128))
    spec = desk.settle(3)
    shape = replace(spec.shape, resolution=128)
    huge = replace(spec, shape=shape, recipe=replace(spec.recipe, batch=1024))
    write_json(desk.folder / "spec.json", asdict(huge))
    desk.request({"steps": 10**6}, {}, resolution=128)
    with Attempt(desk, 1, train_memory=10**13) as attempt:
        attempt.until("ready")
        pages = int(Path(f"/proc/{attempt.process.pid}/statm").read_text().split()[0])
        room = pages * resource.getpagesize() + 3 * 10**8  # one layer's output needs that
        resource.prlimit(attempt.process.pid, resource.RLIMIT_AS, (room, room))
        assert attempt.end() == FAILED
        (error,) = attempt.of("error")
    assert error["code"] == "out_of_memory"
    assert "smaller width, batch or resolution" in error["detail"]


def test_after_memory_ran_out_the_batch_is_halved_and_that_is_told(tmp_path: Path) -> None:
    desk = Desk(tmp_path / "home")
    desk.settle(6)
    desk.attempt(1, shrink=1)
    with Attempt(desk, 1) as attempt:
        assert attempt.end() == DONE, attempt.seen
        (alarm,) = attempt.of("alarm")
        assert attempt.of("result")[0]["resolved"]["recipe"]["batch"] == 2
        assert attempt.of("progress")[-1]["kimg"] == 0.012
    assert (alarm["kind"], alarm["message"][-11:]) == ("memory", "from 4 to 2")
    assert read_json(desk.folder / "spec.json")["recipe"]["batch"] == 4


@pytest.mark.slow
def test_a_full_disk_is_waited_for_and_changes_nothing(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", "12m") as disk:
        desk = Desk(disk / "home")
        desk.settle(6)
        expected = undisturbed(desk)
        with Attempt(desk, 1, **OFTEN, crash_at="checkpoint.saved#2") as attempt:
            assert attempt.end() == -9
        fill(disk / "filler")
        with Attempt(desk, 2, **OFTEN) as attempt:
            alarm = attempt.until("alarm")["data"]
            attempt.until("phase", phase="waiting for disk space")
            intact = checkpoint.load(desk.folder / "checkpoints")
            os.unlink(disk / "filler")
            attempt.until("phase", phase="training")
            assert attempt.end() == DONE, attempt.seen
        assert alarm["kind"] == "disk_full"
        assert attempt.of("alarm") == [alarm]
        assert [told.kind for told in alarms_of(desk.folder)] == ["disk_full"]
        assert intact is not None
        assert intact[0].step == 2
        assert desk.published(2) == expected


@pytest.mark.slow
def test_a_disk_that_stays_full_ends_the_training_with_advice(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", "12m") as disk:
        desk = Desk(disk / "home")
        desk.settle(10**6)
        with Attempt(desk, 1, **OFTEN, train_disk_patience=0) as attempt:
            attempt.until("checkpoint", 2)
            fill(disk / "filler")
            assert attempt.end() == FAILED
            (error,) = attempt.of("error")
        assert error["code"] == "disk_full"
        assert "Make room" in error["detail"]
        assert checkpoint.load(desk.folder / "checkpoints") is not None
        assert list((desk.folder / "checkpoints").glob(".*")) == []


@pytest.mark.parametrize(("word", "code"), [("cancel", DONE), ("", RELEASED)])
def test_checkpoint_that_is_written_on_leaving_is_told(
    word: str, code: int, tmp_path: Path
) -> None:
    desk = Desk(tmp_path / "home")
    desk.settle(10**6)
    with Attempt(desk, 1, **NEVER) as attempt:
        attempt.until("progress")
        if word:
            attempt.say(word)
        else:
            attempt.hang_up()
        assert attempt.end() == code, attempt.seen
        (told,) = attempt.of("checkpoint")
    found = checkpoint.load(desk.folder / "checkpoints")
    assert found is not None
    assert (told["step"], told["file"]) == (found[0].step, found[0].path.name)


@pytest.mark.parametrize(("word", "code"), [("cancel", DONE), ("", RELEASED)])
def test_who_waits_for_the_disk_still_listens(word: str, code: int, tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", "12m") as disk:
        desk = Desk(disk / "home")
        desk.settle(10**6)
        with Attempt(desk, 1, **OFTEN) as attempt:
            attempt.until("checkpoint", 2)
            fill(disk / "filler")
            attempt.until("phase", phase="waiting for disk space")
            if word:
                attempt.say(word)
            else:
                attempt.hang_up()
            assert attempt.end() == code, attempt.seen
            results: list[Any] = attempt.of("result")
        assert all(result["cancelled"] for result in results)


def test_too_small_a_disk_is_refused_before_the_first_step(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", "2m") as disk:
        desk = Desk(disk / "home")
        desk.settle(3)
        with Attempt(desk, 1) as attempt:
            assert attempt.end() == FAILED
            (error,) = attempt.of("error")
    assert error["code"] == "disk_full"
    assert "MB in HOME, 2 MB are free" in error["detail"]


def test_without_a_data_set_the_reason_is_told(tmp_path: Path) -> None:
    desk = Desk(tmp_path / "home")
    desk.settle(3)
    shutil.rmtree(desk.home.dataset("discs"))
    with Attempt(desk, 1) as attempt:
        assert attempt.end() == FAILED
        assert attempt.of("error")[0]["code"] == "dataset_changed"
