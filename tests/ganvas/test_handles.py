"""What can be done with a job by either client."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from core.schemas import Job
from ganvas import AsyncClient, Client, GanvasAPIError
from ganvas.handles import AsyncJobHandle, JobHandle
from tests.ganvas.local_server import Answer, LocalServer, job, problem
from tests.ganvas.test_models import MODEL

ACTS: dict[str, tuple[Callable[[JobHandle], Job], Callable[[AsyncJobHandle], Awaitable[Job]]]] = {
    "cancel": (JobHandle.cancel, AsyncJobHandle.cancel),
    "pause": (JobHandle.pause, AsyncJobHandle.pause),
    "resume": (JobHandle.resume, AsyncJobHandle.resume),
    "checkpoint": (JobHandle.checkpoint, AsyncJobHandle.checkpoint),
    "sample": (JobHandle.sample, AsyncJobHandle.sample),
}
CHECKPOINT = {"step": 200, "kimg": 1.6, "sha256": "5" * 64, "bytes": 9, "model": "job:job-1@200"}


@pytest.fixture(autouse=True)
def _job(server: LocalServer) -> None:
    server.on("GET /v1/jobs/job-1", Answer(body=job("running")))


def with_async(server: LocalServer, act: Callable[[AsyncJobHandle], Awaitable[Any]]) -> Any:
    """What `act` answers."""

    async def main() -> Any:
        async with AsyncClient(server.url) as client:
            return await act(await client.jobs.handle("job-1"))

    return asyncio.run(main())


@pytest.mark.parametrize("name", ACTS)
def test_each_action_is_asked_for_and_shows_the_job(server: LocalServer, name: str) -> None:
    act, act_async = ACTS[name]
    lost, after = Answer(hang_up=True), Answer(status=202, body=job("cancelling", 2))
    server.on(f"POST /v1/jobs/job-1/{name}", lost, after)
    with Client(server.url) as client:
        handle = client.jobs.handle("job-1")
        assert act(handle).state == handle.job.state == "cancelling"
    server.on(f"POST /v1/jobs/job-1/{name}", lost, after)
    assert with_async(server, act_async).state == "cancelling"
    assert len(server.sent(f"POST /v1/jobs/job-1/{name}")) == 4


def test_refusal_names_what_is_allowed(server: LocalServer) -> None:
    detail = "The job is succeeded. Allowed actions: none."
    server.on("POST /v1/jobs/job-1/pause", problem(409, "conflict", detail))
    with Client(server.url) as client, pytest.raises(GanvasAPIError) as caught:
        client.jobs.handle("job-1").pause()
    assert (caught.value.status, caught.value.detail) == (409, detail)
    with pytest.raises(GanvasAPIError, match="Allowed actions: none"):
        with_async(server, AsyncJobHandle.pause)


def test_retry_is_a_handle_of_the_new_job(server: LocalServer) -> None:
    again = Answer(status=202, body=job(id="job-2"))
    server.on("POST /v1/jobs/job-1/retry", Answer(hang_up=True), again)
    with Client(server.url) as client:
        handle = client.jobs.handle("job-1")
        assert (handle.retry().id, handle.id) == ("job-2", "job-1")
    assert with_async(server, AsyncJobHandle.retry).id == "job-2"
    keys = {sent.headers["Idempotency-Key"] for sent in server.sent("POST /v1/jobs/job-1/retry")}
    assert keys == {None}  # asked twice it is the same job


def test_priority_is_sent_as_json(server: LocalServer) -> None:
    server.on("PATCH /v1/jobs/job-1", Answer(hang_up=True), Answer(body=job(priority=5)))
    with Client(server.url) as client:
        handle = client.jobs.handle("job-1")
        assert handle.prioritise(5).priority == handle.job.priority == 5
    assert with_async(server, lambda handle: handle.prioritise(5)).priority == 5
    sent = server.sent("PATCH /v1/jobs/job-1")
    assert {request.body for request in sent} == {b'{"priority":5}'}
    assert {request.headers["Content-Type"] for request in sent} == {"application/json"}


def test_metrics_come_as_the_file_that_was_asked_for(server: LocalServer) -> None:
    files = {"text/csv": b"step,G\n1,0.5\n", "application/vnd.apache.parquet": b"PAR1"}
    server.on(
        "GET /v1/jobs/job-1/metrics",
        lambda request: Answer(body=files[request.headers["Accept"]]),
    )
    with Client(server.url) as client:
        handle = client.jobs.handle("job-1")
        assert [handle.metrics(), handle.metrics("parquet")] == list(files.values())
    assert with_async(server, lambda handle: handle.metrics("parquet")) == b"PAR1"


def test_checkpoints_are_records(server: LocalServer) -> None:
    listed = {"object": "list", "data": [CHECKPOINT, CHECKPOINT | {"step": 100, "model": None}]}
    server.on("GET /v1/jobs/job-1/checkpoints", Answer(body=listed))
    with Client(server.url) as client:
        newest, oldest = client.jobs.handle("job-1").checkpoints()
    assert (newest.step, newest.model, oldest.model) == (200, "job:job-1@200", None)
    assert with_async(server, AsyncJobHandle.checkpoints) == [newest, oldest]


def test_checkpoint_is_published_as_what_was_asked_for(server: LocalServer) -> None:
    path = "POST /v1/jobs/job-1/checkpoints/200/publish"
    server.on(path, Answer(hang_up=True), Answer(status=201, body=MODEL))
    with Client(server.url) as client:
        assert client.jobs.handle("job-1").publish(200, alias="stable").version == 2
    assert with_async(server, lambda handle: handle.publish(200, name="cats")).name == "cats"
    lost, first, second = (json.loads(sent.body) for sent in server.sent(path))
    assert lost == first == {"name": None, "alias": "stable"}
    assert second == {"name": "cats", "alias": None}


def test_alarms_are_records(server: LocalServer) -> None:
    alarm = {"step": 6, "kind": "stuck", "message": "Nothing.", "at": "2026-01-01T00:00:00Z"}
    server.on("GET /v1/jobs/job-1/alarms", Answer(body={"object": "list", "data": [alarm]}))
    with Client(server.url) as client:
        (found,) = client.jobs.handle("job-1").alarms()
    assert (found.step, found.kind, found.action) == (6, "stuck", "tell")
    assert with_async(server, AsyncJobHandle.alarms) == [found]


@pytest.mark.parametrize(
    ("dataset", "fields", "body"),
    [
        (None, {"resume_from": "job-1", "minutes": 20}, {"budget": {"minutes": 20}}),
        (None, {"resume_from": "job-1"}, {}),
        (
            "cats",
            {"init_from": "dogs@2", "label_map": {"lynx": "tabby", "puma": None}},
            {"dataset": "cats", "label_map": {"lynx": "tabby", "puma": None}},
        ),
        ("cats", {"priority": 3, "seed": 0}, {"dataset": "cats", "priority": 3, "seed": 0}),
    ],
)
def test_training_is_ordered_with_what_was_given_and_nothing_else(
    server: LocalServer, dataset: str | None, fields: Any, body: dict[str, Any]
) -> None:
    server.on("POST /v1/train", Answer(status=202, body=job()))
    with Client(server.url) as client:
        client.train(dataset, **fields)

    async def main() -> None:
        async with AsyncClient(server.url) as client:
            await client.train(dataset, **fields)

    asyncio.run(main())
    given = {name: fields[name] for name in ("resume_from", "init_from") if name in fields}
    for request in server.sent("POST /v1/train"):
        assert json.loads(request.body) == body | given


def test_training_without_a_beginning_is_not_sent(server: LocalServer) -> None:
    with Client(server.url) as client, pytest.raises(ValueError, match="give a dataset"):
        client.train(minutes=5)
    assert server.received == []
