"""Evaluations from the clients and on the command line."""

import asyncio
import json
from typing import Any

import pytest

from ganvas import AsyncClient, Client
from tests.ganvas.commands import ganvas
from tests.ganvas.local_server import Answer, LocalServer, job, page, problem

OUTPUT = {
    "model": "cats",
    "version": 2,
    "metrics": {
        "space": "rand64-v1",
        "n_fake": 50,
        "kd": 0.012345,
        "kd_sd": 0.001,
        "kd_floor": 0.0004,
        "coverage": 0.71,
    },
}
RESULT = {
    "job": "job-1",
    "created_at": "2026-01-01T00:00:00Z",
    "seconds": 2,
    "model": {},
    "dataset": {},
    "seed": 0,
    "metrics": {"kd": 0.1},
}


@pytest.fixture(autouse=True)
def _elsewhere(clean_environment: None, server: LocalServer) -> None:
    accepted = evaluation(input={"model": "cats", "version": 2})
    server.on("POST /v1/evaluate", Answer(status=202, body=accepted))
    server.on("GET /v1/jobs/job-1", Answer(body=evaluation("succeeded", 2, output=OUTPUT)))
    metrics = {"kd": {"summary": "Distance.", "better": "lower"}}
    server.on("GET /v1/catalogue", Answer(body={"metrics": metrics}))
    url = "/v1/models/cats/versions/2/evaluations"
    server.on(f"GET {url}", Answer(body=page(RESULT)))


def evaluation(state: str = "queued", version: int = 1, **more: Any) -> dict[str, Any]:
    return job(state, version, **more) | {"kind": "evaluate"}


def test_evaluation_is_ordered_once_and_waited_for(server: LocalServer) -> None:
    lost, accepted = Answer(hang_up=True), Answer(status=202, body=evaluation())
    server.on("POST /v1/evaluate", lost, accepted)
    with Client(server.url) as client:
        ended = client.evaluate("cats@2", n=50).wait()
        found = client.models.evaluations("cats", 2).data
    assert ended.output == OUTPUT
    assert (found[0].job, found[0].metrics) == ("job-1", {"kd": 0.1})
    sent = server.sent("POST /v1/evaluate")
    assert len({request.headers["Idempotency-Key"] for request in sent}) == 1
    assert json.loads(sent[0].body) == {"model": "cats@2", "n": 50}


def test_the_same_with_asyncio(server: LocalServer) -> None:
    async def main() -> None:
        async with AsyncClient(server.url) as client:
            handle = await client.evaluate("cats")
            assert (await handle.wait()).output == OUTPUT
            assert (await client.models.evaluations("cats", 2)).data[0].job == "job-1"

    asyncio.run(main())


def test_mistakes_are_told_before_anything_is_sent(server: LocalServer) -> None:
    result = ganvas(server, "evaluate", "cats", "--n", "3")
    assert (result.exit_code, server.received) == (1, [])
    assert "n: Input should be greater than or equal to 50" in result.stderr


def test_command_says_how_to_wait(server: LocalServer) -> None:
    result = ganvas(server, "evaluate", "cats", "--n", "50", "--dataset", "dogs", "--seed", "3")
    assert result.stdout == (
        "Job job-1 evaluates cats@2.\n  wait for it: ganvas jobs watch job-1\n"
    )
    body = {"model": "cats", "n": 50, "dataset": "dogs", "seed": 3}
    assert json.loads(server.received[0].body) == body


def test_command_shows_a_line_for_each_figure(server: LocalServer) -> None:
    result = ganvas(server, "evaluate", "cats", "--wait")
    assert result.exit_code == 0, result.output
    lines = [line.split() for line in result.stdout.splitlines()]
    assert lines == [
        ["Job", "job-1", "evaluates", "cats@2."],
        ["METRIC", "VALUE", "FLOOR", "BETTER"],
        ["kd", "0.01235", "±", "0.001", "0.0004", "lower"],
        ["coverage", "0.71"],
    ]


def test_figures_are_shown_when_no_worker_lives(server: LocalServer) -> None:
    server.on("GET /v1/catalogue", problem(503, "no_worker", "Nobody."))
    assert "0.01235" in ganvas(server, "evaluate", "cats", "--wait").stdout
    assert "0.01235" in ganvas(server, "jobs", "watch", "job-1").stdout


def test_failed_evaluation_says_why(server: LocalServer) -> None:
    error = {"code": "deadline_exceeded", "detail": "It was not done after 1 minutes."}
    server.on("GET /v1/jobs/job-1", Answer(body=evaluation("failed", 2, error=error)))
    result = ganvas(server, "evaluate", "cats", "--wait")
    assert result.exit_code == 1
    assert "It was not done after 1 minutes." in result.stderr and "retry" not in result.stderr
