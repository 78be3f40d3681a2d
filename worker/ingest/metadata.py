"""The metadata of images, `metadata.jsonl` or `metadata.csv`: bounded columns by file name."""

import csv
import io
import json
from collections.abc import Iterator
from itertools import islice
from typing import Any

from worker.ingest.archive_rules import plain

METADATA = ("metadata.jsonl", "metadata.csv")
LABELS = "labels"  # the column whose values are lists
SEPARATOR = "|"  # of such a list in one text
NONE = "none"  # such a list without names
MAX_TEXT = 2000
MAX_COLUMNS = 64
MAX_ATTRIBUTES = 256  # names of one image, and of a data set
MAX_NAME = 100

Columns = dict[str, Any]


def read_metadata(name: str, content: bytes, warnings: list[str]) -> dict[str, Columns]:
    """The rows of a metadata file by the full names of their images; complaints to `warnings`."""
    folder = name.rpartition("/")[0]
    text = content.decode("utf-8-sig", errors="replace")
    rows: dict[str, Columns] = {}
    wrong: list[int] = []
    unlisted: list[int] = []
    for place, row in _csv_rows(text) if name.lower().endswith(".csv") else _json_rows(text):
        file = row.get("file_name") if isinstance(row, dict) else None
        if not isinstance(file, str):
            wrong.append(place)
            continue
        columns = rows[joined(folder, plain(file))] = {
            plain(key)[:200]: listed(value) if key == LABELS else _bounded(value)
            for key, value in islice(row.items(), MAX_COLUMNS)
            if key != "file_name"
        }
        if columns.get(LABELS) is None and row.get(LABELS) is not None:
            unlisted.append(place)
    _complain(name, wrong, "are no rows with a file_name and were ignored", warnings)
    told = f"have `labels` that are no list of up to {MAX_ATTRIBUTES} texts: taken as unknown"
    _complain(name, unlisted, told, warnings)
    return rows


def listed(value: Any) -> tuple[str, ...] | None:
    """The names in a value of the column `labels`, sorted; None when it is no list of them.

    In a text they are separated by `|`. A name holds no comma, because requests separate names by
    commas, and `none` means that there is none.
    """
    items = value.split(SEPARATOR) if isinstance(value, str) else value
    if not isinstance(items, list) or not all(isinstance(item, str) for item in items):
        return None
    names = {name for item in items if (name := attribute_name(item)).lower() not in ("", NONE)}
    return tuple(sorted(names)) if len(names) <= MAX_ATTRIBUTES else None


def attribute_name(text: str) -> str:
    """The text as a name: on one line, without control characters and commas."""
    shown = "".join(letter for letter in plain(text) if letter.isprintable())
    return shown.replace(",", ";").strip()[:MAX_NAME].rstrip()


def _complain(name: str, lines: list[int], told: str, warnings: list[str]) -> None:
    if lines:
        shown = ", ".join(map(str, lines[:10]))
        warnings.append(f"{name}: {len(lines)} lines {told} ({shown}).")


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


def joined(folder: str, file: str) -> str:
    parts = [part for part in f"{folder}/{file}".split("/") if part not in ("", ".")]
    return "/".join(parts)
