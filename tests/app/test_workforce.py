"""How many workers are alive: never older news than the question."""

import asyncio
from datetime import UTC, datetime

from app.workforce import Workforce
from core.presence import WorkerInfo
from core.queue import GENERATE

WORKER = WorkerInfo(id="w", queues=[GENERATE], pid=1, host="h", started_at=datetime.now(UTC))


def test_worker_that_came_just_after_a_count_is_counted_by_the_next_question() -> None:
    living: list[WorkerInfo] = []
    workforce = Workforce(lambda: list(living))

    async def ask() -> list[int]:
        before = await workforce.look()
        living.append(WORKER)
        return [before, await workforce.look()]

    assert asyncio.run(ask()) == [0, 1]


def test_questions_at_one_time_share_a_count() -> None:
    counts = 0

    def alive() -> list[WorkerInfo]:
        nonlocal counts
        counts += 1
        return [WORKER]

    workforce = Workforce(alive)

    async def ask() -> list[int]:
        return await asyncio.gather(*(workforce.look() for _ in range(50)))

    assert asyncio.run(ask()) == [1] * 50
    assert counts == 1
