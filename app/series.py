"""Metric series of a training, read from its file and thinned out for a chart."""

import csv
import io
import json
import math
from pathlib import Path
from typing import Any

from core.schemas import Answer

Row = dict[str, float]


class Values(Answer):
    """One metric: a value per step, or of each group of steps its mean and extremes."""

    mean: list[float | None]
    min: list[float | None]
    max: list[float | None]


class Series(Answer):
    """`steps` are shared by all metrics; a group of steps is named after its last."""

    object: str = "series"
    steps: list[int]
    series: dict[str, Values]


def read_rows(path: Path, since: int) -> list[tuple[int, Row]]:
    """(step, values) after the step `since`. A step that a later attempt repeated counts once."""
    rows: list[tuple[int, Row]] = []
    if not path.exists():
        return rows
    with open(path, encoding="utf-8", errors="replace") as file:
        for line in file:
            parsed = row_of(line)
            if parsed is None:
                continue
            while rows and rows[-1][0] >= parsed[0]:
                rows.pop()
            if parsed[0] > since:
                rows.append(parsed)
    return rows


def thin(rows: list[tuple[int, Row]], keys: list[str] | None, most: int) -> Series:
    """At most `most` groups of neighbouring steps; 0 or without need: every step is its own."""
    width = max(1, math.ceil(len(rows) / most)) if most else 1
    groups = [rows[start : start + width] for start in range(0, len(rows), width)]
    present = {key: None for _, row in rows for key in row}
    names = [key for key in present if keys is None or key in keys]
    return Series(
        steps=[group[-1][0] for group in groups],
        series={name: _values([_of(group, name) for group in groups]) for name in names},
    )


def as_csv(series: Series) -> str:
    """A line per step: the means, and beside them the extremes."""
    file = io.StringIO()
    writer = csv.writer(file)
    parts = ("", "_min", "_max")
    writer.writerow(["step", *(f"{name}{part}" for name in series.series for part in parts)])
    columns = [
        column
        for values in series.series.values()
        for column in (values.mean, values.min, values.max)
    ]
    writer.writerows(zip(series.steps, *columns, strict=True))
    return file.getvalue()


def row_of(line: str) -> tuple[int, Row] | None:
    """None for a line that is still being written."""
    try:
        record: Any = json.loads(line)
        step = int(record.pop("step"))
    except (ValueError, KeyError, AttributeError, TypeError):
        return None
    return step, {name: float(value) for name, value in record.items() if _finite(value)}


def _finite(value: Any) -> bool:
    return isinstance(value, int | float) and math.isfinite(value)


def _of(group: list[tuple[int, Row]], name: str) -> list[float]:
    return [row[name] for _, row in group if name in row]


def _values(groups: list[list[float]]) -> Values:
    return Values(
        mean=[math.fsum(group) / len(group) if group else None for group in groups],
        min=[min(group, default=None) for group in groups],
        max=[max(group, default=None) for group in groups],
    )
