"""Ctrl-C, SIGTERM and SIGHUP as one request to stop.

The handler only writes to a pipe: setting a threading.Event in a handler can deadlock.
"""

import contextlib
import os
import select
import signal
from collections.abc import Iterator
from types import FrameType
from typing import Any, Self

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class StopSignal:
    """While open, the signals do not end the process but end `wait`."""

    def __init__(self) -> None:
        self._reader, self._writer = os.pipe()
        self._before: dict[signal.Signals, Any] = {}
        self._interrupts = False

    def __enter__(self) -> Self:
        self._before = {number: signal.signal(number, self._caught) for number in SIGNALS}
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        os.close(self._reader)
        os.close(self._writer)

    def wait(self, seconds: float | None) -> bool:
        """True as soon as somebody asked to stop; False after `seconds`."""
        return bool(select.select([self._reader], [], [], seconds)[0])

    @contextlib.contextmanager
    def interrupting(self) -> Iterator[None]:
        """Within, a signal also raises KeyboardInterrupt: for work that can be left anywhere."""
        self._interrupts = True
        try:
            yield
        finally:
            self._interrupts = False

    def _caught(self, number: int, frame: FrameType | None) -> None:
        os.write(self._writer, b"!")
        if self._interrupts:
            self._interrupts = False
            raise KeyboardInterrupt
