"""`ganvas jobs` and trainings that go on from earlier ones, on the command line."""

import json
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from core.schemas import Job
from ganvas.cli_jobs import place
from ganvas.watch import News, phase
from tests.ganvas.commands import ganvas
from tests.ganvas.local_server import Answer, LocalServer, job, page, problem
from tests.ganvas.test_models import MODEL


@pytest.fixture(autouse=True)
def _elsewhere(clean_environment: None, server: LocalServer) -> None:
    server.on("GET /v1/jobs/job-1", Answer(body=job("running", priority=2)))


def history(*entries: tuple[str, str | None]) -> list[dict[str, Any]]:
    return [
        {"state": state, "at": f"2026-01-01T00:00:{second:02d}Z", "reason": reason}
        for second, (state, reason) in enumerate(entries)
    ]


@pytest.mark.parametrize(
    ("action", "after", "says"),
    [
        (
            "pause",
            job("pausing"),
            "Job job-1 is pausing.\n  let it go on: ganvas jobs resume job-1",
        ),
        ("resume", job("running"), "Job job-1 is running."),
        ("resume", job(queue_position=2), "Job job-1 is queued, #3 of those that wait."),
        ("checkpoint", job(committed={"step": 5}), "Job job-1 will save its state; its newest "),
        ("checkpoint", job(committed={"step": 5}), "checkpoint: step 5."),
        ("checkpoint", job(), "checkpoint: none yet."),
        ("sample", job(), "Job job-1 will draw a grid: http://"),
        ("retry", job(id="job-2"), "Job job-2 does the work of job-1 again, from the beginning."),
        ("retry", job(input={"resume_from": "job-1"}), "again, from its last checkpoint."),
        ("retry", job(id="job-2"), "watch it: ganvas jobs watch job-2"),
    ],
)
def test_actions_say_what_became_of_the_job(
    server: LocalServer, action: str, after: dict[str, Any], says: str
) -> None:
    server.on(f"POST /v1/jobs/job-1/{action}", Answer(status=202, body=after))
    result = ganvas(server, "jobs", action, "job-1")
    assert result.exit_code == 0, result.output
    assert says in result.stdout


@pytest.mark.parametrize("action", ["pause", "resume", "checkpoint", "sample", "retry", "cancel"])
def test_refused_actions_are_one_sentence(server: LocalServer, action: str) -> None:
    message = "Allowed actions: cancel, pause."
    errors = [{"pointer": "#/state", "message": message}]
    detail = f"The job is queued. {message}"
    refusal = problem(409, "conflict", detail, errors=errors)
    server.on(f"POST /v1/jobs/job-1/{action}", refusal)
    result = ganvas(server, "jobs", action, "job-1")
    assert (result.exit_code, result.stdout, result.stderr) == (1, "", f"{detail}\n")


def test_retry_can_be_watched(server: LocalServer) -> None:
    done = job("succeeded", id="job-2", output={"model": "cats", "version": 2})
    server.on("POST /v1/jobs/job-1/retry", Answer(status=202, body=job(id="job-2")))
    server.on("GET /v1/jobs/job-2", Answer(body=done))
    result = ganvas(server, "jobs", "retry", "job-1", "--watch")
    assert result.exit_code == 0, result.output
    assert "Model cats@2 is ready" in result.stdout


@pytest.mark.parametrize("number", ["5", "-5"])
def test_priority_is_changed(server: LocalServer, number: str) -> None:
    after = job(priority=int(number), queue_position=0)
    server.on("PATCH /v1/jobs/job-1", Answer(body=after))
    result = ganvas(server, "jobs", "priority", "job-1", number)
    expected = f"Job job-1 has priority {number} and is queued, #1 of those that wait.\n"
    assert (result.exit_code, result.stdout) == (0, expected)
    assert json.loads(server.received[-1].body) == {"priority": int(number)}


def test_priority_is_shown(server: LocalServer) -> None:
    result = ganvas(server, "jobs", "priority", "job-1")
    assert result.stdout == "Job job-1 has priority 2 and is running.\n"
    assert [request.method for request in server.received] == ["GET"]


def test_list_shows_who_waits_where(server: LocalServer) -> None:
    waiting = job(queue_position=1, priority=5)
    server.on("GET /v1/jobs", Answer(body=page(waiting)))
    head, line = ganvas(server, "jobs", "list").stdout.splitlines()
    assert head.index("QUEUE") == line.index("#2 priority 5")


