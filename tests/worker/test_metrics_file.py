"""The series of metrics: whole lines, every step once."""

import json
import os
import resource
from pathlib import Path

import pytest

from worker import metrics_file


def written(path: Path, steps: list[int]) -> Path:
    for step in steps:
        metrics_file.append(path, {"step": step})
    return path


def steps(path: Path) -> list[int]:
    return [json.loads(line)["step"] for line in path.read_text().splitlines()]


def test_steps_that_will_be_done_again_are_dropped(tmp_path: Path) -> None:
    path = written(tmp_path / "m", [1, 5, 9, 12])
    assert metrics_file.go_on_from(path, 9) == 9
    assert steps(written(path, [10])) == [1, 5, 9, 10]


def test_a_torn_last_line_is_dropped(tmp_path: Path) -> None:
    path = written(tmp_path / "m", [1, 5])
    with open(path, "a") as file:
        file.write('{"step": 6')
    metrics_file.go_on_from(path, 9)
    assert steps(path) == [1, 5]


def test_a_whole_file_is_left_alone(tmp_path: Path) -> None:
    path = written(tmp_path / "m", [1, 5])
    before = os.stat(path).st_ino
    metrics_file.go_on_from(path, 5)
    assert os.stat(path).st_ino == before
    assert metrics_file.go_on_from(tmp_path / "absent", 5) == 0


def test_a_line_that_finds_no_room_leaves_nothing(tmp_path: Path) -> None:
    path = written(tmp_path / "m", [1, 5])
    size = path.stat().st_size
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size + 3, limits[1]))
    try:
        with pytest.raises(OSError, match="large"):
            metrics_file.append(path, {"step": 6})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert steps(path) == [1, 5]


def test_the_tail_answers_each_step_once(tmp_path: Path) -> None:
    path = tmp_path / "m"
    tail = metrics_file.Tail(path, after=1)
    assert list(tail.until(9)) == []
    written(path, [1, 3, 5, 7])
    assert [line["step"] for line in tail.until(5)] == [3, 5]
    with open(path, "a") as file:
        file.write('{"step": 6}\n{"step": 8, "G"')  # rolled back; the second is being written
    assert [line["step"] for line in tail.until(9)] == [6]
    with open(path, "a") as file:
        file.write(": 0.5}\n")
    assert list(tail.until(9)) == [{"step": 8, "G": 0.5}]
