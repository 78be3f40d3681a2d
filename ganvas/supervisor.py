"""Keeps programs running: logs, restarts with growing pauses, and an end without leftovers.

Knows no program in particular. Each is set apart from the terminal (setsid), so that Ctrl-C
reaches the launcher only.
"""

import contextlib
import os
import subprocess
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ganvas.keeper import GRACE_SECONDS, Keeper
from ganvas.trees import end_all, group_lives

FIRST_PAUSE, LONGEST_PAUSE = 0.5, 30.0  # seconds before a restart
STEADY_SECONDS = 60.0  # a program that lived this long starts again with the first pause
POLL_SECONDS = 0.25


@dataclass(frozen=True, kw_only=True)
class Program:
    """What to run. Programs of a higher stage need those of a lower one, and are ended first."""

    name: str
    argv: tuple[str, ...]
    environment: Mapping[str, str]
    folder: Path
    stage: int = 1


@dataclass
class Pauses:
    """How long to wait before the next restart."""

    next: float = FIRST_PAUSE

    def after(self, lived: float) -> float:
        """The pause after an end; `lived`: seconds that the program ran."""
        pause = FIRST_PAUSE if lived >= STEADY_SECONDS else self.next
        self.next = min(pause * 2, LONGEST_PAUSE)
        return pause


@dataclass
class Child:
    """One program and its present process."""

    program: Program
    log: Path
    process: subprocess.Popen[bytes]
    started: float
    pauses: Pauses = field(default_factory=Pauses)
    restart_at: float | None = None
    restarts: int = 0


class Supervisor:
    """Starts programs, watches them from a thread, and stops them all."""

    def __init__(
        self, logs: Path, environment: Mapping[str, str], report: Callable[[str], None]
    ) -> None:
        """report: told in one sentence when a program ended unasked."""
        self.children: dict[str, Child] = {}
        self._logs = logs
        self._environment = environment
        self._report = report
        self._keeper: Keeper | None = None
        self._leftovers: set[int] = set()  # groups that outlived their leader
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="supervisor", daemon=True)

    def start(self, held: Iterable[int] = ()) -> None:
        """Begin to watch. `held`: descriptors (a lock) that live until everything has ended."""
        self._logs.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._keeper = Keeper(self._environment, held)
        self._thread.start()

    def add(self, program: Program) -> None:
        """Start a program and keep it running."""
        log = self._logs / f"{program.name}.log"
        if log.exists():
            os.replace(log, log.with_suffix(".log.1"))
        process = self._spawn(program, log)
        self.children[program.name] = Child(program, log, process, time.monotonic())

    def running(self, name: str) -> bool:
        """False while the program is down and waits for its restart."""
        return self.children[name].restart_at is None

    def stop(self, grace: float = GRACE_SECONDS) -> None:
        """End every program and its descendants, the highest stage first. Idempotent."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join()
        stages = {child.program.stage for child in self.children.values()}
        for stage in sorted(stages, reverse=True):
            self._end([c for c in self.children.values() if c.program.stage == stage], grace)
        if self._keeper:
            self._keeper.close()

    def _end(self, children: list[Child], grace: float) -> None:
        leaders = {child.process.pid for child in children if child.process.returncode is None}
        leftovers, self._leftovers = self._leftovers, set()
        groups = leaders | {group for group in leftovers if group_lives(group)}
        end_all(groups, grace, lambda: [child.process.poll() for child in children])
        for child in children:
            with contextlib.suppress(subprocess.TimeoutExpired):  # held by the kernel
                child.process.wait(timeout=1)

    def _spawn(self, program: Program, log: Path) -> subprocess.Popen[bytes]:
        with open(log, "ab") as output:
            process = subprocess.Popen(
                program.argv,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env={**self._environment, **program.environment},
                cwd=program.folder,
                start_new_session=True,
            )
        if self._keeper:
            self._keeper.started(process.pid, program.stage)
        return process

    def _watch(self) -> None:
        while not self._stopping.wait(POLL_SECONDS):
            for child in list(self.children.values()):
                self._check(child)

    def _check(self, child: Child) -> None:
        now = time.monotonic()
        if child.restart_at is None and child.process.poll() is not None:
            self._note_end(child, now)
        elif child.restart_at is not None and now >= child.restart_at:
            self._restart(child, now)

    def _restart(self, child: Child, now: float) -> None:
        try:
            child.process = self._spawn(child.program, child.log)
        except OSError as error:  # no memory or no process left: others may end soon
            child.restart_at = now + child.pauses.after(0.0)
            self._report(f"{child.program.name} cannot be started: {error}")
            return
        child.started, child.restart_at = now, None
        child.restarts += 1

    def _note_end(self, child: Child, now: float) -> None:
        group = child.process.pid
        if group_lives(group):
            self._leftovers.add(group)
        elif self._keeper:
            self._keeper.ended(group)
        pause = child.pauses.after(now - child.started)
        child.restart_at = now + pause
        self._report(
            f"{child.program.name} ended with {_ending(child.process.returncode)}; "
            f"it starts again in {pause:g} s. Its log: {child.log}"
        )


def _ending(code: int | None) -> str:
    return f"signal {-code}" if code is not None and code < 0 else f"exit code {code}"


def last_lines(log: Path, count: int = 12) -> str:
    """The end of a log, for an error message."""
    try:
        with open(log, "rb") as file:
            file.seek(max(0, log.stat().st_size - 16_384))
            text = file.read().decode(errors="replace")
    except OSError:
        return "(no log)"
    return "\n".join(text.splitlines()[-count:]) or "(the log is empty)"