def test_a_search_goes_on_over_empty_pages(server: LocalServer) -> None:
    pages = [page() | {"has_more": True, "last_id": "job-5"}, page(job(), job(id="job-0"))]
    server.on("GET /v1/jobs", *(Answer(body=one) for one in pages))
    arguments = ("jobs", "list", "--limit", "1", "--state", "queued,paused", "--search", "my cats")
    head, line = ganvas(server, *arguments).stdout.splitlines()
    assert head.startswith("JOB") and line.startswith("job-1")
    first, second = (dict(parse_qsl(urlsplit(sent.path).query)) for sent in server.received)
    assert first == {"limit": "1", "state": "queued,paused", "q": "my cats"}
    assert second == first | {"after": "job-5"}


@pytest.mark.parametrize(
    ("facts", "shown"),
    [
        (job(queue_position=0), "#1"),
        (job("running", priority=-3), "priority -3"),
        (job("paused"), ""),
        (job("succeeded", priority=5), ""),
    ],
)
def test_place_is_empty_where_it_means_nothing(facts: dict[str, Any], shown: str) -> None:
    assert place(Job(**facts)) == shown


def test_newest_metrics_are_shown(server: LocalServer) -> None:
    facts = job("running", metrics={"G": 0.123456789, "kd": 2})
    server.on("GET /v1/jobs/job-1", Answer(body=facts))
    lines = ganvas(server, "jobs", "metrics", "job-1").stdout.splitlines()
    assert [line.split() for line in lines] == [["METRIC", "NOW"], ["G", "0.12346"], ["kd", "2"]]


def test_checkpoint_is_published(server: LocalServer) -> None:
    server.on("POST /v1/jobs/job-1/checkpoints/200/publish", Answer(status=201, body=MODEL))
    result = ganvas(server, "jobs", "publish", "job-1", "200", "--alias", "stable")
    expected = "The checkpoint at step 200 is cats@2, cats@stable means it.\n"
    assert (result.exit_code, result.stdout) == (0, expected)


def test_alarms_are_sentences(server: LocalServer) -> None:
    alarm = {"step": 6, "kind": "stuck", "message": "Nothing.", "at": "2026-01-01T00:00:00Z"}
    server.on("GET /v1/jobs/job-1/alarms", Answer(body={"object": "list", "data": [alarm]}))
    assert ganvas(server, "jobs", "alarms", "job-1").stdout == "step 6: Nothing.\n"


def test_all_metrics_are_written_to_files(server: LocalServer, tmp_path: Path) -> None:
    server.on("GET /v1/jobs/job-1/metrics", Answer(body=b"a table"))
    paths = [tmp_path / "m.csv", tmp_path / "m.parquet"]
    files = ("--csv", str(paths[0]), "--parquet", str(paths[1]))
    result = ganvas(server, "jobs", "metrics", "job-1", *files)
    assert result.stdout == "".join(f"{path}: the metrics of job-1\n" for path in paths)
    assert [path.read_bytes() for path in paths] == [b"a table"] * 2
    accepted = [sent.headers["Accept"] for sent in server.sent("GET /v1/jobs/job-1/metrics")]
    assert accepted == ["text/csv", "application/vnd.apache.parquet"]


# --- watching


@pytest.mark.parametrize(
    ("facts", "shown"),
    [
        (job(queue_position=2), "queued behind 2"),
        (job(queue_position=0), "queued"),
        (job("running", phase="waiting for disk space"), "waiting for disk space"),
        (job("running"), "running"),
        (job("paused", phase="training"), "paused"),
        (job("pausing", phase="training"), "pausing"),
        (job("cancelling", phase="waiting for disk space"), "cancelling, waiting for disk space"),
        (job("recovering", phase="training", queue_position=0), "recovering"),
    ],
)
def test_phase_is_a_word_or_two(facts: dict[str, Any], shown: str) -> None:
    assert phase(Job(**facts)) == shown


