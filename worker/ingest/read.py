"""The two readings of a source: first names, hashes and sizes, then the bytes to decode.

The first decides everything but the pixels, so the second may come in any order.
"""

import hashlib
from collections.abc import Generator, Iterator
from pathlib import Path, PurePosixPath

from worker.ingest.archive import entries
from worker.ingest.archive_rules import Limits
from worker.ingest.decoders import Job
from worker.ingest.layout import Found, Plan, Row, make_plan
from worker.ingest.metadata import METADATA, Columns, read_metadata
from worker.ingest.pictures import size_of
from worker.sprites import Sprites, caption, factors_of

_ACCEPTED = frozenset((".png", ".apng", ".jpg", ".jpeg", ".jpe", ".jfif", ".webp", ".bmp", ".dib"))
_REPORTED = frozenset((".gif", ".tif", ".tiff", ".svg", ".heic", ".avif", ".ico"))  # by decoders
_ARCHIVES = frozenset((".zip", ".tar", ".gz", ".tgz", ".bz2", ".xz", ".zst", ".7z", ".rar"))


def scan(source: Path, limits: Limits) -> Generator[int, None, tuple[Plan, int]]:
    """What the files are to become, and how many may be images; yields the files seen so far."""
    plan = Plan()
    found: dict[str, Found] = {}
    metadata: dict[str, Columns] = {}
    for ordinal, entry in enumerate(entries(source, limits)):
        path = PurePosixPath(entry.name)
        yield ordinal
        if path.name.lower() in METADATA:
            metadata |= read_metadata(entry.name, entry.read(), plan.warnings)
        elif reason := _not_an_image(path):
            plan.skipped.append((entry.name, reason))
        elif entry.name in found:
            plan.skipped.append((entry.name, "a second file of the same name"))
        else:
            content = entry.read()
            digest = hashlib.sha256(content).hexdigest()
            found[entry.name] = Found(
                ordinal=ordinal, name=entry.name, sha256=digest, size=size_of(content)
            )
    return make_plan(list(found.values()), metadata, plan), len(found)


def _not_an_image(path: PurePosixPath) -> str | None:
    """The reason why a file is not even tried; files without an ending are."""
    ending = path.suffix.lower()
    if ending in _ARCHIVES:
        return "an archive within an archive is not opened"
    return None if ending in _ACCEPTED | _REPORTED or not ending else "not an image file"


def sprite_plan(order: Sprites) -> Plan:
    """Sprites need no reading: their factors are known before they are drawn."""
    plan = Plan()
    size = (order.resolution, order.resolution)
    for index in range(order.count):
        factors = factors_of(order.seed, index)
        name = f"{index + 1:06d}.png"
        columns = {"text": caption(factors), **factors}
        found = Found(ordinal=index, name=name, sha256="", size=size)
        plan.rows.append(Row(found=found, split="train", label=factors["kind"], columns=columns))
    return plan


def jobs(source: Path | Sprites, rows: list[Row], limits: Limits) -> Iterator[Job]:
    """The rows as work for the decoders, in the order of the source; a slot is a row's place."""
    if isinstance(source, Sprites):
        yield from (Job.sprite(slot, source) for slot in range(len(rows)))
        return
    slots = {row.found.ordinal: slot for slot, row in enumerate(rows)}
    for ordinal, entry in enumerate(entries(source, limits)):
        if ordinal in slots:
            yield Job.file(slots[ordinal], entry.read())
