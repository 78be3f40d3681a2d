"""The line between a job's child process and its supervisor: JSON lines up, words down.

Up (stdout): one record a line. Down (stdin): `cancel`, `checkpoint`, `sample`; the end of the
stream means that the supervisor is gone or wants the job back: save and leave.
"""

import json
import os
import sys
import threading
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

from core.errors import GanvasError, Internal, OutOfMemory
from core.home import Home
from worker.machine import out_of_memory, stand_back

DONE, FAILED, RELEASED = 0, 65, 75  # exit codes: finished, refused with an error record, given back
STOP = "stop"


class Channel:
    """The child's end."""

    def __init__(self) -> None:
        # What libraries print must not mix with the records: they get stderr, the job's log.
        self._up = os.fdopen(os.dup(1), "w", buffering=1)
        os.dup2(2, 1)
        self._asked: set[str] = set()
        threading.Thread(target=self._listen, name="commands", daemon=True).start()

    def send(self, type: str, data: Any = None, *, field: str = "", value: Any = None) -> None:
        """Report an event and, with `field`, the new value of that field of the job."""
        record = {"type": type, "data": data, "field": field, "value": value}
        try:
            self._up.write(json.dumps(record, allow_nan=False) + "\n")
        except BrokenPipeError:  # the supervisor died: its end of stdin says the same
            self._asked.add(STOP)

    def ready(self) -> None:
        """From here on words are answered soon; before that, whoever is not wanted is ended."""
        self.send("ready")

    def asked(self, word: str) -> bool:
        """True once for each time that the supervisor said `word`."""
        if word in self._asked:
            self._asked.discard(word)
            return True
        return False

    def _listen(self) -> None:
        for line in sys.stdin:
            self._asked.add(line.strip())
        self._asked.add(STOP)


def enter(work: Callable[[Home, str, int, Channel], int], nice: int) -> None:
    """Be the child process of a job, started as `python -m worker.x_run HOME JOB FENCE`.

    work: gets these three and the line to the supervisor, and answers the exit code.
    """
    os.umask(0o077)
    stand_back(nice)
    channel = Channel()
    home, job_id, fence = Home(Path(sys.argv[1])), sys.argv[2], int(sys.argv[3])
    leave(reported(channel, lambda: work(home, job_id, fence, channel)))


def reported(channel: Channel, work: Callable[[], int]) -> int:
    """Run `work`; expected errors, lack of memory and our own mistakes become the job's error."""
    try:
        return work()
    except GanvasError as error:
        problem = error
    except Exception as error:
        traceback.print_exc()  # for the operator; the client gets no internals
        problem = _problem(error)
    channel.send("error", problem.record())
    return FAILED


def _problem(error: Exception) -> GanvasError:
    """What the client is told of an error that nobody expected."""
    if out_of_memory(error):
        return OutOfMemory("Memory ran out. Use fewer or smaller images, or a smaller network.")
    return Internal(f"An error in our own code stopped the work: {type(error).__name__}.")


def leave(code: int) -> None:
    """End the process at once, without waiting for other threads."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)
