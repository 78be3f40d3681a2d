"""What the workers of an experiment run: `celery -A tests.contract.workers worker`.

The settings are our own, changed by what the environment variable CONTRACT says. The tasks write
to a journal that the experiment reads.
"""

import json
import os
import signal
from pathlib import Path
from typing import Any

from kombu.transport.redis import QoS
from redis.exceptions import TimeoutError

from core.queue import celery_app
from tests.waiting import wait_for

PREFIX = "contract"
contract = json.loads(os.environ["CONTRACT"])
folder = Path(contract["folder"])
app = celery_app(contract["url"], PREFIX)
app.conf.update(contract["settings"])
app.conf.broker_transport_options |= contract["transport"]


def record(word: str, name: str) -> None:
    """One line in the journal; short appends are atomic."""
    with (folder / "journal").open("a") as journal:
        journal.write(f"{word} {name} {os.getpid()}\n")


def work(name: str) -> None:
    """A long task: it ends when the experiment opens the gate."""
    record("begin", name)
    wait_for((folder / "gate").exists, "the gate to open", deadline=60)
    record("end", name)


@app.task(name="contract.note")
def note(name: str) -> None:
    record("note", name)


app.task(work, name="contract.early")
app.task(work, name="contract.late", acks_late=True)


def die_after_pop() -> None:
    """SIGKILL in place of the write to `unacked`."""
    assert "append" in vars(QoS), "kombu's Redis transport writes `unacked` elsewhere by now"
    QoS.append = lambda *_: os.kill(os.getpid(), signal.SIGKILL)  # type: ignore[assignment]


def lose_first_ack() -> None:
    """The first acknowledgement times out on its way, as on a half-open connection."""
    acknowledge = QoS.ack

    def time_out(*_: Any) -> None:
        QoS.ack = acknowledge
        raise TimeoutError("Timeout reading from socket")

    QoS.ack = time_out  # type: ignore[assignment]


FAULTS = {"": lambda: None, "die_after_pop": die_after_pop, "lose_first_ack": lose_first_ack}
FAULTS[contract["fault"]]()
