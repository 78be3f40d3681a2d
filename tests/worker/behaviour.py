"""A child process that behaves as its job's input says: `python -m tests.worker.behaviour`."""

import os
import signal
import sys
import threading
from pathlib import Path

from core.attempts import newest_attempt
from core.errors import Diverged, OutOfMemory
from core.home import Home
from core.schemas import JobKind
from worker.channel import DONE, RELEASED, STOP, Channel, leave, reported
from worker.jobfile import read_job


def main() -> None:
    channel = Channel()
    home = Home(Path(sys.argv[1]))

    def behave() -> int:
        job = read_job(home, sys.argv[2], JobKind.TRAIN)
        return BEHAVIOURS[job["input"]["behaviour"]](channel)

    leave(reported(channel, behave))


def work(channel: Channel) -> int:
    print("a library prints to standard output")
    channel.send("progress", {"step": 3}, field="progress", value={"step": 3, "value": 0.5})
    channel.send("result", {"answer": 42})
    return DONE


def refuse(channel: Channel) -> int:
    raise Diverged("The losses are not finite.")


def mistake(channel: Channel) -> int:
    raise RuntimeError("secret detail")


def crash(channel: Channel) -> int:
    os.kill(os.getpid(), signal.SIGKILL)
    return DONE


def until_told(channel: Channel) -> int:
    channel.ready()
    channel.send("progress", {"step": 1}, field="progress", value={"step": 1})
    while not channel.asked("cancel"):
        if channel.asked(STOP):
            return RELEASED
        threading.Event().wait(0.01)
    channel.send("result", {"cancelled": True})
    return DONE


def hungry(channel: Channel) -> int:
    """Runs out of memory unless its batch is halved."""
    channel.ready()
    attempt = newest_attempt(Home(Path(sys.argv[1])), sys.argv[2])
    if attempt is not None and attempt.shrink:
        return work(channel)
    raise MemoryError


def insatiable(channel: Channel) -> int:
    channel.ready()
    raise MemoryError


def endless(channel: Channel) -> int:
    """Wants an array that no machine can hold."""
    import torch

    torch.empty(2**55)
    return DONE


def refused(channel: Channel) -> int:
    raise OutOfMemory("needs 3 GB, 1 GB is free")


def ended_by_the_system(channel: Channel) -> int:
    """Killed because memory ran out, which the system counts where `oom_kills` looks."""
    channel.ready()
    counter = Path(sys.argv[1]) / "memory.events"
    count = int(counter.read_text().split()[1])
    counter.write_text(f"oom_kill {count + 1}\n")
    return crash(channel)


def deaf(channel: Channel) -> int:
    channel.send("progress", {"step": 1}, field="progress", value={"step": 1})
    threading.Event().wait()
    return DONE


def stuck(channel: Channel) -> int:
    """Says that it is ready, and nothing more."""
    channel.ready()
    threading.Event().wait()
    return DONE


def rests(channel: Channel) -> int:
    """Works until it is wanted no more; answers what it is asked for."""
    channel.ready()
    channel.send("progress", {"step": 1}, field="progress", value={"step": 1})
    while not channel.asked(STOP):
        for word in ("checkpoint", "sample"):
            if channel.asked(word):
                channel.send(word, {"step": 1})
        threading.Event().wait(0.01)
    return RELEASED


BEHAVIOURS = {
    "deaf": deaf,
    "ended by the system": ended_by_the_system,
    "endless": endless,
    "hungry": hungry,
    "insatiable": insatiable,
    "refused": refused,
    "stuck": stuck,
    "rests": rests,
    "work": work,
    "refuse": refuse,
    "mistake": mistake,
    "crash": crash,
    "until told": until_told,
}

if __name__ == "__main__":
    main()
