"""Ends the service's processes when the launcher is killed and can't do it itself.

The keeper is a small process at the other end of a pipe. The launcher writes which process groups
live; the end of the pipe means that the launcher has gone. Chosen over PR_SET_PDEATHSIG, which
fires when the starting *thread* ends, needs code between fork and exec, and is Linux only. The
keeper also holds the home's lock, so that a new launcher waits until everything has ended.
"""

import contextlib
import signal
import subprocess
import sys
from collections.abc import Iterable, Mapping

from ganvas.trees import end_all, group_lives

GRACE_SECONDS = 8.0


class Keeper:
    """The launcher's side of the pipe."""

    def __init__(self, environment: Mapping[str, str], held: Iterable[int] = ()) -> None:
        """held: file descriptors that stay open as long as the keeper lives."""
        self._process = subprocess.Popen(
            [sys.executable, "-m", "ganvas.keeper"],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=dict(environment),
            pass_fds=tuple(held),
            start_new_session=True,
        )

    @property
    def pid(self) -> int:
        return self._process.pid

    def started(self, group: int, stage: int) -> None:
        """Remember a process group. Higher stages are ended before lower ones."""
        self._write(f"+ {group} {stage}\n")

    def ended(self, group: int) -> None:
        self._write(f"- {group} 0\n")

    def close(self) -> None:
        """Everything has ended: the keeper goes too."""
        assert self._process.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.close()
        self._process.wait()

    def _write(self, line: str) -> None:
        assert self._process.stdin is not None
        with contextlib.suppress(BrokenPipeError):  # somebody killed the keeper: go on without it
            self._process.stdin.write(line.encode())
            self._process.stdin.flush()


def keep(lines: Iterable[str], grace: float = GRACE_SECONDS) -> None:
    """Follow the launcher's lines to their end, then end the groups that still live."""
    stages: dict[int, int] = {}
    for line in lines:
        sign, group, stage = line.split()
        if sign == "+":
            stages[int(group)] = int(stage)
        else:
            stages.pop(int(group), None)
    for stage in sorted(set(stages.values()), reverse=True):
        groups = [group for group, own in stages.items() if own == stage and group_lives(group)]
        end_all(groups, grace, lambda: None)


def main() -> None:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # its only reason to leave is the pipe's end
    keep(sys.stdin)


if __name__ == "__main__":
    main()
