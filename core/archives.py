"""A model version as one zip: weights, header, card, samples and evaluations, with their sums.

`MANIFEST.json` stands first: {format, model: {name, version, digest}, files: {name: {sha256,
bytes}}}. Dates are fixed and nothing is compressed, so one version is one sequence of bytes. What
is asked of an archive that comes from outside: core/imports.py.
"""

import hashlib
import json
import os
import re
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, get_args

from core.errors import BadSpec, NotFound
from core.evaluations import FOLDER, RESULT, Picture, evaluations_of
from core.files import chunks_of
from core.inventory import CARD
from core.registry import HEADER, WEIGHTS
from core.schemas import Model
from core.zip_writing import Member, zip_chunks

FORMAT = 1
MANIFEST = "MANIFEST.json"
SAMPLES = "samples.png"
MOST_EVALUATIONS = 20  # the newest ones; older ones stay behind
MOST_FILES = 4 + 1 + MOST_EVALUATIONS * (1 + len(get_args(Picture)))
PLACES = re.compile(
    rf"{re.escape(MANIFEST)}|{re.escape(HEADER)}|{re.escape(CARD)}|{re.escape(SAMPLES)}"
    rf"|{re.escape(WEIGHTS)}"
    rf"|{FOLDER}/[a-z0-9][a-z0-9_-]{{0,63}}/(?:{re.escape(RESULT)}|(?:{'|'.join(get_args(Picture))})\.png)"
)


@dataclass(frozen=True, kw_only=True)
class Archive:
    """What goes into the zip of one version. The small files are in memory, the weights are not."""

    weights: Path
    digest: str
    size: int  # of the weights
    small: dict[str, bytes]  # in the order of the zip, MANIFEST first

    @property
    def etag(self) -> str:
        """Equal tags mean equal bytes: the manifest has the sum of every other file."""
        return f'"{_sum(self.small[MANIFEST])[:32]}"'

    def sealed(self) -> list[Member]:
        """The members, after one look at all of the weights. Raises BadSpec when they are damaged,
        NotFound when they are gone."""
        whole, crc = hashlib.sha256(), 0
        for chunk in self._chunks():
            whole.update(chunk)
            crc = zlib.crc32(chunk, crc)
        if whole.hexdigest() != self.digest:
            raise BadSpec("The model's weights are damaged: their SHA-256 differs.")
        small = [
            Member(name=name, size=len(data), crc=zlib.crc32(data), chunks=_once(data))
            for name, data in self.small.items()
        ]
        return [*small, Member(name=WEIGHTS, size=self.size, crc=crc, chunks=self._chunks)]

    def _chunks(self) -> Iterator[bytes]:
        return chunks_of(_opened(self.weights))


def archive_of(folder: Path, model: Model) -> Archive:
    """The archive of the version in `folder`. Raises NotFound when it is being removed."""
    names = [HEADER, CARD, SAMPLES, *_evaluations(folder)]
    small = {name: _content(folder / name) for name in names if (folder / name).exists()}
    files = {name: entry(_sum(data), len(data)) for name, data in small.items()}
    files[WEIGHTS] = entry(model.digest, model.bytes)
    told = {"name": model.name, "version": model.version, "digest": model.digest}
    manifest = {"format": FORMAT, "model": told, "files": files}
    head = {MANIFEST: json.dumps(manifest, indent=1).encode()}
    return Archive(
        weights=folder / WEIGHTS, digest=model.digest, size=model.bytes, small=head | small
    )


def entry(sha256: str, size: int) -> dict[str, Any]:
    """What the manifest says of a file."""
    return {"sha256": sha256, "bytes": size}


def write_archive(archive: Archive, path: Path) -> None:
    """The zip as a file."""
    with open(path, "xb") as file:
        for chunk in zip_chunks(archive.sealed()):
            file.write(chunk)


def _evaluations(folder: Path) -> list[str]:
    """The files of the newest evaluations, sorted by name."""
    newest = [result["job"] for result in evaluations_of(folder)[:MOST_EVALUATIONS]]
    paths = [path for job in newest for path in (folder / FOLDER / job).iterdir()]
    names = [path.relative_to(folder).as_posix() for path in paths]
    return sorted(name for name in names if PLACES.fullmatch(name))


def _content(path: Path) -> bytes:
    with _opened(path) as file:
        return file.read()


def _sum(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _once(data: bytes) -> Callable[[], list[bytes]]:
    return lambda: [data]


def _opened(path: Path) -> BinaryIO:
    try:
        return open(os.open(path, os.O_RDONLY | os.O_NOFOLLOW), "rb")
    except FileNotFoundError as error:
        raise NotFound("The model was removed a moment ago.") from error
