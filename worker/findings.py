"""What was found out by trying, about this machine or a model on it: tried once, kept in a file."""

import contextlib
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypeVar

from core.files import read_json, write_once

UNUSABLE = OSError, ValueError, TypeError  # removed meanwhile, not ours to write to, damaged
Finding = TypeVar("Finding", bound=Any)  # a record


def kept(path: Path, kind: type[Finding]) -> Finding | None:
    """The finding in `path`, if there is one that can be used."""
    with contextlib.suppress(*UNUSABLE):
        return kind(**read_json(path))
    return None


def keep(path: Path, finding: Finding) -> Finding:
    """`finding`, kept in `path`; or that of another process which was faster: all have the same."""
    with contextlib.suppress(*UNUSABLE):
        return type(finding)(**write_once(path, asdict(finding)))
    return finding
