"""From files as people have them to arrays: layouts, bad sets, the same set twice."""

import gzip
import io
import json
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from core.errors import CorruptArchive, GanvasError, NoImages, StorageFull, TooLarge, UnsafePath
from worker.ingest import ingest as ingest_module
from worker.ingest.archive_rules import Limits
from worker.ingest.ingest import IngestProgress, IngestSpec, ingest
from worker.ingest.report import DataSet
from worker.sprites import Sprites, draw, factors_of

DATA = Path(__file__).parents[3] / "shared" / "data"
Files = dict[str, bytes]


def png(number: int, side: int = 32, mode: str = "RGB", form: str = "PNG") -> bytes:
    """A file whose pixels all are `number`, or (number, 0, 0)."""
    stream = io.BytesIO()
    colour = (number, 0, 0) if mode == "RGB" else number
    Image.new(mode, (side, side), colour).save(stream, form)
    return stream.getvalue()


def packed(path: Path, files: Files) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path


def finish(source: Path | Sprites, target: Path, **options: Any) -> DataSet:
    """Run an ingestion to its end; what is written agrees with what is returned."""
    settings: dict[str, Any] = {"processes": 1} | options
    events = ingest(source, target, IngestSpec(**settings))
    while True:
        try:
            assert isinstance(next(events), IngestProgress)
        except StopIteration as end:
            data = end.value
            break
    card = json.loads((target / "dataset.json").read_text())
    assert card == data.card()
    check_arrays(target, data)
    return data


def check_arrays(target: Path, data: DataSet) -> None:
    index = rows_of(target)
    assert len(index) == sum(data.splits.values())
    for side in data.resolutions:
        images = np.load(target / f"images-{side}.npy", mmap_mode="r", allow_pickle=False)
        assert images.shape == (data.images, side, side, data.channels)
        assert images.dtype == np.uint8
    assert (target / "labels.npy").exists() == bool(data.classes)
    if data.classes:
        labels = np.load(target / "labels.npy")
        assert labels.dtype == np.int64
        names = [row["label"] for row in index[: data.images]]
        assert [data.classes[n] if n >= 0 else None for n in labels.tolist()] == names
    with Image.open(target / "preview.png") as preview:
        assert preview.width <= 512
    expected = {"dataset.json", "index.jsonl", "labels.npy", "preview.png", "report.json"}
    assert all(path.name in expected or path.suffix == ".npy" for path in target.iterdir())


def made(tmp_path: Path, files: Files, **options: Any) -> tuple[DataSet, Path]:
    target = tmp_path / "target"
    return finish(packed(tmp_path / "a.zip", files), target, **options), target


def rows_of(target: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (target / "index.jsonl").read_text().splitlines()]


def report_of(target: Path) -> dict[str, Any]:
    return json.loads((target / "report.json").read_text())


def refused(
    tmp_path: Path, content: bytes, error: type[GanvasError], **options: Any
) -> GanvasError:
    """The error; and that nothing but the upload is left."""
    (tmp_path / "upload").write_bytes(content)
    (tmp_path / "target").mkdir()
    with pytest.raises(error) as refusal:
        finish(tmp_path / "upload", tmp_path / "target", **options)
    assert [path.name for path in tmp_path.iterdir()] == ["upload"]
    return refusal.value


def archive(files: Files) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as packing:
        for name, content in files.items():
            packing.writestr(name, content)
    return stream.getvalue()


# --- layouts ------------------------------------------------------------------------------


def test_images_stand_in_the_natural_order_of_their_names(tmp_path: Path) -> None:
    files = {f"{n}.png": png(n) for n in (10, 9, 100, 1, 2)} | {"a/3.jpg": png(0, form="JPEG")}
    data, target = made(tmp_path, files)
    assert [row["file"] for row in rows_of(target)] == [
        "1.png",
        "2.png",
        "9.png",
        "10.png",
        "100.png",
        "a/3.jpg",
    ]
    images = np.load(target / "images-32.npy")
    assert images[:5, 0, 0, 0].tolist() == [1, 2, 9, 10, 100]
    assert data.classes == []
    assert data.trains["generate"] is True
    assert data.trains["restore"] == "this version trains generate only"


