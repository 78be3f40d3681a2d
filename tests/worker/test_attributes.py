"""Several labels for one image: from metadata as people have them to attributes.npy."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.worker.test_ingest import made, png, report_of, rows_of
from worker.ingest.metadata import MAX_ATTRIBUTES, listed
from worker.ingest.report import DataSet


def faces(tmp_path: Path, rows: list[Any], **more: bytes) -> tuple[DataSet, Path]:
    """A set of one image for each row, which is what its line says beside the file name."""
    lines = [{"file_name": f"{k}.png", **row} for k, row in enumerate(rows)]
    files = {f"{k}.png": png(k) for k in range(len(rows))}
    files["metadata.jsonl"] = "\n".join(map(json.dumps, lines)).encode()
    return made(tmp_path, files | {f"{name}.png": content for name, content in more.items()})


def table(tmp_path: Path, text: str) -> tuple[DataSet, Path]:
    count = len(text.splitlines()) - 1
    files = {f"{k}.png": png(k) for k in range(count)}
    return made(tmp_path, files | {"metadata.csv": text.encode()})


def marks(target: Path) -> list[list[int]]:
    found = np.load(target / "attributes.npy", allow_pickle=False)
    assert found.dtype == np.int8
    return found.tolist()


def test_lists_of_labels_become_attributes(tmp_path: Path) -> None:
    rows = [{"labels": ["smiling", "hat"]}, {"labels": []}, {"labels": ["hat"]}, {"labels": None}]
    data, target = faces(tmp_path, rows, more=png(200))
    assert (data.classes, data.attributes) == ([], ["hat", "smiling"])
    assert marks(target) == [[1, 1], [0, 0], [1, 0], [-1, -1], [-1, -1]]
    assert data.labels == report_of(target)["labels"] == {"hat": 2, "smiling": 1}
    assert data.columns == ["image", "labels"]
    assert [row.get("labels") for row in rows_of(target)] == [
        ["hat", "smiling"],
        [],
        ["hat"],
        None,
        None,
    ]
    assert "Of 2 images no `labels` are known." in report_of(target)["warnings"]


def test_bars_separate_labels_in_a_table(tmp_path: Path) -> None:
    data, target = table(tmp_path, "file_name,labels\n0.png,a|b\n1.png,\n2.png, b |b|\n3.png,none")
    assert data.attributes == ["a", "b"]
    assert marks(target) == [[1, 1], [0, 0], [0, 1], [0, 0]]


def test_labels_come_before_folders_which_is_said(tmp_path: Path) -> None:
    files = {"cat/0.png": png(0), "cat/1.png": png(1), "dog/2.png": png(2)}
    files["metadata.csv"] = b"file_name,labels\ncat/0.png,wet\ndog/2.png,"
    data, target = made(tmp_path, files)
    assert (data.classes, data.attributes) == ([], ["wet"])
    assert not (target / "labels.npy").exists()
    assert any("classes are ignored" in text for text in report_of(target)["warnings"])


def test_labels_of_held_out_images_stand_in_the_index(tmp_path: Path) -> None:
    files = {f"{split}/{k}.png": png(k) for k, split in enumerate(("train", "train", "test"))}
    rows = "file_name,labels\ntrain/0.png,a\ntrain/1.png,b\ntest/2.png,a|unknown"
    data, target = made(tmp_path, files | {"metadata.csv": rows.encode()})
    assert data.attributes == ["a", "b"]
    assert data.labels == {"a": 1, "b": 1}
    assert len(marks(target)) == 2
    assert rows_of(target)[2]["labels"] == ["a", "unknown"]


def test_columns_that_are_on_or_off_are_attributes(tmp_path: Path) -> None:
    text = (
        "file_name,Smiling,Hat,Young,note,same\n"
        "0.png,1,true,-1,x,1\n1.png,-1,False,1,1,1\n2.png,1,0,-1,0,1"
    )
    data, target = table(tmp_path, text)
    assert data.attributes == ["Hat", "Smiling", "Young"]
    assert marks(target) == [[1, 1, 0], [0, 0, 1], [0, 1, 0]]
    assert data.columns == ["image", "Smiling", "Hat", "Young", "note", "same"]


@pytest.mark.parametrize(
    "rows",
    [
        [{"a": 1}, {"a": 0}, {"b": 1}],
        [{"a": 1}, {"a": 2}, {"a": 0}],
        [{"a": 1}, {"a": None}, {"a": 0}],
        [{"a": 1}, {"a": 0.5}, {"a": 0}],
        [{"a": True}, {"a": True}, {"a": True}],
        [{"a": 1, "label": "x"}, {"a": 0, "label": "y"}, {"a": 0, "label": "y"}],
    ],
)
def test_columns_that_are_no_switches_of_every_image(rows: list[Any], tmp_path: Path) -> None:
    data, target = faces(tmp_path, rows)
    assert data.attributes == []
    assert not (target / "attributes.npy").exists()


@pytest.mark.parametrize(
    "value", [3, 0.5, True, {"a": 1}, [["a"]], [None], [1], [{"b": "c"}], [*list("ab"), True]]
)
def test_what_is_no_list_of_texts_is_unknown_and_counted(value: Any, tmp_path: Path) -> None:
    rows = [{"labels": ["a"]}, {"labels": ["b"]}, {"labels": value}]
    data, target = faces(tmp_path, rows)
    assert data.attributes == ["a", "b"]
    assert marks(target)[2] == [-1, -1]
    assert "1 lines have `labels` that are no list" in report_of(target)["warnings"][0]


def test_names_are_bounded_and_can_be_asked_for() -> None:
    names = listed(["a, b", " c\0\n\u202e ", "x" * 1000, "None", "", "c"])
    assert names == ("a; b", "c", "x" * 100)
    assert listed([str(k) for k in range(MAX_ATTRIBUTES)]) is not None
    assert listed([str(k) for k in range(MAX_ATTRIBUTES + 1)]) is None


def test_too_many_different_names_are_ignored(tmp_path: Path) -> None:
    half = MAX_ATTRIBUTES // 2 + 1
    rows = [{"labels": [f"{k}-{n}" for n in range(half)]} for k in range(2)]
    data, target = faces(tmp_path, rows)
    assert data.attributes == []
    assert any("too many for attributes" in text for text in report_of(target)["warnings"])


def test_equal_labels_of_all_images_teach_nothing(tmp_path: Path) -> None:
    data, target = faces(tmp_path, [{"labels": ["a"]}, {"labels": ["a"]}])
    assert data.attributes == []
    assert any("the same `labels`" in text for text in report_of(target)["warnings"])


def test_the_sum_covers_names_and_marks(tmp_path: Path) -> None:
    sums = set()
    for place, names in enumerate((["a"], ["b"], ["a", "b"])):
        folder = tmp_path / str(place)
        folder.mkdir()
        data, _ = faces(folder, [{"labels": names}, {"labels": []}])
        sums.add(data.sha256)
    assert len(sums) == 3


def test_an_attribute_of_nearly_all_is_told(tmp_path: Path) -> None:
    data, target = faces(tmp_path, [{"labels": ["a"]}] * 11 + [{"labels": []}])
    assert data.labels == {"a": 11}
    assert any("have the attribute 'a'" in text for text in report_of(target)["warnings"])
