"""Small programs that a launcher runs in tests; each writes its pid where the test says."""

import sys
import textwrap
from pathlib import Path

from ganvas.supervisor import Program
from ganvas.trees import read_process
from tests.waiting import wait_for


def program(folder: Path, name: str, code: str, *arguments: str, stage: int = 1) -> Program:
    """Python code as a supervised program. It finds `folder` as sys.argv[1]."""
    path = folder / f"{name}.py"
    path.write_text(textwrap.dedent(code))
    return Program(
        name=name,
        argv=(sys.executable, "-S", str(path), str(folder), *arguments),
        environment={},
        folder=folder,
        stage=stage,
    )


def pid_in(path: Path) -> int:
    """The pid in a file, once it is there."""
    text = wait_for(lambda: path.exists() and path.read_text(), f"a pid in {path.name}")
    return int(str(text))


def ended(pid: int) -> bool:
    """True when the process is gone, or only waits to be reaped."""
    return read_process(pid) is None


# A program with a child that is set apart (setsid); both shrug SIGTERM off.
STUBBORN = """
    import os, signal, subprocess, sys, time
    from pathlib import Path
    folder, role = Path(sys.argv[1]), (sys.argv + ["parent"])[2]
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if role == "parent":
        subprocess.Popen([*sys.orig_argv, "child"], start_new_session=True)
    partial = folder / f"{role}.partial"
    partial.write_text(str(os.getpid()))
    partial.rename(folder / f"{role}.pid")
    while True:
        signal.pause()
"""
# Ends at once, with exit code 3.
FLEETING = "import sys; print('so short'); sys.exit(3)"
# Writes its name to a common file when it is asked to end.
POLITE = """
    import os, signal, sys
    from pathlib import Path
    folder, name = Path(sys.argv[1]), sys.argv[2]
    def leave(*_):
        with open(folder / "order", "a") as file:
            file.write(name + "\\n")
        sys.exit(0)
    signal.signal(signal.SIGTERM, leave)
    (folder / f"{name}.pid").write_text(str(os.getpid()))
    while True:
        signal.pause()
"""
