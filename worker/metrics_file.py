"""`metrics.jsonl` of a job: one line for each progress, over all its attempts, each step once."""

import json
import os
from pathlib import Path
from typing import Any

from core.files import write_atomic


def append(path: Path, line: dict[str, Any]) -> None:
    """Add a line, or on an OSError (a full disk) nothing of it."""
    with open(path, "ab", buffering=0) as file:
        size = file.seek(0, os.SEEK_END)
        content = json.dumps(line).encode() + b"\n"
        try:
            if file.write(content) == len(content):
                return
            file.write(content[-1:])  # raises the reason why not all was written
        except OSError:
            os.truncate(path, size)
            raise
        os.truncate(path, size)


def go_on_from(path: Path, step: int) -> int:
    """Drop what an attempt that died wrote after its last checkpoint, and a line torn by its end.

    The attempt that follows does these steps again. Answers the step of the last line that stays,
    0 when none does.
    """
    try:
        before = path.read_bytes()
    except FileNotFoundError:
        return 0
    kept = [line for line in before.splitlines(keepends=True) if _until(line, step)]
    after = b"".join(kept)
    if after != before:
        write_atomic(path, after)
    return json.loads(kept[-1])["step"] if kept else 0


def _until(line: bytes, step: int) -> bool:
    """Whether the line is whole and not of a later step."""
    try:
        return line.endswith(b"\n") and json.loads(line)["step"] <= step
    except (ValueError, KeyError, TypeError):
        return False
