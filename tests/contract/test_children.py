"""What ends a child together with its supervisor, which is a thread of a worker, measured."""

import subprocess
import sys
import threading

import pytest

PDEATHSIG = "import ctypes; ctypes.CDLL(None).prctl(1, 9)"  # PR_SET_PDEATHSIG, SIGKILL
ECHO = (
    "import sys; print('up', flush=True); [print(line, end='', flush=True) for line in sys.stdin]"
)


def started_by_a_thread_that_ended(*code: str) -> "subprocess.Popen[str]":
    """A child that repeats what it reads until its standard input ends."""
    children = []

    def start() -> None:
        pipe = subprocess.PIPE
        argv = [sys.executable, "-c", "; ".join([*code, ECHO])]
        children.append(subprocess.Popen(argv, stdin=pipe, stdout=pipe, text=True))
        assert children[0].stdout is not None and children[0].stdout.readline() == "up\n"

    thread = threading.Thread(target=start)
    thread.start()
    thread.join(30)
    return children[0]


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has this signal")
def test_parent_death_signal_comes_when_the_thread_that_started_the_child_ends() -> None:
    with started_by_a_thread_that_ended(PDEATHSIG) as child:
        assert child.wait(30) == -9, (
            "PR_SET_PDEATHSIG no longer follows the thread: it could replace the pipe between "
            "supervisor and child."
        )


def test_pipe_outlives_the_thread_and_its_end_ends_the_child() -> None:
    with started_by_a_thread_that_ended() as child:
        assert child.stdin is not None and child.stdout is not None
        child.stdin.write("still here\n")
        child.stdin.flush()
        assert child.stdout.readline() == "still here\n"
        child.stdin.close()
        assert child.wait(30) == 0
