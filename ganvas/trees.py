"""Process trees: who descends from a process, and how to end all of them.

Process groups alone are not enough: a worker sets each job's child apart (setsid). So
descendants are looked up in /proc (elsewhere only the groups are ended).
"""

import contextlib
import os
import signal
import time
from collections import defaultdict
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path

POLL_SECONDS = 0.05
_PROC = Path("/proc/self/stat").exists()


@dataclass(frozen=True)
class Process:
    """A process that cannot be mistaken for a later one with the same number."""

    pid: int
    parent: int
    group: int
    started: str  # in clock ticks since boot


def read_process(pid: int) -> Process | None:
    """None when there is no such process, or when it has ended and only waits to be reaped."""
    try:
        text = Path(f"/proc/{pid}/stat").read_bytes().decode(errors="replace")
    except OSError:
        return None
    fields = text.rpartition(")")[2].split()  # the name before it may hold anything
    if fields[0] in "ZX":
        return None
    return Process(pid, int(fields[1]), int(fields[2]), fields[19])


def everyone() -> list[Process]:
    """All processes; none where there is no /proc."""
    if not _PROC:
        return []
    found = (read_process(int(name)) for name in os.listdir("/proc") if name.isdigit())
    return [process for process in found if process]


def family(leaders: Collection[int]) -> set[Process]:
    """The living members of the groups that these processes lead, and all their descendants."""
    children: dict[int, list[Process]] = defaultdict(list)
    found = set()
    for process in everyone():
        children[process.parent].append(process)
        if process.pid in leaders or process.group in leaders:
            found.add(process)
    waiting = list(found)
    while waiting:
        new = [child for child in children[waiting.pop().pid] if child not in found]
        found.update(new)
        waiting.extend(new)
    return found


def end_all(leaders: Collection[int], grace: float, reap: Callable[[], object]) -> None:
    """Ask the groups of the leaders to end; after `grace` seconds kill what is left of them and
    of all their descendants. `reap` collects the exit codes of the caller's own children."""
    groups = set(leaders)
    members = family(groups)
    for group in groups:
        _signal_group(group, signal.SIGTERM)
    deadline = time.monotonic() + grace
    while _left(groups, members, reap) and time.monotonic() < deadline:
        time.sleep(POLL_SECONDS)
        members |= family(groups)
    deadline = time.monotonic() + 2.0
    while _left(groups, members, reap) and time.monotonic() < deadline:
        for group in groups:
            _signal_group(group, signal.SIGKILL)
        for member in members:
            if _alive(member):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(member.pid, signal.SIGKILL)
        time.sleep(POLL_SECONDS / 5)


def _left(groups: set[int], members: set[Process], reap: Callable[[], object]) -> bool:
    reap()
    if _PROC:
        return any(_alive(member) for member in members)
    return any(group_lives(group) for group in groups)


def _alive(process: Process) -> bool:
    now = read_process(process.pid)
    return now is not None and now.started == process.started


def group_lives(group: int) -> bool:
    """True while the process group has a member that has not ended."""
    if _PROC:
        return any(process.group == group for process in everyone())
    try:
        os.killpg(group, 0)
    except (ProcessLookupError, PermissionError):  # the latter: all wait to be reaped, on macOS
        return False
    return True


def _signal_group(group: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)
