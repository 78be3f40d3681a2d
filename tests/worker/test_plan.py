"""What an attempt begins with: choices made once, damage passed over, strangers refused."""

import json
import os
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest

from core.errors import BadSpec, DatasetChanged, IncompatibleCheckpoint, NoDevice
from tests.worker.games import CPU, Folder, tiny_spec
from tests.worker.trainings import Desk
from worker import plan
from worker.checkpoint import State, saved
from worker.data import Dataset
from worker.device import Device
from worker.events import Checkpoint
from worker.spec import SPEC, Budget, TrainSpec, store_spec, stored_spec
from worker.train import train


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    """A job whose choices are made; its budget is six steps."""
    desk = Desk(tmp_path / "home")
    desk.settle(6)
    monkeypatch.setattr(plan, "known_device", lambda _: CPU)
    return desk


def made(desk: Desk, *, shrink: int = 0, budget: dict[str, Any] | None = None, **more: Any):
    request = {"budget": budget or {"steps": 6}, "options": {}, "seed": 1, **more}
    return plan.make(desk.folder, request, desk.data, shrink, desk.folder)


def trained(desk: Desk, steps: int, folder: Path | None = None) -> State:
    """Train to `steps`, a checkpoint after each; answers the last state."""
    started = made(desk, budget={"steps": steps})
    save = Folder(folder or desk.folder / "checkpoints")
    events = train(
        started.spec,
        desk.data,
        device=CPU,
        save=save,
        resume=started.resume,
        checkpoint_seconds=1e-9,
    )
    last = list(events)[-1]
    assert isinstance(last, Checkpoint)
    return last.state


def test_a_new_job_makes_its_choices_and_stores_them(desk: Desk) -> None:
    os.unlink(desk.folder / SPEC)
    first = made(desk)
    assert stored_spec(desk.folder) == first.spec
    assert made(desk, options={"lr": 0.5}).spec == first.spec
    assert (first.resume, first.weights, first.alarms) == (None, None, [])


def test_of_two_attempts_that_store_their_choices_the_first_holds(tmp_path: Path) -> None:
    first = store_spec(tmp_path, tiny_spec())
    assert store_spec(tmp_path, tiny_spec("r3")) == first == tiny_spec()
    assert [path.name for path in tmp_path.iterdir()] == [SPEC]


def test_damaged_choices_are_refused(desk: Desk) -> None:
    (desk.folder / SPEC).write_text("{")
    with pytest.raises(BadSpec):
        made(desk)


def test_a_halved_batch_is_told_and_not_stored(desk: Desk) -> None:
    smaller = made(desk, shrink=5)
    assert smaller.spec.recipe.batch == 2
    assert [alarm.kind for alarm in smaller.alarms] == ["memory"]
    assert made(desk).spec.recipe.batch == 4


def test_a_halved_batch_goes_on_counting_images(desk: Desk) -> None:
    trained(desk, 3)
    half = made(desk, shrink=1)
    save = Folder(desk.folder / "checkpoints")
    events = list(train(half.spec, desk.data, device=CPU, save=save, resume=half.resume))
    assert isinstance(events[-1], Checkpoint)
    assert events[-1].state.facts["images"] == 3 * 4 + 3 * 2


def test_an_earlier_job_is_continued_within_the_new_budget(desk: Desk, tmp_path: Path) -> None:
    trained(desk, 3)
    heir = Desk(tmp_path / "heir")
    (heir.folder / "checkpoints").mkdir()
    newest = saved(desk.folder / "checkpoints")[0].path
    for suffix in (".safetensors", ".json"):
        name = newest.with_suffix(suffix).name.replace("-f1", "-f0")
        os.link(newest.with_suffix(suffix), heir.folder / "checkpoints" / name)
    going_on = made(heir, budget={"steps": 12})
    assert going_on.resume is not None
    assert going_on.resume.facts["step"] == 3
    assert going_on.spec == replace(tiny_like(desk), budget=Budget(steps=12))
    assert stored_spec(heir.folder) == going_on.spec
    assert trained(heir, 12).facts["step"] == 12


def tiny_like(desk: Desk) -> TrainSpec:
    spec = stored_spec(desk.folder)
    assert spec is not None
    return spec