def test_class_folders_become_labels(tmp_path: Path) -> None:
    files = {f"root/dog/{n}.png": png(n) for n in range(4)}
    files |= {f"root/cat/{n}.png": png(n + 50) for n in range(4)}
    data, target = made(tmp_path, files)
    assert data.classes == ["cat", "dog"]
    assert data.labels == {"cat": 4, "dog": 4}
    assert data.columns == ["image", "label"]
    assert np.load(target / "labels.npy").tolist() == [0] * 4 + [1] * 4


@pytest.mark.parametrize(
    "names",
    [
        ["1.png", "2.png", "3.png"],
        ["only/1.png", "only/2.png", "only/3.png"],
        ["a/b/1.png", "a/b/2.png", "a/b/3.png"],
        ["cat/1.png", "dog/2.png", "3.png"],
        ["train/1.png", "train/2.png", "test/3.png"],
    ],
)
def test_folders_that_are_no_classes(names: list[str], tmp_path: Path) -> None:
    data, _ = made(tmp_path, {name: png(place) for place, name in enumerate(names)})
    assert data.classes == []


def test_splits_are_kept_apart(tmp_path: Path) -> None:
    files = {
        "set/test/cat/1.png": png(1),
        "set/test/bird/2.png": png(2),
        "set/Train/dog/3.png": png(3),
        "set/Train/cat/4.png": png(4),
        "set/val/dog/5.png": png(5),
        "set/ground_truth/6.png": png(6),
    }
    data, target = made(tmp_path, files)
    assert data.images == 2
    assert data.splits == {"train": 2, "validation": 1, "test": 2}
    assert data.classes == ["cat", "dog"]
    heldout = np.load(target / "heldout-32.npy")
    assert heldout[:, 0, 0, 0].tolist() == [5, 2, 1]
    assert [row["split"] for row in rows_of(target)] == ["train"] * 2 + [
        "validation",
        "test",
        "test",
    ]
    assert report_of(target)["skipped"] == [
        {
            "file": "set/ground_truth/6.png",
            "reason": "outside the train, test and validation folders",
        }
    ]


def test_without_a_train_folder_everything_is_trained_on(tmp_path: Path) -> None:
    data, target = made(tmp_path, {"test/1.png": png(1), "test/2.png": png(2)})
    assert data.splits == {"train": 2}
    assert "no train folder" in report_of(target)["warnings"][0]


def test_metadata_lines_give_columns_and_labels(tmp_path: Path) -> None:
    lines = [
        {"file_name": "1.png", "text": "rot 🟥", "label": 7, "width": -1},
        {"file_name": "./2.png", "label": "x", "score": 0.5},
        {"file_name": "missing.png", "text": "gone"},
        {"text": "no name"},
    ]
    content = "\n".join(json.dumps(line) for line in lines) + "\nnot json\n[1]\n\n"
    files = {f"train/{n}.png": png(n) for n in (1, 2, 3)}
    files["train/metadata.jsonl"] = content.encode()
    data, target = made(tmp_path, files)
    assert data.classes == ["7", "x"]
    assert np.load(target / "labels.npy").tolist() == [0, 1, -1]
    assert data.columns == ["image", "label", "text", "width", "score"]
    first, second, third = rows_of(target)
    assert (first["text"], first["width"]) == ("rot 🟥", 32)
    assert second["score"] == 0.5
    assert third["label"] is None
    warnings = " ".join(report_of(target)["warnings"])
    assert "3 lines are no rows" in warnings
    assert "1 rows of the metadata name files that are not there" in warnings
    assert "1 images have no label" in warnings


def test_metadata_tables_are_read_and_folder_labels_stay(tmp_path: Path) -> None:
    table = b'\xef\xbb\xbffile_name,text\r\ncat/1.png,"a, cat"\r\ndog/1.png,a dog,too much\r\n'
    files = {"cat/1.png": png(1), "dog/1.png": png(2), "metadata.csv": table}
    data, target = made(tmp_path, files)
    assert data.classes == ["cat", "dog"]
    assert [row["text"] for row in rows_of(target)] == ["a, cat", "a dog"]


