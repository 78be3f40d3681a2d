"""What this machine has, and how it says that there is no more. Without torch: who reads uploads
uses it too.

In a container the kernel's limit for it counts, not the machine (cgroups, both versions).
"""

import contextlib
import errno
import os
from pathlib import Path

CGROUPS = Path("/sys/fs/cgroup")
NAMES = (("memory.max", "memory.current"), ("memory.limit_in_bytes", "memory.usage_in_bytes"))
# What torch and the C++ libraries below it say of a failed allocation, by kind or in words.
NO_MEMORY = (
    "OutOfMemoryError",
    "out of memory",
    "DefaultCPUAllocator",
    "not enough memory",
    "can't allocate memory",
    "bad_alloc",
)


def usable_cores() -> int:
    """Processors that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def memory_bytes() -> int:
    """Physical memory."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def resident_bytes() -> int:
    """Memory that this process fills now; 0 where the system does not say."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
    except (OSError, ValueError, IndexError):
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE")


def stand_back(nice: int) -> None:
    """Let others have the processors first: 0 not at all, 19 as far as can be.

    Where Linux shares the processors out among sessions (autogroups), a process of a session of
    its own has to say so for the session; its own number counts within it only.
    """
    os.nice(nice)
    session = Path("/proc/self/autogroup")
    if nice and session.exists() and os.getsid(0) == os.getpid():
        with contextlib.suppress(OSError):  # not everywhere allowed
            session.write_text(str(nice))


def available_bytes() -> int:
    """Memory that this process may still take without pushing anybody else out."""
    rooms = [_group_room(folder) for folder in _groups()]
    return max(min([_free(), *(room for room in rooms if room is not None)]), 0)


def granted_bytes(limit: int) -> int:
    """Memory that this process may fill in all: `limit`, or with 0 what it has and what is free."""
    return limit or available_bytes() + resident_bytes()


def out_of_memory(error: BaseException) -> bool:
    """Whether an error means that an allocation failed, in whoever's words."""
    if isinstance(error, OSError):
        return error.errno == errno.ENOMEM
    told = f"{type(error).__name__}: {error}"
    failed = isinstance(error, RuntimeError) and any(text in told for text in NO_MEMORY)
    return failed or isinstance(error, MemoryError)


def _free() -> int:
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
    except OSError:
        return memory_bytes()
    sizes = [line.split()[1] for line in lines if line.startswith("MemAvailable:")]
    return int(sizes[0]) * 1024 if sizes else memory_bytes()


def _groups() -> list[Path]:
    """The folders of the control groups around this process, innermost first."""
    found = [CGROUPS, CGROUPS / "memory"]  # as they look from within a container
    try:
        lines = Path("/proc/self/cgroup").read_text().splitlines()
    except OSError:
        return found
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if controllers in ("", "memory"):
            inner = CGROUPS / controllers / path.lstrip("/")
            found += [folder for folder in (inner, *inner.parents) if CGROUPS in folder.parents]
    return found


def _group_room(folder: Path) -> int | None:
    """What a control group has left, with the file cache that it could give up; None: no limit."""
    for limit, usage in NAMES:
        try:
            most, used = (folder / limit).read_text().strip(), int((folder / usage).read_text())
            stat = dict(line.split() for line in (folder / "memory.stat").read_text().splitlines())
        except (OSError, ValueError):
            continue
        if most == "max":
            return None
        cache = int(stat.get("total_inactive_file", stat.get("inactive_file", 0)))
        return int(most) - used + cache
    return None
