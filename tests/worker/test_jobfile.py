"""W19: a stored request that lacks something fails its own job, with a code."""

from typing import Any

import pytest

from core.files import read_json, write_json
from core.schemas import JobKind
from tests.worker.supervision import Bench

pytestmark = pytest.mark.service

WHOLE: dict[str, Any] = {
    "dataset": "discs",
    "dataset_id": "discs",
    "dataset_name": "Discs",
    "dataset_sha256": "0" * 64,
    "name": "discs",
    "model": "discs",
    "version": 1,
    "digest": "0" * 64,
    "budget": {"steps": 1},
    "space": "rand64-v1",
    "n": 50,
    "deadline_minutes": 1,
}


@pytest.mark.parametrize(
    ("kind", "module", "lost"),
    [
        (JobKind.TRAIN, "worker.train_run", "seed"),
        (JobKind.TRAIN, "worker.train_run", "dataset_id"),
        (JobKind.TRAIN, "worker.train_run", "budget"),
        (JobKind.INGEST, "worker.ingest_run", "dataset"),
        (JobKind.EVALUATE, "worker.evaluate_run", "n"),
        (JobKind.EXPORT, "worker.export_run", "version"),
        (JobKind.PULL, "worker.store_run", "name"),
    ],
)
def test_request_without_what_its_work_needs_is_a_bad_spec(
    bench: Bench, kind: JobKind, module: str, lost: str
) -> None:
    bench.kind.module = module
    bench.runner.kinds[kind] = bench.kind
    job = bench.jobs.create(kind, {name: value for name, value in WHOLE.items() if name != lost})[0]
    if lost == "seed":
        path = bench.jobs.home.job(job.id) / "job.json"
        stored = read_json(path)
        del stored[lost]
        write_json(path, stored)
    bench.runner.drain(kind.queue)
    ended = bench.jobs.get(job.id)
    assert ended.error is not None
    assert (ended.error["code"], ended.attempt, bench.kind.discarded) == ("bad_spec", 1, 1)
    assert ended.error["detail"].endswith(f"lacks {lost}; ask for it anew.")
