"""Long work that is no sequence of steps, made one: it runs in a thread and is listened to."""

import contextlib
import queue
import threading
from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

TURN_SECONDS = 0.25  # at most, between two steps
T = TypeVar("T")
Tell = Callable[[float], None]


class Unwanted(Exception):
    """Nobody waits for the rest of the work."""


def attend(work: Callable[[Tell], T]) -> Generator[float, None, T]:
    """Answer `work(tell)`; yields the last value told, again and again until the end.

    When the generator is closed the work ends at its next word; nobody waits for that.
    """
    told: queue.SimpleQueue[float | None] = queue.SimpleQueue()
    unwanted = threading.Event()

    def tell(value: float) -> None:
        if unwanted.is_set():
            raise Unwanted
        told.put(value)

    pool, last = ThreadPoolExecutor(1, thread_name_prefix="attended"), 0.0
    try:
        future = pool.submit(work, tell)
        future.add_done_callback(lambda _: told.put(None))
        yield last  # one step at least, so that everybody sees that it began
        while not future.done():
            with contextlib.suppress(queue.Empty):
                word = told.get(timeout=TURN_SECONDS)
                last = last if word is None else word
            yield last
        return future.result()
    finally:
        unwanted.set()
        pool.shutdown(wait=False)
