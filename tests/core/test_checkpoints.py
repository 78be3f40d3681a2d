"""Checkpoints as others see them: only complete ones, the newest first, handed on by links."""

from dataclasses import replace
from pathlib import Path

import pytest

from core.checkpoints import FOLDER, INIT, CheckpointRecord, checkpoint_records, hand_on
from core.files import write_json

RECORD = {"sha256": "0" * 64, "bytes": 7, "facts": {"seconds": 1.5}}


def checkpoint(job: Path, step: int, fence: int) -> Path:
    folder = job / FOLDER
    folder.mkdir(exist_ok=True)
    path = folder / f"{step:09d}-f{fence}.json"
    path.with_suffix(".safetensors").write_bytes(f"{step}/{fence}".encode())
    write_json(path, RECORD | {"step": step, "fence": fence})
    return path


def test_records_say_what_the_files_say(tmp_path: Path) -> None:
    path = checkpoint(tmp_path, 10, 2)
    (record,) = checkpoint_records(tmp_path)
    assert record == CheckpointRecord(
        path=path, step=10, fence=2, sha256="0" * 64, bytes=7, facts={"seconds": 1.5}
    )
    assert record.tensors.read_bytes() == b"10/2"


def test_newest_first_by_step_and_then_by_fence(tmp_path: Path) -> None:
    for step, fence in ((10, 2), (9, 3), (1_000_000_000, 1), (10, 11)):
        checkpoint(tmp_path, step, fence)
    found = [(record.step, record.fence) for record in checkpoint_records(tmp_path)]
    assert found == [(1_000_000_000, 1), (10, 11), (10, 2), (9, 3)]


def test_a_job_without_checkpoints_has_none(tmp_path: Path) -> None:
    assert checkpoint_records(tmp_path) == checkpoint_records(tmp_path / "no-job") == []


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"null", b'{"step": 1}', b"\xff"])
def test_a_damaged_record_does_not_hide_the_others(tmp_path: Path, content: bytes) -> None:
    checkpoint(tmp_path, 10, 1)
    checkpoint(tmp_path, 20, 1).write_bytes(content)
    assert [record.step for record in checkpoint_records(tmp_path)] == [10]


def test_what_is_half_written_or_a_planted_link_is_no_checkpoint(tmp_path: Path) -> None:
    path = checkpoint(tmp_path, 10, 1)
    (path.parent / "000000020-f1.safetensors").write_bytes(b"no record yet")
    (path.parent / ".000000030-f1.json.0badcafe.tmp").write_bytes(path.read_bytes())
    (path.parent / "000000040-f1.json").symlink_to(path)
    assert [record.step for record in checkpoint_records(tmp_path)] == [10]


def test_handed_on_checkpoints_are_the_same_files(tmp_path: Path) -> None:
    for step in (10, 20):
        checkpoint(tmp_path, step, 3)
    records = checkpoint_records(tmp_path)
    other = tmp_path / "other"
    other.mkdir()
    hand_on(records, other / FOLDER)
    assert checkpoint_records(other) == [
        replace(record, path=other / FOLDER / record.path.name) for record in records
    ]
    for record, handed in zip(records, checkpoint_records(other), strict=True):
        assert handed.tensors.samefile(record.tensors)
        record.tensors.unlink()  # the first job is forgotten
        assert handed.tensors.read_bytes() == f"{record.step}/3".encode()


def test_one_checkpoint_can_be_handed_on_under_a_name_of_its_own(tmp_path: Path) -> None:
    checkpoint(tmp_path, 10, 1)
    hand_on(checkpoint_records(tmp_path)[:1], tmp_path, INIT)
    assert (tmp_path / "init.safetensors").read_bytes() == b"10/1"
    assert (tmp_path / "init.json").exists()
    assert len(checkpoint_records(tmp_path)) == 1


def test_a_checkpoint_that_was_pruned_meanwhile_is_an_error(tmp_path: Path) -> None:
    checkpoint(tmp_path, 10, 1)
    records = checkpoint_records(tmp_path)
    records[0].path.unlink()
    with pytest.raises(FileNotFoundError):
        hand_on(records, tmp_path / "other")
