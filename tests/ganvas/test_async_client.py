"""The asyncio client: the same flows, carried out without blocking."""

import asyncio
from pathlib import Path

import pytest

from ganvas import AsyncClient, GanvasAPIError, Unreachable
from tests.ganvas.local_server import Answer, LocalServer, dataset, job, problem, sse

BUSY = problem(503, "overloaded", "busy")


def test_train_wait_and_generate(server: LocalServer) -> None:
    server.on("POST /v1/train", BUSY, Answer(status=202, body=job()))
    server.on("GET /v1/jobs/job-1", Answer(hang_up=True), Answer(body=job("succeeded", 2)))
    server.on("GET /v1/generate", Answer(body=b"PNG", headers={"X-Seed": "alice"}))

    async def main() -> None:
        async with AsyncClient(server.url) as client:
            handle = await client.train("cats", steps=3)
            assert (await handle.wait(timeout=10)).state == "succeeded"
            image = await client.generate("alice")
            assert (image, image.seed) == (b"PNG", "alice")

    asyncio.run(main())
    keys = {request.headers["Idempotency-Key"] for request in server.sent("POST /v1/train")}
    assert len(keys) == 1


def test_upload_of_a_folder(server: LocalServer, tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"x" * 600_000)
    server.on("POST /v1/datasets", Answer(status=201, body=dataset()))
    heard: list[int] = []

    async def main() -> None:
        async with AsyncClient(server.url) as client:
            found = await client.datasets.upload(tmp_path, "cats", lambda n, _: heard.append(n))
            assert found.id == "ds-1"

    asyncio.run(main())
    assert heard[-1] == len(server.received[0].body) > 600_000


def test_events_continue_after_a_broken_connection(server: LocalServer) -> None:
    server.on("GET /v1/jobs/job-1", Answer(body=job("running")))
    server.on(
        "GET /v1/jobs/job-1/events",
        Answer(pieces=[sse("1-0", "state", {})]),
        Answer(hang_up=True),
        Answer(pieces=[sse("2-0", "done", {})]),
    )

    async def main() -> list[str]:
        async with AsyncClient(server.url) as client:
            handle = await client.jobs.handle("job-1")
            return [event.id async for event in handle.events()]

    assert asyncio.run(main()) == ["1-0", "2-0"]
    last = server.sent("GET /v1/jobs/job-1/events")[-1]
    assert last.headers["Last-Event-ID"] == "1-0"


def test_events_of_all_jobs_go_on_behind_the_end_of_one(server: LocalServer) -> None:
    server.on("GET /v1/events", Answer(pieces=[sse("1-0", "done", {"job": "job-1"})]))

    async def main() -> list[str]:
        async with AsyncClient(server.url) as client:
            events = client.jobs.events(after="0-5")
            return [(await anext(events)).id for _ in range(2)]

    assert asyncio.run(main()) == ["1-0", "1-0"]  # of two connections
    first, second = server.sent("GET /v1/events")[:2]
    assert [sent.headers["Last-Event-ID"] for sent in (first, second)] == ["0-5", "1-0"]


def test_errors_are_those_of_the_other_client(server: LocalServer) -> None:
    async def main() -> None:
        async with AsyncClient(server.url, retries=0) as client:
            with pytest.raises(GanvasAPIError, match="404"):
                await client.models.get("none")
        async with AsyncClient("http://127.0.0.1:9", retries=0) as client:
            with pytest.raises(Unreachable):
                await client.catalogue()

    asyncio.run(main())
