"""What a Celery worker does when its server restarts, fills up, or falls silent, measured."""

import time
from typing import NamedTuple

import psutil
import pytest

from core.queue import PREPARE, celery_app, key_prefix
from tests.chaos_proxy import ChaosProxy
from tests.contract.laboratory import PREFIX, QUEUE, Laboratory
from tests.contract.measured import measured
from tests.waiting import wait_for

pytestmark = pytest.mark.service

CANCEL = "worker_cancel_long_running_tasks_on_connection_loss"


def finishes(laboratory: Laboratory, cancel: bool, pool: str, task: str) -> bool:
    """A task runs while the server is killed and started again: does it reach its end? The worker
    has a slot to spare: one without does not watch its connection."""
    laboratory.worker("-P", pool, "-c", "2", settings={CANCEL: cancel})
    laboratory.send(task, "long")
    pid = laboratory.seen("begin", "long").pid
    laboratory.restart_server()
    if cancel:
        laboratory.until(lambda: not psutil.pid_exists(pid), "the task's process to be killed")
    laboratory.open_gate()
    laboratory.send("note", "next")
    laboratory.seen("note", "next")  # whatever happened, the worker goes on
    if not cancel:
        laboratory.seen("end", "long")
    return bool(laboratory.journal("end", "long"))


def restart_cancelling(laboratory: Laboratory) -> bool:
    return finishes(laboratory, True, "prefork", "late")


def restart_keeping(laboratory: Laboratory) -> bool:
    return finishes(laboratory, False, "prefork", "late")


def restart_of_ours(laboratory: Laboratory) -> bool:
    return finishes(laboratory, False, "threads", "early")


@measured(restart_cancelling)
def test_connection_loss_kills_a_running_task_when_cancelling_is_on(outcome: bool) -> None:
    assert not outcome, f"Celery no longer kills tasks here: our explicit {CANCEL}=False is idle."


@measured(restart_keeping)
def test_running_task_survives_a_restart_of_the_server_when_cancelling_is_off(
    outcome: bool,
) -> None:
    assert outcome, f"{CANCEL}=False no longer keeps a task: a restart would end trainings."


@measured(restart_of_ours)
def test_our_workers_finish_their_task_over_a_restart_of_the_server(outcome: bool) -> None:
    assert outcome, "The threads pool loses its task: a restart would end supervised trainings."


def test_cancelling_is_off_explicitly() -> None:
    conf = celery_app("redis://127.0.0.1:6379/0", PREFIX).conf
    assert conf[CANCEL] is False and CANCEL in (conf.maps or [{}])[0], (
        "Celery 6 changes the default to True, which kills running tasks on a connection loss."
    )


def half_open(laboratory: Laboratory) -> float:
    """A worker's connections silently carry nothing, and new ones work. As our reconciler does,
    send a message whenever there is none: after how many seconds does the worker run one?"""

    def consumes() -> bool:
        if not laboratory.waiting():
            laboratory.send("note", "after")
        return bool(laboratory.journal("note", "after"))

    with ChaosProxy(laboratory.socket) as proxy:
        laboratory.worker(url=proxy.url)
        laboratory.send("note", "before")
        laboratory.seen("note", "before")
        laboratory.until(lambda: not laboratory.reserved(), "the acknowledgement")
        start = time.monotonic()
        proxy.freeze()
        laboratory.until(consumes, "the worker to consume again", 40)
        return time.monotonic() - start


@measured(half_open)
def test_worker_behind_a_half_open_connection_consumes_again(outcome: float) -> None:
    assert outcome <= 20, (
        "No recovery within brpop_timeout + 2 * health_check_interval + socket_timeout (14 s): "
        "the transport options of core/queue.py rest on it."
    )


class Full(NamedTuple):
    exit_code: int | None
    lost: bool
    consumes: bool


def full(laboratory: Laboratory, retry: bool) -> Full:
    """A message arrives at the moment when the server has no memory left."""
    worker = laboratory.worker(settings={"broker_channel_error_retry": retry})
    laboratory.send("note", "before")
    laboratory.seen("note", "before")
    laboratory.until(lambda: not laboratory.reserved(), "the acknowledgement")
    fill(laboratory)
    if retry:
        laboratory.until(lambda: worker.says("used memory > 'maxmemory'"), "the worker to notice")
    else:
        laboratory.until(lambda: worker.process.poll() is not None, "the worker to end")
    left = laboratory.waiting() + laboratory.reserved()
    laboratory.client.config_set("maxmemory", 0)
    if retry:
        laboratory.send("note", "after")
        laboratory.seen("note", "after")
    lost = not left and not laboratory.journal("note", "popped")
    return Full(worker.process.poll(), lost, retry)


def fill(laboratory: Laboratory) -> None:
    """In one transaction: a message into the queue, and no memory any more."""
    laboratory.send("note", "popped", queue=PREPARE)
    together = laboratory.client.pipeline()
    together.lmove(key_prefix(PREFIX) + PREPARE, QUEUE)
    together.execute_command("CONFIG", "SET", "maxmemory", "1")
    together.execute()


def full_retrying(laboratory: Laboratory) -> Full:
    return full(laboratory, True)


def full_giving_up(laboratory: Laboratory) -> Full:
    return full(laboratory, False)


@measured(full_retrying)
def test_worker_survives_a_full_server_and_loses_the_popped_message(outcome: Full) -> None:
    assert outcome.exit_code is None and outcome.consumes, (
        "broker_channel_error_retry=True no longer keeps a worker alive on a full server."
    )
    assert outcome.lost, "A full server loses no message any more; the reconciler was built for it."


@measured(full_giving_up)
def test_full_server_ends_a_worker_without_our_setting(outcome: Full) -> None:
    assert outcome.exit_code == 1, (
        "A full server ends no worker any more: broker_channel_error_retry may not be needed."
    )


def deaf(laboratory: Laboratory, multiplier: int, patience: float) -> bool:
    """Does a worker with one slot stop consuming when an acknowledgement is lost on its way?"""
    settings = {"worker_prefetch_multiplier": multiplier}
    laboratory.worker(fault="lose_first_ack", settings=settings)
    laboratory.send("note", "first")
    laboratory.seen("note", "first")
    laboratory.send("note", "second")
    try:
        wait_for(lambda: laboratory.journal("note", "second"), "the second message", patience)
    except AssertionError:
        return True
    return False


def ack_lost_with_a_limit(laboratory: Laboratory) -> bool:
    return deaf(laboratory, 1, patience=6)


def ack_lost_without_a_limit(laboratory: Laboratory) -> bool:
    return deaf(laboratory, 0, patience=30)


@measured(ack_lost_with_a_limit)
def test_lost_acknowledgement_makes_a_worker_deaf_when_prefetch_is_limited(outcome: bool) -> None:
    assert outcome, (
        "worker_prefetch_multiplier=1 no longer makes a worker deaf for ever after one "
        "acknowledgement that timed out: docs/celery-contract.md warns of it."
    )


@measured(ack_lost_without_a_limit)
def test_lost_acknowledgement_does_no_harm_without_a_limit(outcome: bool) -> None:
    assert not outcome, "worker_prefetch_multiplier=0 is no cure for a lost acknowledgement."