def test_watching_goes_on_through_rests_and_interruptions(server: LocalServer) -> None:
    began = [("queued", None), ("running", None)]
    crashed = [*began, ("recovering", "child killed by signal 9"), ("running", None)]
    rests = [*crashed, ("pausing", "requested"), ("paused", "requested")]
    states = [
        job("running", 2, history=history(*began), phase="waiting for disk space"),
        job("running", 4, history=history(*crashed), phase="training"),
        job("paused", 6, history=history(*rests), phase="training"),
        job("succeeded", 9, history=history(*rests, ("succeeded", None))),
    ]
    server.on("GET /v1/jobs/job-1", *(Answer(body=state) for state in states))
    result = ganvas(server, "jobs", "watch", "job-1")
    assert result.exit_code == 0, result.output
    lines = [line.partition("  ")[0] for line in result.stderr.splitlines()]
    assert lines == [
        "waiting for disk space",
        "Interrupted (child killed by signal 9); the job goes on by itself.",
        "training",
        "The job rests; let it go on: ganvas jobs resume job-1",
        "paused",
        "succeeded",
    ]


def test_old_interruptions_are_no_news() -> None:
    entries = [("recovering", "worker lost"), ("running", None)]
    news = News()
    assert news.of(Job(**job("running"))) == []
    assert news.of(Job(**job("running", history=history(*entries)))) == []
    more = history(*entries, ("recovering", ""))
    (line,) = news.of(Job(**job("recovering", history=more)))
    assert line.startswith("Interrupted (no reason was given)")
    assert news.of(Job(**job("recovering", history=more))) == []


def test_failed_training_can_be_done_again(server: LocalServer) -> None:
    error = {"code": "disk_full", "detail": "Make room."}
    server.on("GET /v1/jobs/job-1", Answer(body=job("failed", error=error)))
    assert "ganvas jobs retry job-1" in ganvas(server, "jobs", "watch", "job-1").stderr
    server.on("GET /v1/jobs/job-1", Answer(body=job("failed", error=error, kind="ingest")))
    assert "retry" not in ganvas(server, "jobs", "watch", "job-1").stderr


# --- train


@pytest.mark.parametrize(
    ("arguments", "body", "says"),
    [
        (
            ("--resume-from", "job-9", "--minutes", "20"),
            {"resume_from": "job-9", "budget": {"minutes": 20}},
            "Job job-1 goes on from job-9.",
        ),
        (
            ("cats", "--init-from", "dogs@2", "--label-map", "lynx=tabby", "--label-map", "puma="),
            {
                "dataset": "cats",
                "init_from": "dogs@2",
                "label_map": {"lynx": "tabby", "puma": None},
            },
            "Job job-1 trains on cats, beginning as dogs@2.",
        ),
        (
            ("cats", "--priority", "-2", "--seed", "0", "--preset", "auto"),
            {"dataset": "cats", "priority": -2, "seed": 0, "preset": "auto"},
            "Job job-1 trains on cats.",
        ),
    ],
)
def test_training_is_ordered_as_asked(
    server: LocalServer, arguments: tuple[str, ...], body: dict[str, Any], says: str
) -> None:
    server.on("POST /v1/train", Answer(status=202, body=job()))
    result = ganvas(server, "train", *arguments)
    assert result.exit_code == 0, result.output
    assert result.stdout.splitlines()[0] == says
    assert json.loads(server.received[0].body) == body


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ((), "Say what to train on"),
        (("--init-from", "dogs"), "Say what to train on"),
        (("--resume-from", "job-9", "--init-from", "dogs"), "  give resume_from or init_from"),
        (("--resume-from", "../job"), "resume_from: "),
        (("cats", "--label-map", "a=b"), "label_map belongs to init_from"),
        (("cats", "--init-from", "dogs", "--label-map", "a"), "new=old, not 'a'"),
        (("cats", "--init-from", "dogs", "--label-map", "=a"), "new=old, not '=a'"),
        (("cats", "--priority", "11"), "priority: "),
        ((".", "--resume-from", "job-9"), "keeps its images: leave . out."),
    ],
)
def test_mistakes_are_named_before_anything_is_sent(
    server: LocalServer, tmp_path: Path, arguments: tuple[str, ...], says: str
) -> None:
    (tmp_path / "a.png").write_bytes(b"x")
    result = ganvas(server, "train", *arguments)
    assert (result.exit_code, server.received) == (1, [])
    assert says in result.stderr and "Traceback" not in result.output


def test_refused_continuation_is_told_as_a_sentence(server: LocalServer) -> None:
    message = "10 minutes are spent; the budget counts from the beginning."
    errors = [{"pointer": "#/budget/minutes", "message": message}]
    detail = f"#/budget/minutes: {message}"
    server.on("POST /v1/train", problem(422, "invalid_request", detail, errors=errors))
    result = ganvas(server, "train", "--resume-from", "job-9", "--minutes", "5")
    assert (result.exit_code, result.stderr) == (1, f"{detail}\n")