def test_partner_images_of_a_row_are_not_trained_on(tmp_path: Path) -> None:
    line = {"file_name": "out/1.png", "input_file_name": "in/1.png"}
    files = {"out/1.png": png(1), "out/2.png": png(2), "in/1.png": png(3)}
    files["metadata.jsonl"] = json.dumps(line).encode()
    data, target = made(tmp_path, files)
    assert data.images == 2
    assert "another image of a row" in report_of(target)["skipped"][0]["reason"]


def test_hostile_metadata_is_data(tmp_path: Path) -> None:
    lines = [
        '{"file_name": "1.png", "text": "\\ud800", "n": NaN, "big": 1e999}',
        '{"file_name": "../../2.png", "text": "elsewhere"}',
        '{"file_name": "2.png", "deep": ' + "[" * 5000 + "]" * 5000 + "}",
        '{"file_name": "2.png", "long": "' + "x" * 10_000 + '"}',
        '{"file_name": "3.png", "number": ' + "9" * 10_000 + "}",
    ]
    files = {f"{n}.png": png(n) for n in (1, 2, 3)} | {"metadata.jsonl": "\n".join(lines).encode()}
    _, target = made(tmp_path, files)
    assert rows_of(target)[0]["text"] == "?"
    assert rows_of(target)[0]["n"] is None
    assert len(rows_of(target)[1]["long"]) == 2000


def test_i12_odd_names_are_data(tmp_path: Path) -> None:
    names = [
        "a\nb.png",
        "😀.png",
        "-rf.png",
        "A.png",
        "a.png",
        "é.png",
        "e\u0301.png",
        "x" * 251 + ".png",
    ]
    _, target = made(tmp_path, {name: png(place) for place, name in enumerate(names)})
    assert {row["file"] for row in rows_of(target)} == set(names)


def test_two_entries_of_one_name_are_told(tmp_path: Path) -> None:
    with (
        pytest.warns(UserWarning, match="Duplicate"),
        zipfile.ZipFile(tmp_path / "a.zip", "w") as z,
    ):
        for number, name in enumerate(["1.png", "1.png", "2.png"]):
            z.writestr(name, png(number))
    finish(tmp_path / "a.zip", tmp_path / "target")
    assert report_of(tmp_path / "target")["skipped"] == [
        {"file": "1.png", "reason": "a second file of the same name"}
    ]


# --- sizes and channels -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("side", "resolutions"),
    [(8, [32]), (32, [32]), (33, [32, 64]), (100, [32, 64, 128]), (300, [32, 64, 128, 256])],
)
def test_resolutions_reach_up_to_the_native_one(
    side: int, resolutions: list[int], tmp_path: Path
) -> None:
    data, _ = made(tmp_path, {f"{n}.png": png(n, side) for n in range(3)})
    assert data.resolutions == resolutions
    assert data.sizes == {"min": [side, side], "max": [side, side]}


def test_one_coloured_image_makes_the_set_coloured(tmp_path: Path) -> None:
    grey = {f"{n}.png": png(n, mode="L") for n in range(5)}
    data, target = made(tmp_path, grey)
    assert data.channels == 1
    assert np.load(target / "images-32.npy")[:, 0, 0, 0].tolist() == [0, 1, 2, 3, 4]
    (tmp_path / "more").mkdir()
    data, _ = made(tmp_path / "more", grey | {"5.png": png(5)})
    assert data.channels == 3


def test_i11_odd_modes_are_counted(tmp_path: Path) -> None:
    stream = io.BytesIO()
    Image.fromarray(np.full((32, 32), 1000, np.uint16)).save(stream, "PNG")
    files = {"1.png": png(1), "2.png": png(2, mode="L"), "3.png": png(3, mode="P")}
    _, target = made(tmp_path, files | {"4.png": stream.getvalue(), "5.png": png(9, side=8)})
    assert report_of(target)["modes"] == {"RGB": 2, "L": 1, "P": 1, "I;16": 1}
    assert report_of(target)["tiny"] == 1


# --- bad sets -----------------------------------------------------------------------------


