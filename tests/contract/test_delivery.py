"""How often Celery delivers a message, measured: never, once, or many times."""

from typing import NamedTuple

import pytest

from tests.contract.laboratory import Laboratory
from tests.contract.measured import measured

pytestmark = pytest.mark.service


class Deliveries(NamedTuple):
    late: int
    early: int


def redelivery(laboratory: Laboratory) -> Deliveries:
    """Tasks longer than the visibility timeout, acknowledged late and early."""
    often = {"unacked_restore_interval": 1, "unacked_restore_throttle": 1}
    laboratory.worker("-P", "threads", "-c", "6", transport={"visibility_timeout": 1, **often})
    laboratory.send("early", "early")
    laboratory.send("late", "late")
    laboratory.until(lambda: len(laboratory.journal("begin", "late")) > 2, "a third delivery")
    return Deliveries(
        late=len(laboratory.journal("begin", "late")),
        early=len(laboratory.journal("begin", "early")),
    )


@measured(redelivery)
def test_task_longer_than_the_visibility_timeout_runs_again_when_acknowledged_late(
    outcome: Deliveries,
) -> None:
    assert outcome.late >= 3, (
        "Celery no longer repeats a long task that is acknowledged late: task_acks_late=False in "
        "core/queue.py and our own leases rest on it."
    )
    assert outcome.early == 1, (
        "Celery repeats a long task although it is acknowledged early: a training would be hinted "
        "once per visibility timeout."
    )


class Death(NamedTuple):
    exit_code: int
    waiting: int
    reserved: int


def killed_after_pop(laboratory: Laboratory) -> Death:
    """A worker is killed between BRPOP and the write to `unacked`."""
    worker = laboratory.worker(fault="die_after_pop")
    laboratory.send("note", "lost")
    code = laboratory.until(worker.process.poll, "the worker to die")
    assert code
    return Death(code, laboratory.waiting(), laboratory.reserved())


@measured(killed_after_pop)
def test_message_is_gone_when_its_worker_is_killed_after_the_pop(outcome: Death) -> None:
    assert outcome.exit_code == -9
    assert (outcome.waiting, outcome.reserved) == (0, 0), (
        "A message now survives the death of its worker. That a message is only a hint and the "
        "reconciler repeats it (docs/decisions/0001) rests on the opposite."
    )


def taken_by_other(laboratory: Laboratory, pool: str, disabled: bool) -> bool:
    """Two messages, a busy worker with one slot, then a second worker: does it get the second?"""
    settings = {"worker_disable_prefetch": disabled}
    options = ("-P", pool, "-c", "1")
    laboratory.worker(*options, settings=settings)
    laboratory.send("early", "first")
    laboratory.seen("begin", "first")
    laboratory.send("early", "second")
    other = laboratory.worker(*options, settings=settings)
    laboratory.until(lambda: other.says(" ready."), "the second worker to be ready")
    laboratory.until(lambda: not laboratory.waiting(), "somebody to take the second message")
    laboratory.open_gate()
    return laboratory.seen("begin", "second").pid == other.process.pid


def prefetch_disabled(laboratory: Laboratory) -> bool:
    return taken_by_other(laboratory, "threads", True)


def prefetch_enabled(laboratory: Laboratory) -> bool:
    return taken_by_other(laboratory, "threads", False)


def prefetch_solo(laboratory: Laboratory) -> bool:
    return taken_by_other(laboratory, "solo", True)


@measured(prefetch_disabled)
def test_busy_worker_leaves_the_next_message_to_others(outcome: bool) -> None:
    assert outcome, (
        "worker_disable_prefetch=True no longer keeps a busy worker from reserving: a job would "
        "wait for days behind a training although another worker is free."
    )


@measured(prefetch_enabled)
def test_busy_worker_reserves_the_next_message_without_our_setting(outcome: bool) -> None:
    assert not outcome, (
        "A busy worker no longer reserves a message by itself: worker_disable_prefetch=True in "
        "core/queue.py may not be needed any more."
    )


@measured(prefetch_solo)
def test_busy_solo_worker_leaves_the_next_message_to_others(outcome: bool) -> None:
    assert outcome, (
        "A busy solo worker reserves messages: the generate workers, which are solo, would keep "
        "an image waiting although another of them is free."
    )