def test_a_spent_budget_ends_at_once(desk: Desk) -> None:
    trained(desk, 3)
    assert trained(desk, 2).facts["step"] == 3


@pytest.mark.parametrize("damage", ["truncated", "flipped", "facts", "header"])
def test_a_damaged_checkpoint_gives_way_to_the_one_before(desk: Desk, damage: str) -> None:
    trained(desk, 3)
    newest = saved(desk.folder / "checkpoints")[0].path
    spoil(newest, damage)
    going_on = made(desk)
    assert going_on.resume is not None
    assert going_on.resume.facts["step"] == 2
    (alarm,) = going_on.alarms
    assert alarm.kind == "damaged_checkpoint"
    assert newest.stem in alarm.message
    assert made(desk).alarms == []  # it is set aside: told once, and never kept before others


def spoil(path: Path, damage: str) -> None:
    header = path.with_suffix(".json")
    content = bytearray(path.read_bytes())
    if damage == "truncated":
        path.write_bytes(content[:100])
    elif damage == "flipped":
        content[len(content) // 2] ^= 1
        path.write_bytes(content)
    elif damage == "facts":
        header.write_text(header.read_text().replace('"sampler": 12', '"sampler": 13'))
    else:
        header.write_bytes(header.read_bytes()[:-9])


def test_when_all_are_damaged_it_begins_anew_once(desk: Desk) -> None:
    for again in (False, True):
        trained(desk, 2)
        for found in saved(desk.folder / "checkpoints"):
            spoil(found.path, "flipped")
        if again:
            with pytest.raises(IncompatibleCheckpoint, match="not the first time"):
                made(desk)
        else:
            fresh = made(desk)
            assert fresh.resume is None
            assert {alarm.kind for alarm in fresh.alarms} == {"damaged_checkpoint"}
            assert "beginning anew" in fresh.alarms[0].message


def rewritten(desk: Desk, old: str, new: str) -> None:
    """Change the newest header as another version might have written it."""
    header = saved(desk.folder / "checkpoints")[0].path.with_suffix(".json")
    record = json.loads(header.read_text().replace(old, new))
    record.pop("facts_sha256")
    header.write_text(json.dumps(record))


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ('"format": 1', '"format": 99', "is of format 99, this version reads format 1"),
        ('"architecture": "skip"', '"architecture": "r9"', "of other networks"),
        ('"width": 4', '"width": 5', "of other networks"),
        ('"recipe"', '"cookery"', "whose settings this one does not know"),
    ],
)
def test_checkpoints_of_other_versions_are_refused(
    desk: Desk, old: str, new: str, says: str
) -> None:
    trained(desk, 2)
    rewritten(desk, old, new)
    with pytest.raises(IncompatibleCheckpoint, match=says):
        made(desk)


def test_networks_that_are_not_there_any_more_are_refused(desk: Desk) -> None:
    stored = json.loads((desk.folder / SPEC).read_text())
    for change in ({"architecture": "r9"}, {"options": {"wings": 2}}):
        (desk.folder / SPEC).write_text(json.dumps(stored | change))
        with pytest.raises(IncompatibleCheckpoint, match="does not know the networks"):
            made(desk)


@pytest.mark.parametrize("change", [{"sha256": "1" * 64}, {"classes": ("a",)}])
def test_another_data_set_is_noticed(desk: Desk, change: dict[str, Any]) -> None:
    desk.data = replace(desk.data, **change)
    with pytest.raises(DatasetChanged, match=r"began with 12 images of 32 px \(sha256 00000"):
        made(desk)


def test_fewer_images_are_noticed(desk: Desk) -> None:
    data: Dataset = desk.data
    desk.data = replace(data, images=data.images[:-1])
    with pytest.raises(DatasetChanged, match="now there are 11"):
        made(desk)


def test_a_device_that_is_not_here_is_named(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    elsewhere = asdict(Device(name="cuda", dtype="bfloat16", channels_last=True, threads=1, rate=1))
    stored = json.loads((desk.folder / SPEC).read_text())
    (desk.folder / SPEC).write_text(json.dumps(stored | {"device": elsewhere}))
    with pytest.raises(NoDevice, match="began on cuda, which this machine does not have"):
        made(desk)