def test_i9_bad_images_among_good_ones_are_skipped_and_told(tmp_path: Path) -> None:
    good = {f"{n}.png": png(n) for n in range(8)}
    bad = {
        "cut.png": png(99, 64)[:60],
        "text.png": b"no image",
        "speck.png": png(1, side=1),
        "film.gif": png(1, form="GIF"),
        "empty.png": b"",
        "notes.txt": b"hello",
        "more.zip": archive({"1.png": b""}),
        "__MACOSX/._0.png": b"",
    }
    data, target = made(tmp_path, good | bad)
    reasons = {entry["file"]: entry["reason"] for entry in report_of(target)["skipped"]}
    assert data.images == 8
    assert data.skipped == len(reasons) == 7
    assert reasons.pop("cut.png") in ("truncated", "damaged")
    assert reasons == {
        "text.png": "not an accepted format (PNG, JPEG, WebP and BMP are)",
        "film.gif": "not an accepted format (PNG, JPEG, WebP and BMP are)",
        "empty.png": "not an accepted format (PNG, JPEG, WebP and BMP are)",
        "speck.png": "smaller than 8 px",
        "notes.txt": "not an image file",
        "more.zip": "an archive within an archive is not opened",
    }
    assert np.load(target / "images-32.npy")[:, 0, 0, 0].tolist() == list(range(8))


def test_i7_sets_without_enough_images_are_refused_with_counts(tmp_path: Path) -> None:
    for place, (files, words) in enumerate(
        [
            ({}, "There are no PNG"),
            ({"a.txt": b"1", "b.txt": b"2"}, "2 other files"),
            ({"a.png": png(1)}, "At least 2"),
            ({"a.png": png(1), "b.png": png(1)}, "1 are copies"),
            (
                {"a.png": png(1), "b.png": png(2), "c.png": b"", "d.png": b"1", "e.png": b"2"},
                "half",
            ),
        ]
    ):
        folder = tmp_path / str(place)
        folder.mkdir()
        assert words in refused(folder, archive(files), NoImages).detail


def test_unreadable_files_of_a_refused_set_are_named(tmp_path: Path) -> None:
    error = refused(tmp_path, archive({"a.png": b"1", "b.png": b"2"}), NoImages)
    assert [entry["file"] for entry in error.errors] == ["a.png", "b.png"]


def test_i1_i5_bad_archives_leave_nothing_behind(tmp_path: Path) -> None:
    good = archive({f"{n}.png": png(n) for n in range(9)})
    cases: list[tuple[bytes, type[GanvasError]]] = [
        (good[:-40], CorruptArchive),
        (b"no archive at all", CorruptArchive),
        (archive({"../1.png": png(1), "2.png": png(2)}), UnsafePath),
        (archive({"1.png": png(1)} | {f"{n}.txt": b"" for n in range(20)}), TooLarge),
    ]
    for place, (content, error) in enumerate(cases):
        folder = tmp_path / str(place)
        folder.mkdir()
        refused(folder, content, error, limits=Limits(entries=15))


