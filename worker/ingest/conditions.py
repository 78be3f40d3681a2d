"""What can be asked for of images: a class of each, or attributes of which any number hold."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from worker.ingest.layout import Row, natural
from worker.ingest.metadata import MAX_ATTRIBUTES, NONE, attribute_name

MAX_CLASSES = 1000
_SWITCHES = {"1": True, "true": True, "0": False, "-1": False, "false": False}


@dataclass(frozen=True, kw_only=True)
class Conditions:
    """Either `classes` or `attributes` or neither; training images only."""

    classes: Sequence[str] = ()
    attributes: Sequence[str] = ()
    marks: NDArray[np.int8] | None = None  # [N, attributes]: 1 holds, 0 does not, -1 unknown

    def counts(self, rows: Sequence[Row]) -> dict[str, int]:
        """Of how many images each name holds."""
        if self.marks is not None:
            return dict(zip(self.attributes, (self.marks == 1).sum(0).tolist(), strict=True))
        found = Counter(row.label for row in rows)
        return {name: found[name] for name in self.classes}


def conditions_of(rows: Sequence[Row], warnings: list[str]) -> Conditions:
    """What the training rows say: the column `labels` before classes, those before switches."""
    classes = classes_of(rows, warnings)
    found = _marked([row.labels for row in rows], warnings)
    if found.attributes:
        if classes:
            warnings.append("The column `labels` is what can be asked for; classes are ignored.")
        return found
    if classes:
        return Conditions(classes=classes)
    return _marked(_switched(rows), warnings)


def classes_of(rows: Sequence[Row], warnings: list[str]) -> list[str]:
    """The classes of the training rows in natural order; none when they could not be learnt."""
    counts = Counter(row.label for row in rows if row.label is not None)
    if len(counts) > MAX_CLASSES:
        warnings.append(f"{len(counts)} different labels are too many for classes: ignored.")
        return []
    return sorted(counts, key=natural) if len(counts) > 1 else []


def _marked(told: Sequence[Sequence[str] | None], warnings: list[str]) -> Conditions:
    """The names that hold for each image as marks; none when they could not be learnt."""
    known = {frozenset(own) for own in told if own is not None}
    names = sorted(frozenset().union(*known), key=natural)
    if len(names) > MAX_ATTRIBUTES:
        warnings.append(f"{len(names)} different `labels` are too many for attributes: ignored.")
        return Conditions()
    if not names:
        return Conditions()
    if len(known) < 2:
        warnings.append("All images have the same `labels`: there is nothing to ask for.")
        return Conditions()
    places = {name: place for place, name in enumerate(names)}
    marks = np.full((len(told), len(names)), -1, np.int8)
    for row, own in zip(marks, told, strict=True):
        if own is not None:
            row[:] = 0
            row[[places[name] for name in own]] = 1
    if unknown := sum(own is None for own in told):
        warnings.append(f"Of {unknown} images no `labels` are known.")
    return Conditions(attributes=names, marks=marks)


def _switched(rows: Sequence[Row]) -> list[list[str]]:
    """The names of the columns that are on, where every image has it on or off and both occur."""
    able = list(rows[0].columns) if rows else []
    for row in rows:
        able = [key for key in able if _switch(row.columns, key) is not None]
    on = [[key for key in able if _switch(row.columns, key)] for row in rows]
    counts = Counter(key for own in on for key in own)
    both = [key for key in able if 0 < counts[key] < len(rows)]
    names = {key: name for key in both if (name := attribute_name(key)).lower() != NONE}
    return [[names[key] for key in own if key in names] for own in on]


def _switch(columns: Mapping[str, Any], key: str) -> bool | None:
    value = columns.get(key)
    if isinstance(value, bool | int | str):
        return _SWITCHES.get(str(value).strip().lower())
    return None
