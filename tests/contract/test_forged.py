"""Messages that no Ganvas process wrote, put into the queue's list by somebody who can reach the
server: dropped, measured. Those that are no Celery messages at all end the worker, once."""

import base64
import json
import os
import pickle
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from core.queue import PREPARE, key_prefix
from tests.contract.laboratory import PREFIX, QUEUE, Laboratory
from tests.contract.measured import measured

pytestmark = pytest.mark.service

LARGE = 1 << 24  # characters of an argument


class Canary:
    """Unpickling it creates a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.path),)


def body(content: bytes) -> dict[str, str]:
    return {"body": base64.b64encode(content).decode()}


def genuine(laboratory: Laboratory) -> dict[str, Any]:
    """A message as Celery writes it."""
    laboratory.send("note", "genuine", queue=PREPARE)
    message = laboratory.client.lpop(key_prefix(PREFIX) + PREPARE)
    return json.loads(str(message))


def forgeries(message: dict[str, Any], canary: Path) -> list[dict[str, Any]]:
    headers = message["headers"]
    pickled = {"content-type": "application/x-python-serialize", "content-encoding": "binary"}
    return [
        message | {"headers": headers | {"task": "os.system"}},
        message | {"headers": {}},
        message | {"headers": headers | {"eta": "nonsense"}},
        message | pickled | body(pickle.dumps(Canary(canary))),
        message | body(json.dumps([["x" * LARGE] * 2, {}, {}]).encode()),
        message | body(b"[" * 100_000),
        message | body(b"no JSON"),
    ]


class Dropped(NamedTuple):
    alive: bool
    canary: bool
    left: int  # messages that would be delivered again


def dropped(laboratory: Laboratory) -> Dropped:
    canary = laboratory.folder / "canary"
    worker = laboratory.worker()
    for index, forgery in enumerate(forgeries(genuine(laboratory), canary)):
        laboratory.client.lpush(QUEUE, json.dumps(forgery))
        laboratory.send("note", f"after{index}")
        laboratory.seen("note", f"after{index}")
    laboratory.until(lambda: not laboratory.reserved(), "the acknowledgements")
    return Dropped(worker.process.poll() is None, canary.exists(), laboratory.waiting())


@measured(dropped)
def test_forged_messages_are_dropped_and_the_worker_goes_on(outcome: Dropped) -> None:
    assert not outcome.canary, "A forged message ran code: accept_content keeps no pickle out."
    assert outcome == Dropped(True, False, 0), (
        "A forged message ends the worker or is delivered again: whoever reaches the server can "
        "keep the workers from working, although accept_content is [json]."
    )


class Ended(NamedTuple):
    exit_code: int | None
    left: int


def ended_by(laboratory: Laboratory, content: str) -> Ended:
    worker = laboratory.worker()
    laboratory.client.lpush(QUEUE, content)
    laboratory.until(lambda: worker.process.poll() is not None, "the worker to end")
    return Ended(worker.process.poll(), laboratory.waiting() + laboratory.reserved())


def garbage(laboratory: Laboratory) -> Ended:
    return ended_by(laboratory, "no JSON")


def no_arguments(laboratory: Laboratory) -> Ended:
    return ended_by(laboratory, json.dumps(genuine(laboratory) | body(b"5")))


ONCE = (
    "That `ganvas up` and compose restart a worker covers the end of one. It would not cover a "
    "message that is delivered again and ends each new worker."
)


@measured(garbage)
def test_what_is_no_message_ends_the_worker_once(outcome: Ended) -> None:
    assert outcome == Ended(1, 0), ONCE


@measured(no_arguments)
def test_message_without_arguments_ends_the_worker_once(outcome: Ended) -> None:
    assert outcome == Ended(1, 0), ONCE
