"""Waiting until a job changes, awake at its events rather than by the clock."""

import time
from collections.abc import Callable
from typing import Any

from starlette.concurrency import run_in_threadpool

from app.services import Services
from app.sse import STEP_SECONDS
from core.schemas import Job


async def wait_for_job(
    held: Services, job_id: str, until: Callable[[Job], bool], seconds: float
) -> Job:
    """The job as soon as `until` says so, or as it is after `seconds`. Raises NotFound.

    Some changes have no event, so it looks at least once in a step.
    """
    end = time.monotonic() + seconds
    key = held.jobs.keys.events(job_id)
    while True:
        newest: Any = await held.waiting.xrevrange(key, count=1)
        job = await run_in_threadpool(held.jobs.get, job_id)
        left = end - time.monotonic()
        if until(job) or left <= 0 or held.streams.closing:
            return job
        seen = newest[0][0] if newest else "0-0"
        block = max(1, int(min(left, STEP_SECONDS) * 1000))
        await held.waiting.xread({key: seen}, count=1, block=block)
