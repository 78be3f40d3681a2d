"""Parts of one piece of work side by side, a core each.

Torch with one thread in each of several is as fast as one with several when the machine is idle,
and much faster when it is not: nobody waits for the slowest within every layer. And what is made on
one thread does not depend on the number of cores.
"""

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import TypeVar

import torch

from worker.machine import usable_cores

P = TypeVar("P")
R = TypeVar("R")


def side_by_side(work: Callable[[P], R], parts: Iterable[P]) -> list[R]:
    """`work` done for each part, in order. The process has to have set torch to one thread."""
    assert torch.get_num_threads() == 1, "every hand would take all cores"
    return list(_pool().map(work, parts))


@cache
def _pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(usable_cores(), thread_name_prefix="hand")
