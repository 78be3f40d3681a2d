"""Long work in a thread: heard while it lasts, left at any moment."""

import threading
from collections.abc import Callable

import pytest

from tests.waiting import wait_for
from worker.attend import attend


def test_the_answer_comes_after_what_is_told() -> None:
    def work(tell: Callable[[float], None]) -> str:
        tell(0.5)
        return "done"

    steps, seen = attend(work), []
    while True:
        try:
            seen.append(next(steps))
        except StopIteration as end:
            assert end.value == "done"
            break
    assert set(seen) <= {0.0, 0.5}


def test_silent_work_can_be_left_and_ends_at_its_next_word() -> None:
    go_on, ended = threading.Event(), threading.Event()

    def work(tell: Callable[[float], None]) -> None:
        try:
            go_on.wait(20)
            tell(0.1)
        finally:
            ended.set()

    steps = attend(work)
    assert next(steps) == 0.0
    steps.close()
    assert not ended.is_set()
    go_on.set()
    wait_for(ended.is_set, "the work to end")


def test_its_error_is_the_callers() -> None:
    def work(tell: Callable[[float], None]) -> None:
        raise KeyError("x")

    with pytest.raises(KeyError):
        list(attend(work))
