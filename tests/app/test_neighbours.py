"""R17: two services with prefixes of their own on one server know nothing of each other."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI

from app.main import create_app
from app.services import Services
from core.home import Home
from core.queue import key_prefix
from core.schemas import JobKind, JobState
from core.settings import Settings
from tests.app.serving import client_of
from tests.app.states import claimed, new_job


@pytest.fixture
def both(settings: Settings, tmp_path: Path) -> Iterator[list[tuple[httpx.Client, Services]]]:
    """An API with the prefix of this test, and a neighbour whose prefix begins in the same way."""
    other = {"prefix": f"{settings.prefix}-b", "home": tmp_path / "other"}
    with ExitStack() as stack:
        pairs = []
        for own in (settings, settings.model_copy(update=other)):
            app: FastAPI = create_app(own)
            client = stack.enter_context(client_of(app))
            pairs.append((client, app.state.services))
        yield pairs


def contents(held: Services) -> dict[str, bytes | None]:
    """What the server keeps under the prefix of a service, apart from its locks."""
    names = held.jobs.client.scan_iter(match=f"{held.jobs.keys.root}*", count=1000)
    return {name: held.jobs.client.dump(name) for name in names if ":lock:" not in name}


def test_work_of_one_service_leaves_the_other_as_it_is(
    both: list[tuple[httpx.Client, Services]],
) -> None:
    (api, held), (neighbour, there) = both
    untouched = new_job(there)
    there.hint(JobKind.TRAIN)  # or else its own reconciler will
    before, known = contents(there), set(held.jobs.client.scan_iter(count=1000))
    job = new_job(held)
    held.hint(JobKind.TRAIN)
    held.jobs.finish(claimed(held, job), JobState.SUCCEEDED, output={})
    cancelled = new_job(held)
    assert api.post(f"/v1/jobs/{cancelled.id}/cancel").status_code == 202
    assert contents(there) == before
    new = set(held.jobs.client.scan_iter(count=1000)) - known
    assert [name for name in new if not name.startswith(held.jobs.keys.root)] == []

    assert there.jobs.claim_next("train", "worker-2") is not None
    assert held.jobs.claim_next("train", "worker-1") is None
    listed = [[job["id"] for job in client.get("/v1/jobs").json()["data"]] for client, _ in both]
    assert listed == [[cancelled.id, job.id], [untouched.id]]
    assert neighbour.get(f"/v1/jobs/{job.id}").status_code == 404
    assert there.jobs.client.llen(key_prefix(there.settings.prefix) + "train") == 1
    assert Home(there.settings.home).job(untouched.id).exists()
