"""The last part of an ingestion: from staged pixels and a plan to the files of a data set."""

import dataclasses
import hashlib
import json
from collections import Counter
from collections.abc import Generator
from dataclasses import dataclass, field
from pathlib import Path

from core.files import write_json
from worker.ingest.arrays import Shelf, Staging, write_preview
from worker.ingest.conditions import Conditions, conditions_of
from worker.ingest.decoders import Decoded
from worker.ingest.layout import Plan
from worker.ingest.report import DataSet, report, trains, warnings_of


@dataclass(kw_only=True)
class Outcome:
    """What has become of the rows of a plan; keys are slots, the rows' places in it."""

    plan: Plan
    staging: Staging
    sizes: dict[int, tuple[int, int]] = field(default_factory=dict)
    hashes: dict[int, str] = field(default_factory=dict)
    unreadable: dict[str, str] = field(default_factory=dict)  # file -> reason
    modes: Counter[str] = field(default_factory=Counter)
    grey: bool = True

    def take(self, slot: int, answer: Decoded | str) -> None:
        """Keep an image, or the reason why there is none."""
        found = self.plan.rows[slot].found
        if isinstance(answer, str):
            self.unreadable[found.name] = answer
            return
        self.staging.put(slot, answer.pixels)
        self.sizes[slot] = (answer.width, answer.height)
        self.hashes[slot] = found.sha256 or hashlib.sha256(answer.pixels).hexdigest()
        self.modes[answer.mode] += 1
        self.grey = self.grey and answer.grey

    def slots(self, *, training: bool) -> list[int]:
        rows = self.plan.rows
        return [slot for slot in sorted(self.sizes) if (rows[slot].split == "train") is training]


def write(target: Path, outcome: Outcome) -> Generator[int, None, DataSet]:
    """Write everything into `target`; yields the number of array rows written so far."""
    resolutions = tuple(outcome.staging.paths)
    training, heldout = outcome.slots(training=True), outcome.slots(training=False)
    shelf = Shelf(target, 1 if outcome.grey else 3)
    preview_side = 64 if 64 in resolutions else resolutions[-1]
    write_preview(target / "preview.png", outcome.staging, training, preview_side)
    done = 0
    for side in resolutions:
        for name, slots in (("images", training), ("heldout", heldout)):
            for _ in shelf.write(name, outcome.staging, slots, side):
                done += 1
                yield done
        outcome.staging.drop(side)
    _write_index(target / "index.jsonl", outcome, [*training, *heldout])
    conditions = _write_conditions(shelf, outcome, training)
    return _write_card(target, outcome, shelf, resolutions, conditions)


def _write_conditions(shelf: Shelf, outcome: Outcome, training: list[int]) -> Conditions:
    """`labels.npy` where there are classes, `attributes.npy` where there are attributes."""
    rows = [outcome.plan.rows[slot] for slot in training]
    found = conditions_of(rows, outcome.plan.warnings)
    if found.classes:
        numbers = {name: number for number, name in enumerate(found.classes)}
        labels = [numbers[row.label] if row.label else -1 for row in rows]
        shelf.write_labels(labels, found.classes)
    if found.marks is not None:
        shelf.write_marks(found.marks, found.attributes)
    return found


def _write_index(path: Path, outcome: Outcome, slots: list[int]) -> None:
    """One line per image: those of `images-*.npy` in order, then those of `heldout-*.npy`."""
    with open(path, "w", encoding="utf-8") as file:
        for slot in slots:
            row = outcome.plan.rows[slot]
            width, height = outcome.sizes[slot]
            own = {
                "file": row.found.name,
                "sha256": outcome.hashes[slot],
                "width": width,
                "height": height,
                "split": row.split,
                "label": row.label,
            }
            own |= {} if row.labels is None else {"labels": row.labels}
            file.write(json.dumps(own | row.columns | own) + "\n")


def _write_card(
    target: Path,
    outcome: Outcome,
    shelf: Shelf,
    resolutions: tuple[int, ...],
    conditions: Conditions,
) -> DataSet:
    """`report.json` and, last of all, `dataset.json`."""
    plan, sizes = outcome.plan, outcome.sizes.values()
    rows = [plan.rows[slot] for slot in sorted(outcome.sizes)]
    splits = Counter(row.split for row in rows)
    widths, heights = zip(*sizes, strict=True)
    columns = ["label"] if conditions.classes else []
    columns += ["labels"] if any(row.labels is not None for row in rows) else []
    columns += dict.fromkeys(key for row in rows for key in row.columns)
    data = DataSet(
        images=splits["train"],
        channels=shelf.channels,
        resolutions=list(resolutions),
        sizes={"min": [min(widths), min(heights)], "max": [max(widths), max(heights)]},
        splits=dict(splits),
        columns=["image", *columns],
        classes=list(conditions.classes),
        attributes=list(conditions.attributes),
        labels=conditions.counts([row for row in rows if row.split == "train"]),
        sha256=shelf.hash.hexdigest(),
        trains=trains(),
        skipped=len(plan.skipped) + len(outcome.unreadable),
        bytes=0,
    )
    enlarged = sum(1 for size in sizes if min(size) < resolutions[-1])
    plan.warnings += warnings_of(data, alike=shelf.alike, enlarged=enlarged)
    health = report(plan, outcome.unreadable, outcome.modes, data, rows)
    write_json(target / "report.json", health)
    size = sum(file.stat().st_size for file in target.iterdir())
    data = dataclasses.replace(data, bytes=size)
    write_json(target / "dataset.json", data.card())
    return data
