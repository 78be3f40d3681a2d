"""The command line against a real HTTP server that answers as the service does."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from ganvas.cli_images import image_format
from ganvas.cli_train import parse_option
from ganvas.home_lock import HomeLock
from tests.ganvas.commands import ganvas, run
from tests.ganvas.local_server import Answer, LocalServer, dataset, job, page, problem

ROOT = Path(__file__).parent.parent.parent
MODEL: dict[str, Any] = {
    "object": "model",
    "name": "cats",
    "version": 2,
    "digest": "d" * 64,
    "created_at": "2026-01-01T00:00:00Z",
    "architecture": "r3",
    "resolution": 64,
    "channels": 3,
    "z_dim": 64,
    "classes": ["tabby", "calico"],
    "kimg": 123.4,
}


@pytest.fixture(autouse=True)
def _elsewhere(clean_environment: None) -> None: ...


def test_command_line_loads_nothing_of_the_workers_or_the_api() -> None:
    heavy = "{'torch', 'numpy', 'PIL', 'celery', 'fastapi', 'uvicorn'}"
    code = f"import sys, ganvas.cli; sys.exit(bool({heavy} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT).returncode == 0


def test_nobody_answers_and_the_error_says_how_to_start() -> None:
    result = run("jobs", "--url", "http://127.0.0.1:9")
    assert result.exit_code == 1
    assert "does not answer at http://127.0.0.1:9. Start it with: ganvas up" in result.stderr
    assert "Traceback" not in result.output


def test_refusal_is_shown_with_its_details(server: LocalServer) -> None:
    errors = [{"pointer": "#/options/widht", "message": "There is no such option."}]
    server.on("POST /v1/train", problem(422, "invalid_request", "Not valid.", errors=errors))
    result = ganvas(server, "train", "cats", "-o", "widht=8")
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == "Not valid.\n  #/options/widht: There is no such option.\n"


def test_refusal_says_nothing_twice(server: LocalServer) -> None:
    errors = [{"pointer": "#/query/label", "message": "The classes are: 0, 1."}]
    answer = problem(422, "invalid_request", "The classes are: 0, 1.", errors=errors)
    server.on("GET /v1/generate", answer)
    result = ganvas(server, "generate", "--label", "cat")
    assert result.stderr == "The classes are: 0, 1.\n"


def test_url_comes_from_the_environment_or_from_the_running_launcher(
    server: LocalServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.on("GET /v1/jobs", Answer(body=page(job())))
    lock = HomeLock(tmp_path / "home")
    lock.acquire()
    lock.announce(server.url)
    assert "job-1" in run("jobs").stdout
    lock.withdraw()
    lock.release()
    monkeypatch.setenv("GANVAS_URL", server.url)
    assert "job-1" in run("jobs", "list", "--limit", "3").stdout
    assert server.received[-1].path == "/v1/jobs?limit=3"


def test_train_uploads_a_folder_reports_on_it_and_says_how_to_watch(
    server: LocalServer, tmp_path: Path
) -> None:
    (tmp_path / "cats").mkdir()
    (tmp_path / "cats" / "a.png").write_bytes(b"x")
    report = {
        "skipped": [{"file": f"{n}.png", "reason": "truncated"} for n in range(7)],
        "duplicate_count": 2,
        "warnings": ["Only 3 images."],
    }
    server.on("POST /v1/datasets", Answer(status=201, body=dataset(skipped=7)))
    server.on("GET /v1/datasets/ds-1/report", Answer(body=report))
    server.on("POST /v1/train", Answer(status=202, body=job()))
    result = ganvas(server, "train", "cats", "--minutes", "3", "--name", "my-cats", "-o", "lr=0.1")
    assert result.exit_code == 0, result.output
    assert result.stdout.splitlines() == [
        "Data set ds-1 (cats): 3 images at 32, 64 px, 7 skipped.",
        *[f"  skipped {n}.png: truncated" for n in range(5)],
        "  and 2 more: see `ganvas datasets show ds-1`",
        "  2 copies of other images were left out",
        "  note: Only 3 images.",
        "Job job-1 trains on cats.",
        "  watch it: ganvas jobs watch job-1",
    ]
    body = json.loads(server.sent("POST /v1/train")[0].body)
    assert (body["dataset"], body["name"], body["budget"]) == ("ds-1", "my-cats", {"minutes": 3.0})
    assert body["options"] == {"lr": 0.1}
    assert server.received[0].path == "/v1/datasets?name=my-cats"


def test_train_and_watch_ends_with_what_to_try(server: LocalServer) -> None:
    done = job("succeeded", 3, output={"model": "cats", "version": 2}, progress={"kimg": 12.0})
    server.on("POST /v1/train", Answer(status=202, body=job()))
    server.on("GET /v1/jobs/job-1", Answer(body=job("running", 2)), Answer(body=done))
    result = ganvas(server, "train", "sample:sprites", "--steps", "5", "--watch")
    assert result.exit_code == 0, result.output
    assert "Model cats@2 is ready (12.0 kimg)." in result.stdout
    assert "ganvas generate --model cats --seed 42 -o image.png" in result.stdout
    assert f"curl -o image.png '{server.url}/generate?model=cats&seed=42'" in result.stdout


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("nowhere/cats",), "There is no file or folder nowhere/cats."),
        (("cats.zip",), "There is no file or folder cats.zip."),
        (("cats", "--minutes", "1", "--steps", "2"), "exactly one of minutes, kimg and steps"),
        (("cats", "-o", "width"), "key=value"),
        (("cats", "--resolution", "50"), "resolution"),
        ((".", "--name", "My cats"), "name"),
    ],
)
def test_mistakes_are_named_before_anything_is_sent(
    server: LocalServer, arguments: tuple[str, ...], says: str
) -> None:
    result = ganvas(server, "train", *arguments)
    assert (result.exit_code, server.received) == (1, [])
    assert says in result.stderr and "Traceback" not in result.output


def test_watching_a_job_that_fails_says_why(server: LocalServer) -> None:
    error = {"code": "diverged", "detail": "The losses were not finite."}
    server.on("GET /v1/jobs/job-1", Answer(body=job("failed", error=error)))
    result = ganvas(server, "jobs", "watch", "job-1")
    assert result.exit_code == 1
    assert "Job job-1 failed: The losses were not finite." in result.stderr
    assert "ganvas jobs log job-1" in result.stderr


def test_interrupted_watching_leaves_the_job_running(
    server: LocalServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(handle: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("ganvas.watch.follow", interrupted)
    server.on("GET /v1/jobs/job-1", Answer(body=job("running")))
    result = ganvas(server, "jobs", "watch", "job-1")
    assert result.exit_code == 130
    assert "Job job-1 goes on." in result.stderr
    assert "ganvas jobs watch job-1" in result.stderr and "cancel job-1" in result.stderr
    assert server.sent("POST /v1/jobs/job-1/cancel") == []


def test_jobs_can_be_listed_shown_cancelled_and_their_log_read(server: LocalServer) -> None:
    done = job("succeeded", output={"model": "cats", "version": 2}, progress={"value": 1.0})
    server.on("GET /v1/jobs", Answer(body=page(done)))
    server.on("GET /v1/jobs/job-1", Answer(body=job("running")))
    server.on("POST /v1/jobs/job-1/cancel", Answer(status=202, body=job("cancelling")))
    server.on("GET /v1/jobs/job-1/log", Answer(body=b"hello"))
    (line,) = ganvas(server, "jobs", "list").stdout.splitlines()[1:]
    assert line.split()[:4] == ["job-1", "train", "succeeded", "100%"] and "cats@2" in line
    assert json.loads(ganvas(server, "jobs", "show", "job-1").stdout)["state"] == "running"
    assert "Job job-1 is cancelling" in ganvas(server, "jobs", "cancel", "job-1").stdout
    assert ganvas(server, "jobs", "log", "job-1").stdout == "hello\n"


def test_models_can_be_listed_and_shown(server: LocalServer) -> None:
    server.on("GET /v1/models", Answer(body=page(MODEL)))
    server.on("GET /v1/models/cats/versions/2", Answer(body=MODEL))
    assert "cats@2" in ganvas(server, "models").stdout
    shown = ganvas(server, "models", "show", "cats@2").stdout
    assert "cats@2: r3, 64 px" in shown and "labels: tabby, calico" in shown
    assert ganvas(server, "models", "show", "cats@latest").exit_code == 1


def test_data_sets_can_be_listed_shown_and_deleted(server: LocalServer) -> None:
    facts = dataset(classes=["tabby"], labels={"tabby": 3})
    server.on("GET /v1/datasets", Answer(body=page(facts)))
    server.on("GET /v1/datasets/ds-1", Answer(body=facts))
    server.on("GET /v1/datasets/ds-1/report", Answer(body={"skipped": []}))
    server.on("DELETE /v1/datasets/ds-1", Answer(status=204, body=b""))
    assert "ds-1" in ganvas(server, "datasets").stdout
    assert "classes: tabby (3)" in ganvas(server, "datasets", "show", "ds-1").stdout
    assert ganvas(server, "datasets", "delete", "ds-1").exit_code == 1  # not confirmed
    assert server.sent("DELETE /v1/datasets/ds-1") == []
    assert ganvas(server, "datasets", "delete", "ds-1", "--yes").exit_code == 0
    assert len(server.sent("DELETE /v1/datasets/ds-1")) == 1


def test_labels_of_an_image_are_passed_on(server: LocalServer) -> None:
    server.on("GET /v1/generate", Answer(body=b"IMAGE"))
    ganvas(server, "generate", "--label", "hat,smiling")
    assert "label=hat%2Csmiling" in server.received[0].path


def test_attributes_of_a_data_set_are_shown(server: LocalServer) -> None:
    facts = dataset(attributes=["hat", "smiling"], labels={"hat": 2, "smiling": 1})
    server.on("GET /v1/datasets/ds-1", Answer(body=facts))
    server.on("GET /v1/datasets/ds-1/report", Answer(body={}))
    shown = ganvas(server, "datasets", "show", "ds-1").stdout
    assert "2 attributes" in shown and "attributes: hat (2), smiling (1)" in shown


def test_generate_writes_the_image_in_the_format_of_its_name(
    server: LocalServer, tmp_path: Path
) -> None:
    headers = {"X-Seed": "7", "X-Model": "cats", "X-Model-Version": "2"}
    server.on("GET /v1/generate", Answer(body=b"IMAGE", headers=headers))
    result = ganvas(server, "generate", "--seed", "alice", "-o", "cat.webp", "--psi", "0.5")
    assert result.stdout == "Wrote cat.webp (model cats@2, seed 7).\n"
    assert (tmp_path / "cat.webp").read_bytes() == b"IMAGE"
    assert server.received[0].path == "/v1/generate?seed=alice&psi=0.5&format=webp"
    assert "Wrote cats-2-7.png" in ganvas(server, "generate").stdout


def test_image_that_cannot_be_written_is_one_line(server: LocalServer) -> None:
    server.on("GET /v1/generate", Answer(body=b"IMAGE"))
    result = ganvas(server, "generate", "-o", "missing/cat.png")
    assert result.exit_code == 1 and "missing/cat.png" in result.stderr


def test_sprites_without_the_workers_packages_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("ganvas.cli.find_spec", lambda name: None)
    result = run("sprites", "folder")
    assert result.exit_code == 1 and "pip install 'ganvas[worker]'" in result.stderr


def test_sprites_are_drawn_by_the_workers_own_program(tmp_path: Path) -> None:
    result = run("sprites", "drawn", "--n", "3", "--resolution", "32", "--seed", "5")
    assert result.exit_code == 0, result.output
    assert len(list((tmp_path / "drawn").rglob("*.png"))) == 3


def test_second_launcher_is_refused_with_its_own_exit_code(tmp_path: Path) -> None:
    lock = HomeLock(tmp_path / "home")
    lock.acquire()
    lock.announce("http://127.0.0.1:8123")
    result = run("up")
    assert result.exit_code == 3 and "at http://127.0.0.1:8123" in result.stderr
    lock.release()


def test_busy_port_is_named(server: LocalServer, tmp_path: Path) -> None:
    port = server.url.rpartition(":")[2]
    result = run("up", "--port", port)
    assert result.exit_code == 1
    assert f"Port {port} on 127.0.0.1 cannot be used: Address already in use" in result.stderr
    assert not (tmp_path / "home" / "up.json").exists()


def test_unreachable_given_server_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REDIS_URL", "redis://127.0.0.1:9/0")
    result = run("up", "--port", "0")
    assert result.exit_code == 1 and "REDIS_URL=redis://127.0.0.1:9/0" in result.stderr


def test_open_bind_is_refused_with_the_remedy() -> None:
    result = run("up", "--host", "0.0.0.0")
    assert result.exit_code == 1 and "GANVAS_ALLOW_REMOTE_BIND=1" in result.stderr


@pytest.mark.parametrize(
    ("text", "pair"),
    [
        ("lr=0.002", ("lr", 0.002)),
        ("loss=bce", ("loss", "bce")),
        ("augment=[]", ("augment", [])),
        ("note=a=b", ("note", "a=b")),
        ("on=true", ("on", True)),
    ],
)
def test_options_are_json_or_text(text: str, pair: tuple[str, Any]) -> None:
    assert parse_option(text) == pair


def test_format_is_that_of_the_files_ending() -> None:
    names = ["a.png", "a.JPG", "a.jpeg", "a.webp", "a"]
    assert [image_format(Path(name)) for name in names] == ["png", "jpeg", "jpeg", "webp", "png"]
