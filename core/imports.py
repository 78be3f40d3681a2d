"""Takes a model out of an archive (core/archives.py) that may come from anybody.

Nothing that it says is believed: names are the known ones, sums are computed, and every record is
checked before a reader meets it, since one that cannot be read would hide the others. Weights are
looked at from outside only (core/safetensors_header.py).
"""

import hashlib
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from core.archives import CARD, FORMAT, HEADER, MANIFEST, MOST_FILES, PLACES, WEIGHTS, entry
from core.errors import CorruptArchive, TooLarge, UnsafePath
from core.evaluations import RESULT
from core.files import sync_folder
from core.ids import is_id
from core.imported_records import check_evaluation, check_header, read_card
from core.safetensors_header import read_weights
from core.stored_zip import Stored, read_chunks, stored_entries

SMALL_BYTES = 16 * 1024 * 1024  # of one file other than the weights
JSON_BYTES = 1024 * 1024
NEEDED = {MANIFEST, HEADER, CARD, WEIGHTS}
PNG = b"\x89PNG\r\n\x1a\n"


@dataclass(frozen=True, kw_only=True)
class Imported:
    """A model that was taken out of an archive; its files stand in the folder that was given.

    `name`: what it was called there. `card`: what the registry keeps, identity apart.
    """

    name: str
    digest: str
    architecture: str
    options: dict[str, Any]
    card: dict[str, Any]


def take_model(source: Path, folder: Path, limit: int) -> Imported:
    """Unpack the zip `source` into the new `folder`; at most `limit` bytes in all.

    Raises CorruptArchive, UnsafePath, TooLarge; then the folder may hold rubbish.
    """
    folder.mkdir(mode=0o700)
    with open(source, "rb") as file:
        entries = {found.name: found for found in _known(file, limit)}
        manifest = _manifest(_content(file, entries.pop(MANIFEST)))
        if entries.keys() != manifest["files"].keys():
            raise _refused("its MANIFEST.json lists other files")
        for name, found in entries.items():
            told = _unpack(file, found, folder / name)
            if manifest["files"][name] != told:
                raise _refused(f"{name} is not what MANIFEST.json says")
    for path in [folder, *(path for path in folder.rglob("*") if path.is_dir())]:
        sync_folder(path)
    return _checked(folder, manifest)


def _known(file: BinaryIO, limit: int) -> list[Stored]:
    """The entries, all with names that we know and of possible sizes."""
    entries = stored_entries(file, MOST_FILES)
    for found in entries:
        if not PLACES.fullmatch(found.name):
            raise UnsafePath(
                f"The entry {found.name} is none of a model's files. Nothing was taken.",
                errors=[{"file": found.name, "detail": "not a model's file"}],
            )
        most = limit if found.name == WEIGHTS else _most(found.name)
        if found.size > most:
            raise TooLarge(f"{found.name} is larger than {most:,} bytes.")
    if sum(found.size for found in entries) > limit:
        raise TooLarge(f"A model may have {limit:,} bytes.")
    missing = NEEDED - {found.name for found in entries}
    if missing:
        raise _refused(f"it lacks {', '.join(sorted(missing))}")
    return entries


def _most(name: str) -> int:
    return JSON_BYTES if name.endswith(".json") else SMALL_BYTES


def _content(file: BinaryIO, found: Stored) -> bytes:
    return b"".join(read_chunks(file, found))


def _manifest(content: bytes) -> dict[str, Any]:
    try:
        manifest = json.loads(content)
        told, files = manifest["model"], manifest["files"]
        understood = (
            manifest["format"] == FORMAT
            and is_id(told["name"])
            and type(told["version"]) is int
            and 0 < told["version"] < 10**9
            and files[WEIGHTS]["sha256"] == told["digest"]
            and isinstance(files, dict)
        )
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise _refused("its MANIFEST.json cannot be read") from error
    if not understood:
        raise _refused("its MANIFEST.json is not of a model of this format")
    return manifest


def _unpack(file: BinaryIO, found: Stored, path: Path) -> dict[str, Any]:
    """Write an entry to its place, durable; answers its sums as a manifest has them."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    whole, first = hashlib.sha256(), b""
    with open(path, "xb") as target:
        for chunk in read_chunks(file, found):
            first = first or chunk
            whole.update(chunk)
            target.write(chunk)
        target.flush()
        os.fsync(target.fileno())
    if path.suffix == ".png" and not first.startswith(PNG):
        raise _refused(f"{found.name} is no PNG")
    return entry(whole.hexdigest(), found.size)


def _checked(folder: Path, manifest: dict[str, Any]) -> Imported:
    """The model, when all its records fit its weights."""
    digest = manifest["files"][WEIGHTS]["sha256"]
    weights = read_weights(folder / WEIGHTS)
    size = (folder / WEIGHTS).stat().st_size
    header = check_header((folder / HEADER).read_bytes(), weights, digest, size)
    for path in folder.glob(f"*/*/{RESULT}"):
        check_evaluation(path.read_bytes(), path.parent.name)
    for other in folder.glob("*/*/"):
        if not (other / RESULT).exists():
            raise _refused(f"the evaluation {other.name} lacks {RESULT}")
    return Imported(
        name=manifest["model"]["name"],
        digest=digest,
        architecture=header["architecture"],
        options=header["options"],
        card=read_card((folder / CARD).read_bytes(), header, manifest["model"]),
    )


def _refused(what: str) -> CorruptArchive:
    return CorruptArchive(f"The archive holds no model that can be taken: {what}.")
