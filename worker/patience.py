"""Waiting for room on a full disk: what could not be written is tried again for a while."""

import itertools
import time
from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import TypeVar

from core.errors import DiskFull
from core.files import OUT_OF_ROOM
from worker.events import Alarm, Event, Waiting

T = TypeVar("T")
LISTEN_SECONDS = 0.5  # between two looks at what somebody asks
RETRY_TURNS = 4  # of them between two attempts


def disk_full(error: OSError) -> bool:
    """Whether more room would have helped."""
    return error.errno in OUT_OF_ROOM


@dataclass(frozen=True, kw_only=True)
class Patience:
    """How long to wait for room, and by which clock."""

    seconds: float = 1800.0
    clock: Callable[[], float] = time.monotonic
    wait: Callable[[float], None] = time.sleep


def until_room(
    attempt: Callable[[], T], patience: Patience, step: int = 0
) -> Generator[Event, None, T]:
    """Answer what `attempt` answers, as soon as the disk has room for it.

    Yields an Alarm and Waiting events in the meantime. Raises `DiskFull` when patience ends;
    every other error of `attempt` at once.
    """
    try:
        return attempt()
    except OSError as error:
        if not disk_full(error):
            raise
    until = patience.clock() + patience.seconds
    message = f"the disk is full; waiting up to {patience.seconds:.0f} s for room, then giving up"
    yield Alarm(step=step, kind="disk_full", message=message)
    for turn in itertools.count():
        yield Waiting(step=step, turn=turn)
        patience.wait(LISTEN_SECONDS)
        if turn % RETRY_TURNS != RETRY_TURNS - 1:
            continue
        try:
            return attempt()
        except OSError as error:
            if not disk_full(error):
                raise
        if patience.clock() >= until:
            raise given_up(patience)
    raise AssertionError("counting has no end")


def given_up(patience: Patience) -> DiskFull:
    return DiskFull(
        f"the disk stayed full for {patience.seconds:.0f} s. Make room in the home folder (old "
        "models, data sets and finished jobs), then continue from this job's last checkpoint"
    )
