"""A client's process: accepts one training with an idempotency key and prints the job's id."""

import sys
from typing import Any

from core.connection import connect
from core.crashpoints import arm
from core.jobs import JobStore
from core.schemas import JobKind
from core.settings import Settings


def main() -> None:
    settings = Settings()
    arm(settings.crash_at, settings.home)
    with connect(settings.redis_url) as client:
        jobs = JobStore(client, settings.prefix, settings.folders)
        input: dict[str, Any] = {"dataset_id": "discs", "dataset_name": "Discs", "model": "discs"}
        job, _ = jobs.create(JobKind.TRAIN, input, seed=1, idempotency=(sys.argv[1], "same body"))
    print(job.id)


if __name__ == "__main__":
    main()
