"""What the folders and the metadata of a data set mean: splits, labels, columns, order.

The layout is that of Hugging Face's `imagefolder`, with two differences: folder labels are kept
beside metadata, unless it has a `label` column, and metadata at the root is accepted.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from worker.ingest.metadata import Columns, joined

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
_ORDER = ("train", "validation", "test")


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
    labels: tuple[str, ...] | None = None  # of the column `labels`; None: it says nothing


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
                partners.update(joined(folder, value) for folder in _parents(name))
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
    """The rows with their final label: the metadata's, else the folder's if all have folders."""
    training = [row.label for row in rows if row.split == "train"]
    folders = None not in training and len(set(training)) > 1
    return [
        Row(
            found=row.found,
            split=row.split,
            label=_label(row, folders=folders and "label" not in row.columns),
            columns={key: v for key, v in row.columns.items() if key not in ("label", "labels")},
            labels=row.columns.get("labels"),
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