def test_damage_that_shows_only_while_decoding_leaves_nothing_behind(tmp_path: Path) -> None:
    """The last entry's checksum is wrong; a gzip whose end is missing."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as tar:
        for number in range(50):
            content = png(number)
            member = tarfile.TarInfo(f"{number}.png")
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    refused(tmp_path, gzip.compress(stream.getvalue())[:-300], CorruptArchive)


def test_closing_early_leaves_nothing_behind(tmp_path: Path) -> None:
    events = ingest(Sprites(count=300, resolution=32), tmp_path / "target")
    assert next(events).phase == "decoding"
    events.close()
    assert list(tmp_path.iterdir()) == []


def test_progress_goes_through_three_phases(tmp_path: Path) -> None:
    source = packed(tmp_path / "a.zip", {f"{n}.png": png(n) for n in range(120)})
    events = list(ingest(source, tmp_path / "target", IngestSpec(processes=1)))
    assert list(dict.fromkeys(event.phase for event in events)) == [
        "reading",
        "decoding",
        "writing",
    ]
    assert events[-1] == IngestProgress(phase="writing", done=120, total=120)


def test_a_full_disk_is_said_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ingest_module.shutil, "disk_usage", lambda path: _Usage())
    refused(tmp_path, archive({"1.png": png(1), "2.png": png(2)}), StorageFull)


class _Usage:
    free = 100


def test_a_folder_that_is_not_empty_is_not_touched(tmp_path: Path) -> None:
    (tmp_path / "precious").write_text("1")
    with pytest.raises(AssertionError):
        finish(Sprites(count=2), tmp_path)
    assert (tmp_path / "precious").exists()


# --- health -------------------------------------------------------------------------------


def test_i12_copies_are_left_out_and_listed(tmp_path: Path) -> None:
    files = {"test/1.png": png(1), "train/5.png": png(1), "train/6.png": png(2)}
    files |= {"train/7.png": png(2), "train/8.png": png(3)}
    data, target = made(tmp_path, files)
    assert data.splits == {"train": 3}
    assert report_of(target)["duplicates"] == [
        {"file": "train/7.png", "same_as": "train/6.png"},
        {"file": "test/1.png", "same_as": "train/5.png"},
    ]


def test_i17_identical_pixels_are_warned_of(tmp_path: Path) -> None:
    files = {f"{n}.png": png(0, mode="L") + bytes(n) for n in range(4)}
    _, target = made(tmp_path, files)
    assert any("identical" in warning for warning in report_of(target)["warnings"])


def test_a_class_that_is_nearly_everything_is_warned_of(tmp_path: Path) -> None:
    files = {f"a/{n}.png": png(n) for n in range(30)} | {"b/1.png": png(99)}
    _, target = made(tmp_path, files)
    assert any("90 %" in warning for warning in report_of(target)["warnings"])


# --- the same set is the same -------------------------------------------------------------


def test_the_hash_is_that_of_the_images_not_of_their_packing(tmp_path: Path) -> None:
    files = {f"{kind}/{n}.png": png(n + 10 * len(kind)) for kind in ("a", "bb") for n in range(9)}
    for name, content in files.items():
        (tmp_path / "folder" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "folder" / name).write_bytes(content)
    packed(tmp_path / "1.zip", files)
    packed(tmp_path / "2.zip", {f"root/{name}": files[name] for name in reversed(files)})
    with tarfile.open(tmp_path / "3.tgz", "w:gz") as tar:
        tar.add(tmp_path / "folder", arcname=".")
    (tmp_path / "upload").mkdir()
    names = []
    for place, (name, content) in enumerate(files.items()):
        (tmp_path / "upload" / f"{place:06d}").write_bytes(content)
        names.append({"stored": f"{place:06d}", "name": name})
    (tmp_path / "upload" / "names.json").write_text(json.dumps({"files": names}))
    sources = [("folder", 1), ("1.zip", 1), ("2.zip", 2), ("3.tgz", 1), ("upload", 1)]
    hashes = {
        finish(tmp_path / source, tmp_path / f"out-{source}", processes=processes).sha256
        for source, processes in sources
    }
    assert len(hashes) == 1
    changed = files | {"a/0.png": png(200)}
    assert finish(packed(tmp_path / "4.zip", changed), tmp_path / "4").sha256 not in hashes
    moved = {name.replace("bb/", "cc/"): content for name, content in files.items()}
    assert finish(packed(tmp_path / "5.zip", moved), tmp_path / "5").sha256 not in hashes


def test_sprites_become_a_labelled_set(tmp_path: Path) -> None:
    data = finish(Sprites(count=150, resolution=64, seed=3), tmp_path / "a", processes=2)
    assert data.resolutions == [32, 64]
    assert len(data.classes) == 8
    images = np.load(tmp_path / "a" / "images-64.npy")
    rows = rows_of(tmp_path / "a")
    for index in (0, 77, 149):
        assert np.array_equal(images[index], np.asarray(draw(3, index, 64)[0]))
        factors = factors_of(3, index)
        assert {key: rows[index][key] for key in factors} == factors
        assert rows[index]["label"] == factors["kind"]
    again = finish(Sprites(count=150, resolution=64, seed=3), tmp_path / "b")
    assert again.sha256 == data.sha256


@pytest.mark.skipif(not DATA.exists(), reason="needs ../shared/data beside the repository")
def test_the_digits_become_ten_classes(tmp_path: Path) -> None:
    data = finish(DATA / "digits-28.zip", tmp_path / "digits", processes=2)
    assert (data.images, data.channels, data.resolutions) == (10_000, 1, [32])
    assert data.classes == [str(digit) for digit in range(10)]
