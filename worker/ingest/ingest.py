"""From an uploaded archive, a folder or an order of sprites to a data set that can be trained on.

A generator of progress; what it returns is the summary that also lies in `dataset.json`. The source
is read twice: first names, hashes and sizes, which decide everything but the pixels, then the
pixels, which decoder processes make. Whatever is raised, `target` is gone afterwards.
"""

import errno
import shutil
import statistics
from collections.abc import Generator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from core.errors import StorageFull
from core.files import remove_tree
from worker.ingest.archive_rules import LIMITS, Limits
from worker.ingest.arrays import Staging
from worker.ingest.decoders import Decoders
from worker.ingest.layout import Plan, Row
from worker.ingest.pictures import MAX_PIXELS
from worker.ingest.read import jobs, scan, sprite_plan
from worker.ingest.report import DataSet, check_enough
from worker.ingest.write import Outcome, write
from worker.machine import usable_cores
from worker.sprites import Sprites

RESOLUTIONS = (32, 64, 128, 256)
_EVERY = 50  # images between two reports of progress


MOST_DECODERS = 2


@dataclass(frozen=True, kw_only=True)
class IngestSpec:
    """How a data set may be made; nothing of it changes what the data set holds."""

    limits: Limits = LIMITS
    max_pixels: int = MAX_PIXELS
    processes: int = field(default_factory=lambda: min(MOST_DECODERS, usable_cores()))
    seconds_per_image: float = 60


@dataclass(frozen=True, kw_only=True)
class IngestProgress:
    """`total` is 0 while it is not known: files read, images decoded, array rows written."""

    phase: Literal["reading", "decoding", "writing"]
    done: int
    total: int


Ingestion = Generator[IngestProgress, None, DataSet]


def ingest(source: Path | Sprites, target: Path, spec: IngestSpec | None = None) -> Ingestion:
    """Make the data set of `source` in the folder `target`, which may exist if it is empty.

    Raises CorruptArchive, TooLarge, UnsafePath, NoImages, StorageFull; then `target` is removed,
    as it is when the generator is closed early.
    """
    target.mkdir(mode=0o700, exist_ok=True)
    assert not any(target.iterdir()), "the target folder has to be empty"
    try:
        return (yield from _ingest(source, target, spec or IngestSpec()))
    except OSError as error:
        remove_tree(target)
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise StorageFull("The disk is full: remove data sets or models first.") from error
        raise
    except BaseException:
        remove_tree(target)
        raise


def _ingest(source: Path | Sprites, target: Path, spec: IngestSpec) -> Ingestion:
    with Decoders(
        processes=spec.processes, max_pixels=spec.max_pixels, seconds=spec.seconds_per_image
    ) as decoders:
        plan, candidates = yield from _plan(source, spec)
        check_enough(len(plan.rows), candidates, plan, {})
        resolutions = _resolutions(plan.rows)
        _check_room(target, len(plan.rows), resolutions)
        work = jobs(source, plan.rows, spec.limits)
        with Staging(target, resolutions) as staging:
            outcome = Outcome(plan=plan, staging=staging)
            for done, (slot, answer) in enumerate(decoders.run(work, resolutions), 1):
                outcome.take(slot, answer)
                if done % _EVERY == 0:
                    yield IngestProgress(phase="decoding", done=done, total=len(plan.rows))
            usable = len(outcome.slots(training=True))
            check_enough(usable, candidates, plan, outcome.unreadable)
            return (yield from _write(target, outcome))


def _plan(
    source: Path | Sprites, spec: IngestSpec
) -> Generator[IngestProgress, None, tuple[Plan, int]]:
    """What is to become of the source's files, and how many of them may be images."""
    if isinstance(source, Sprites):
        return sprite_plan(source), source.count
    reading = scan(source, spec.limits)
    while True:
        try:
            done = next(reading)
        except StopIteration as end:
            return end.value
        if done % _EVERY == 0:
            yield IngestProgress(phase="reading", done=done, total=0)


def _write(target: Path, outcome: Outcome) -> Ingestion:
    total = len(outcome.sizes) * len(outcome.staging.paths)
    writing = write(target, outcome)
    while True:
        try:
            done = next(writing)
        except StopIteration as end:
            return end.value
        if done % _EVERY == 0 or done == total:
            yield IngestProgress(phase="writing", done=done, total=total)


def _resolutions(rows: list[Row]) -> tuple[int, ...]:
    """All up to the smallest one that holds the median shorter side."""
    sides = [min(row.found.size) for row in rows if row.found.size]
    median = statistics.median_low(sides) if sides else RESOLUTIONS[0]
    native = next((side for side in RESOLUTIONS if side >= median), RESOLUTIONS[-1])
    return tuple(side for side in RESOLUTIONS if side <= native)


def _check_room(target: Path, count: int, resolutions: tuple[int, ...]) -> None:
    """Staged pixels and arrays stand side by side for a while."""
    needed = 2 * sum(count * side * side * 3 for side in resolutions)
    free = shutil.disk_usage(target).free
    if needed > free:
        raise StorageFull(
            f"The data set needs {needed:,} bytes while it is made, {free:,} are free."
        )
