"""What the folders and the metadata of a data set mean: splits, labels, columns, order.

The layout is that of Hugging Face's `imagefolder`, with two differences: folder labels are kept
beside metadata, unless it has a `label` column, and metadata at the root is accepted.
"""

import csv
import io
import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from worker.ingest.archive_rules import plain

SPLITS = {
    "train": "train",
    "training": "train",
    "test": "test",
    "testing": "test",
    "validation": "validation",
    "valid": "validation",
    "val": "validation",
    "dev": "validation",
}
METADATA = ("metadata.jsonl", "metadata.csv")
MAX_CLASSES = 1000
MAX_TEXT = 2000
MAX_COLUMNS = 64
_ORDER = ("train", "validation", "test")

Columns = dict[str, Any]


@dataclass(frozen=True, kw_only=True, slots=True)
class Found:
    """A file that may be an image, as the first reading of the source saw it."""

    ordinal: int  # its place in the source, which is read twice
    name: str
    sha256: str
    size: tuple[int, int] | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """An image to be decoded into the data set."""

    found: Found
    split: str
    label: str | None
    columns: Columns


@dataclass(kw_only=True)
class Plan:
    """The rows in their final order, training first; and what was left out, with the reasons."""

    rows: list[Row] = field(default_factory=list)
    skipped: list[tuple[str, str]] = field(default_factory=list)
    duplicates: list[tuple[str, str]] = field(default_factory=list)  # (left out, kept)
    warnings: list[str] = field(default_factory=list)


def natural(name: str) -> tuple[list[str | int], str]:
    """The key of the natural order: `2.png` before `10.png`."""
    parts = re.split(r"([0-9]+)", name)
    return [int(part) if place % 2 else part for place, part in enumerate(parts)], name


def read_metadata(name: str, content: bytes, plan: Plan) -> dict[str, Columns]:
    """The rows of a metadata file by the full names of their images; complaints go to `plan`."""
    folder = name.rpartition("/")[0]
    text = content.decode("utf-8-sig", errors="replace")
    rows: dict[str, Columns] = {}
    wrong: list[int] = []
    for place, row in _csv_rows(text) if name.lower().endswith(".csv") else _json_rows(text):
        file = row.get("file_name") if isinstance(row, dict) else None
        if isinstance(file, str):
            rows[_join(folder, plain(file))] = {
                plain(key)[:200]: _bounded(value)
                for key, value in islice(row.items(), MAX_COLUMNS)
                if key != "file_name"
            }
        else:
            wrong.append(place)
    if wrong:
        shown = ", ".join(map(str, wrong[:10]))
        plan.warnings.append(
            f"{name}: {len(wrong)} lines are no rows with a file_name and were ignored ({shown})."
        )
    return rows


def _json_rows(text: str) -> Iterator[tuple[int, Any]]:
    for place, line in enumerate(text.split("\n"), 1):
        if line.strip():
            try:
                yield place, json.loads(line)
            except (ValueError, RecursionError):
                yield place, None


def _csv_rows(text: str) -> Iterator[tuple[int, Any]]:
    reader = csv.DictReader(io.StringIO(text, newline=""), restkey="")
    try:
        for place, row in enumerate(reader, 2):
            yield place, {key: value for key, value in row.items() if key}
    except csv.Error:
        yield reader.line_num, None


def _bounded(value: Any) -> Any:
    """A column's value if it is small JSON, else a part of the text, or None."""
    if isinstance(value, str):
        return plain(value)[:MAX_TEXT]
    try:
        return value if len(json.dumps(value, allow_nan=False)) <= MAX_TEXT else None
    except (ValueError, RecursionError):
        return None


def _join(folder: str, file: str) -> str:
    parts = [part for part in f"{folder}/{file}".split("/") if part not in ("", ".")]
    return "/".join(parts)


