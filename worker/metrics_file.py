"""`metrics.jsonl` of a job: one line for each progress, over all its attempts, each step once.

Its samples and alarms stand in files of the same kind.
"""

import json
import os
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from core.files import write_atomic


def append(path: Path, line: dict[str, Any]) -> None:
    """Add a line, or on an OSError (a full disk) nothing of it."""
    append_whole(path, json.dumps(line).encode() + b"\n")


def append_whole(path: Path, content: bytes) -> None:
    """Add `content`, or on an OSError nothing of it."""
    with open(path, "ab", buffering=0) as file:
        size = file.seek(0, os.SEEK_END)
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
    kept = keep(path, lambda line: line["step"] <= step)
    return json.loads(kept[-1])["step"] if kept else 0


def keep(path: Path, wanted: Callable[[dict[str, Any]], bool]) -> list[bytes]:
    """Drop all lines but those that are whole and `wanted`; answers those that stay."""
    try:
        before = path.read_bytes()
    except FileNotFoundError:
        return []
    kept = [line for line in before.splitlines(keepends=True) if _whole(line, wanted)]
    after = b"".join(kept)
    if after != before:
        write_atomic(path, after)
    return kept


def _whole(line: bytes, wanted: Callable[[dict[str, Any]], bool]) -> bool:
    try:
        return line.endswith(b"\n") and wanted(json.loads(line))
    except (ValueError, KeyError, TypeError):
        return False


class Tail:
    """Reads the file while it grows. Of a step that was repeated after a roll back the last counts.

    after: the last step that is known already.
    """

    def __init__(self, path: Path, after: int) -> None:
        self.path, self.after = path, after
        self._offset = 0
        self._waiting: deque[tuple[int, bytes]] = deque()  # read, but later than anybody asked for

    def until(self, step: int) -> Iterator[dict[str, Any]]:
        """The lines up to `step` that were not answered before."""
        self._read()
        while self._waiting and self._waiting[0][0] <= step:
            self.after, line = self._waiting.popleft()
            yield json.loads(line)

    def _read(self) -> None:
        try:
            with open(self.path, "rb") as file:
                file.seek(self._offset)
                lines = file.read().splitlines(keepends=True)
        except FileNotFoundError:
            return
        for line in lines:
            if not line.endswith(b"\n"):
                return  # it is still being written
            self._offset += len(line)
            step = json.loads(line)["step"]
            while self._waiting and self._waiting[-1][0] >= step:
                self._waiting.pop()
            if step > self.after:
                self._waiting.append((step, line))