def make_plan(found: list[Found], metadata: dict[str, Columns], plan: Plan) -> Plan:
    """Sort out which files become which rows."""
    root = _root([file.name for file in found])
    partners = _partners(metadata)
    splitting = any(_split(file.name[len(root) :]) == "train" for file in found)
    if not splitting and any(_split(file.name[len(root) :]) for file in found):
        plan.warnings.append("There is no train folder: all images are trained on.")
    rows = []
    for file in found:
        relative = file.name[len(root) :]
        split = _split(relative) if splitting else "train"
        if split is None:
            plan.skipped.append((file.name, "outside the train, test and validation folders"))
        elif file.name in partners:
            plan.skipped.append((file.name, "only another image of a row (*_file_name column)"))
        else:
            columns = dict(metadata.get(file.name, {}))
            rows.append(Row(found=file, split=split, label=_folder(relative), columns=columns))
    if missing := len(metadata.keys() - {file.name for file in found}):
        plan.warnings.append(f"{missing} rows of the metadata name files that are not there.")
    rows.sort(key=lambda row: (_ORDER.index(row.split), natural(row.found.name)))
    plan.rows = _labelled(_unique(rows, plan))
    return plan


def _root(names: list[str]) -> str:
    """The folders that all names begin with, up to a split's folder: they carry no meaning."""
    root = ""
    while names:
        first, slash, _ = names[0][len(root) :].partition("/")
        shared = root + first + slash
        if not slash or first.lower() in SPLITS:
            break
        if not all(name.startswith(shared) for name in names):
            break
        root = shared
    return root


def _split(relative: str) -> str | None:
    top, slash, _ = relative.partition("/")
    return SPLITS.get(top.lower()) if slash else None


def _folder(relative: str) -> str | None:
    """The immediate parent folder, unless that is a split or there is none."""
    parents = relative.split("/")[:-1]
    if parents and parents[0].lower() in SPLITS:
        parents = parents[1:]
    return parents[-1] if parents else None


def _partners(metadata: dict[str, Columns]) -> set[str]:
    """Files that rows name as further images (`input_file_name`), relative to the row's folder."""
    partners = set()
    for name, columns in metadata.items():
        for key, value in columns.items():
            if key.endswith("_file_name") and isinstance(value, str):
                partners.update(_join(folder, value) for folder in _parents(name))
    return partners - metadata.keys()


def _parents(name: str) -> Iterator[str]:
    while name:
        name = name.rpartition("/")[0]
        yield name


def _unique(rows: Iterable[Row], plan: Plan) -> list[Row]:
    """Of files with equal content the first row stays."""
    kept: dict[str, Row] = {}
    for row in rows:
        first = kept.setdefault(row.found.sha256, row)
        if first is not row:
            plan.duplicates.append((row.found.name, first.found.name))
    return list(kept.values())


def _labelled(rows: list[Row]) -> list[Row]:
    """The rows with their final labels: the metadata's, else the folder's if all have folders."""
    training = [row.label for row in rows if row.split == "train"]
    folders = None not in training and len(set(training)) > 1
    return [
        Row(
            found=row.found,
            split=row.split,
            label=_label(row, folders=folders and "label" not in row.columns),
            columns={key: value for key, value in row.columns.items() if key != "label"},
        )
        for row in rows
    ]


def _label(row: Row, *, folders: bool) -> str | None:
    if folders:
        return row.label
    value = row.columns.get("label")
    if isinstance(value, str | int | float):
        return str(value)[:200] or None
    return None


def classes_of(rows: list[Row], warnings: list[str]) -> list[str]:
    """The classes of the training rows in natural order; none when they could not be learnt."""
    counts = Counter(row.label for row in rows if row.split == "train" and row.label is not None)
    if len(counts) > MAX_CLASSES:
        warnings.append(f"{len(counts)} different labels are too many for classes: ignored.")
        return []
    return sorted(counts, key=natural) if len(counts) > 1 else []
