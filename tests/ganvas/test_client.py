"""The synchronous client against a real HTTP server."""

import io
import json
import ssl
import zipfile
from itertools import islice
from pathlib import Path

import pytest

from ganvas import Client, GanvasAPIError, Unreachable
from ganvas.transport import http_options
from tests.ganvas.local_server import Answer, LocalServer, dataset, job, page, problem, sse

BUSY = problem(503, "overloaded", "busy")


def test_get_is_repeated_after_a_lost_connection(server: LocalServer) -> None:
    server.on("GET /v1/jobs/job-1", Answer(hang_up=True), Answer(body=job()))
    with Client(server.url) as client:
        assert client.jobs.get("job-1").id == "job-1"
    assert len(server.received) == 2


def test_retry_after_is_honoured_and_capped(
    server: LocalServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    pauses: list[float] = []
    monkeypatch.setattr("ganvas.client.time.sleep", pauses.append)
    for wait in ("7", "86400"):
        refusal = Answer(status=429, body={"code": "queue_full"}, headers={"Retry-After": wait})
        server.on("GET /v1/catalogue", refusal, Answer(body={"device": "cpu"}))
        with Client(server.url) as client:
            assert client.catalogue() == {"device": "cpu"}
    assert pauses == [7.0, 30.0]


def test_refusals_that_last_are_raised_after_the_last_attempt(server: LocalServer) -> None:
    server.on("GET /v1/catalogue", BUSY)
    with Client(server.url, retries=2) as client, pytest.raises(GanvasAPIError) as caught:
        client.catalogue()
    assert (caught.value.status, caught.value.code, len(server.received)) == (503, "overloaded", 3)


def test_nobody_answers() -> None:
    with Client("http://127.0.0.1:9", retries=1) as client, pytest.raises(Unreachable):
        client.jobs.list()


def test_error_carries_everything_of_the_problem(server: LocalServer) -> None:
    errors = [{"pointer": "#/dataset", "message": "unknown"}]
    server.on(
        "POST /v1/train",
        problem(404, "not_found", "There is no data set.", errors=errors, request_id="r-1"),
    )
    with Client(server.url) as client, pytest.raises(GanvasAPIError) as caught:
        client.train("cats", minutes=1)
    error = caught.value
    assert (error.status, error.code, error.detail) == (404, "not_found", "There is no data set.")
    assert (error.errors, error.request_id) == (errors, "r-1")


def test_answer_that_is_no_problem_json_is_still_an_error(server: LocalServer) -> None:
    server.on("GET /v1/models", Answer(status=502, body=b"<h1>Bad gateway</h1>"))
    with Client(server.url) as client, pytest.raises(GanvasAPIError) as caught:
        client.models.list()
    assert caught.value.code == "http_502"


def test_train_is_repeated_with_the_same_idempotency_key(server: LocalServer) -> None:
    server.on("POST /v1/train", Answer(hang_up=True), BUSY, Answer(status=202, body=job()))
    with Client(server.url) as client:
        handle = client.train("cats", minutes=5, name="cat", options={"width": 8})
    keys = {request.headers["Idempotency-Key"] for request in server.received}
    assert (handle.id, len(server.received), len(keys)) == ("job-1", 3, 1)
    body = json.loads(server.received[0].body)
    assert body["budget"] == {"minutes": 5.0}
    assert (body["dataset"], body["name"], body["options"]) == ("cats", "cat", {"width": 8})


def test_upload_is_repeated_with_the_same_idempotency_key(
    server: LocalServer, images: Path
) -> None:
    created = Answer(status=201, body=dataset())
    server.on("POST /v1/datasets", Answer(hang_up=True), BUSY, created)
    with Client(server.url) as client:
        assert client.datasets.upload(images).id == "ds-1"
    keys = {request.headers["Idempotency-Key"] for request in server.received}
    assert (len(server.received), len(keys)) == (3, 1)
    assert len({request.body for request in server.received}) == 1


@pytest.fixture
def images(tmp_path: Path) -> Path:
    folder = tmp_path / "My cats"
    (folder / "tabby").mkdir(parents=True)
    (folder / ".cache").mkdir()
    files = ("tabby/a.png", "b.JPG", "metadata.jsonl", "notes.txt", ".hidden.png", ".cache/c.png")
    for name in files:
        (folder / name).write_bytes(name.encode() * 1000)
    return folder


def test_folder_is_sent_as_zip_of_its_images_and_metadata(
    server: LocalServer, images: Path
) -> None:
    server.on("POST /v1/datasets", Answer(status=201, body=dataset()))
    heard: list[tuple[int, int]] = []
    with Client(server.url) as client:
        found = client.datasets.upload(images, on_progress=lambda *sizes: heard.append(sizes))
    request = server.received[0]
    with zipfile.ZipFile(io.BytesIO(request.body)) as archive:
        assert sorted(archive.namelist()) == ["b.JPG", "metadata.jsonl", "tabby/a.png"]
        assert {info.compress_type for info in archive.infolist()} == {zipfile.ZIP_STORED}
        assert archive.read("tabby/a.png") == b"tabby/a.png" * 1000
    assert (found.id, request.path) == ("ds-1", "/v1/datasets?name=My+cats")
    assert request.headers["Content-Type"] == "application/zip"
    assert "Transfer-Encoding" not in request.headers
    assert heard[-1] == (len(request.body), len(request.body))


def test_large_archive_is_streamed_as_it_is(server: LocalServer, tmp_path: Path) -> None:
    path = tmp_path / "cats.tar.gz"
    path.write_bytes(bytes(range(256)) * 4096)
    server.on("POST /v1/datasets", Answer(status=201, body=dataset()))
    heard: list[int] = []
    with Client(server.url) as client:
        client.datasets.upload(path, "tigers", lambda sent, total: heard.append(sent))
    request = server.received[0]
    assert (request.body, request.path) == (path.read_bytes(), "/v1/datasets?name=tigers")
    assert request.headers["Content-Type"] == "application/gzip"
    assert len(heard) == 4 and heard == sorted(heard)


def test_list_of_images_keeps_equal_names_apart(server: LocalServer, tmp_path: Path) -> None:
    paths = [tmp_path / "a" / "1.png", tmp_path / "b" / "1.png"]
    for path in paths:
        path.parent.mkdir()
        path.write_bytes(b"x")
    server.on("POST /v1/datasets", Answer(status=201, body=dataset()))
    with Client(server.url) as client:
        client.datasets.upload(paths)
    with zipfile.ZipFile(io.BytesIO(server.received[0].body)) as archive:
        assert archive.namelist() == ["000000-1.png", "000001-1.png"]


@pytest.mark.parametrize("source", ["missing.zip", "text.txt", "empty"])
def test_unusable_source_is_refused_before_anything_is_sent(
    server: LocalServer, tmp_path: Path, source: str
) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "text.txt").write_text("hello")
    with Client(server.url) as client, pytest.raises(ValueError):
        client.datasets.upload(tmp_path / source)
    assert server.received == []


def test_upload_waits_until_the_data_set_is_ready(server: LocalServer, images: Path) -> None:
    server.on("POST /v1/datasets", Answer(status=202, body=dataset("preparing", job="job-1")))
    running, done = job("running", 2), job("succeeded", 3)
    server.on("GET /v1/jobs/job-1", Answer(body=running), Answer(body=done))
    server.on("GET /v1/datasets/ds-1", Answer(body=dataset()))
    with Client(server.url) as client:
        assert client.datasets.upload(images).images == 3


def test_upload_that_fails_later_is_an_error_too(server: LocalServer, images: Path) -> None:
    server.on("POST /v1/datasets", Answer(status=202, body=dataset("preparing", job="job-1")))
    error = {"code": "no_images", "detail": "No images.", "errors": [{"file": "x"}]}
    server.on("GET /v1/jobs/job-1", Answer(body=job("failed", error=error)))
    with Client(server.url) as client, pytest.raises(GanvasAPIError) as caught:
        client.datasets.upload(images)
    assert (caught.value.status, caught.value.code) == (422, "no_images")
    assert caught.value.errors == [{"file": "x"}]


def test_wait_follows_a_job_to_its_end(server: LocalServer) -> None:
    answers = [job("running", n, progress={"value": n / 4}) for n in (2, 3)] + [job("cancelled", 4)]
    server.on("POST /v1/train", Answer(status=202, body=job()))
    server.on("GET /v1/jobs/job-1", *(Answer(body=answer) for answer in answers))
    seen: list[float] = []
    with Client(server.url) as client:
        handle = client.train("cats")
        ended = handle.wait(on_progress=lambda found: seen.append(found.progress.value))
    assert (ended.state, handle.job.version, seen) == ("cancelled", 4, [0.0, 0.5, 0.75, 0.0])
    polls = server.sent("GET /v1/jobs/job-1")
    assert [poll.path.rpartition("since=")[2] for poll in polls] == ["1", "2", "3"]


def test_wait_survives_a_restart_of_the_service_but_not_the_loss_of_the_job(
    server: LocalServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ganvas.client.time.sleep", lambda seconds: None)
    away = [Answer(hang_up=True), BUSY, Answer(hang_up=True)]
    server.on(
        "GET /v1/jobs/job-1", Answer(body=job("running")), *away, Answer(body=job("failed", 2))
    )
    with Client(server.url, retries=0) as client:
        assert client.jobs.handle("job-1").wait().state == "failed"
        server.on(
            "GET /v1/jobs/job-1", Answer(body=job("running")), problem(404, "not_found", "Gone.")
        )
        with pytest.raises(GanvasAPIError, match="404"):
            client.jobs.handle("job-1").wait()


def test_wait_ends_with_a_timeout(server: LocalServer) -> None:
    server.on("GET /v1/jobs/job-1", Answer(body=job("running")))
    with Client(server.url) as client, pytest.raises(TimeoutError):
        client.jobs.handle("job-1").wait(timeout=0.05)


def test_events_continue_after_a_broken_connection(server: LocalServer) -> None:
    first = [sse("1-0", "state", {"state": "running"}), b"id: 2-0\nevent: progress\nda"]
    second = [b": ping\n\n", sse("2-0", "progress", {"step": 5})[:20]]
    second.append(sse("2-0", "progress", {"step": 5})[20:] + sse("3-0", "done", {}))
    server.on("GET /v1/jobs/job-1", Answer(body=job("running")))
    server.on(
        "GET /v1/jobs/job-1/events",
        Answer(pieces=first, headers={"Content-Type": "text/event-stream"}),
        BUSY,
        Answer(hang_up=True),
        Answer(pieces=second, headers={"Content-Type": "text/event-stream"}),
    )
    with Client(server.url) as client:
        events = list(client.jobs.handle("job-1").events())
    assert [(event.id, event.type) for event in events] == [
        ("1-0", "state"),
        ("2-0", "progress"),
        ("3-0", "done"),
    ]
    assert events[1].data == {"step": 5}
    asked = server.sent("GET /v1/jobs/job-1/events")
    assert [request.headers["Last-Event-ID"] for request in asked] == [None, *["1-0"] * 3]


def test_events_of_all_jobs_go_on_behind_the_end_of_one(server: LocalServer) -> None:
    first = [sse("1-0", "snapshot", {}), sse("2-0", "done", {"job": "job-1"})]
    server.on(
        "GET /v1/events",
        Answer(pieces=first),
        Answer(pieces=[sse("3-0", "state", {"job": "job-2"})]),
    )
    with Client(server.url) as client:
        events = list(islice(client.jobs.events(), 3))
    assert [event.data.get("job") for event in events] == [None, "job-1", "job-2"]
    assert server.sent("GET /v1/events")[1].headers["Last-Event-ID"] == "2-0"


def test_events_after_the_last_one_are_none(server: LocalServer) -> None:
    server.on("GET /v1/jobs/job-1", Answer(body=job("succeeded")))
    server.on("GET /v1/jobs/job-1/events", Answer(status=204, body=b""))
    with Client(server.url) as client:
        assert list(client.jobs.handle("job-1").events(after="9-0")) == []


def test_events_of_an_unknown_job_are_refused_at_once(server: LocalServer) -> None:
    server.on("GET /v1/jobs/job-1", Answer(body=job("running")))
    with Client(server.url) as client, pytest.raises(GanvasAPIError, match="404"):
        list(client.jobs.handle("job-1").events())


def test_events_give_up_after_many_connections_without_news(
    server: LocalServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ganvas.client.time.sleep", lambda seconds: None)
    server.on("GET /v1/jobs/job-1", Answer(body=job("running")))
    server.on("GET /v1/jobs/job-1/events", Answer(hang_up=True))
    with Client(server.url) as client, pytest.raises(Unreachable):
        list(client.jobs.handle("job-1").events())
    assert len(server.sent("GET /v1/jobs/job-1/events")) == 11


@pytest.mark.parametrize(
    ("label", "sent"),
    [("cat", "cat"), (["smiling", "hat"], "smiling%2Chat"), (["hat"], "hat"), ([], "none")],
)
def test_several_labels_are_sent_as_one(
    server: LocalServer, label: str | list[str], sent: str
) -> None:
    server.on("GET /v1/generate", Answer(body=b"PNG"))
    with Client(server.url) as client:
        client.generate(1, label=label)
    assert server.received[0].path == f"/v1/generate?seed=1&label={sent}"


def test_blend_is_sent_with_its_weights(server: LocalServer) -> None:
    server.on("GET /v1/generate", Answer(body=b"PNG"))
    with Client(server.url) as client:
        client.generate(blend={1: 0.5, "alice": -2})
    assert server.received[0].path == "/v1/generate?blend=1%3A0.5%2Calice%3A-2"


def test_many_images_are_saved_as_they_come_and_asked_for_again_when_cut_off(
    server: LocalServer, tmp_path: Path
) -> None:
    half = Answer(pieces=[b"PK"], headers={"Content-Length": "4"})
    server.on("POST /v1/generations", half, BUSY, Answer(body=b"PK.."))
    with Client(server.url) as client:
        client.generate_many(tmp_path / "a.zip", latents=[[0.5, 1.0]], labels=["cat"])
    assert [path.name for path in tmp_path.iterdir()] == ["a.zip"]
    assert (tmp_path / "a.zip").read_bytes() == b"PK.."
    assert json.loads(server.received[2].body) == {"latents": [[0.5, 1.0]], "labels": ["cat"]}


def test_way_between_two_seeds_is_asked_for(server: LocalServer) -> None:
    server.on("GET /v1/interpolate", Answer(body=b"RIFF"))
    with Client(server.url) as client:
        assert client.interpolate(1, "alice", frames=9, loop=False) == b"RIFF"
    assert server.received[0].path == "/v1/interpolate?from=1&to=alice&frames=9&loop=0"


def test_generated_image_is_bytes_that_know_their_seed(server: LocalServer) -> None:
    headers = {"X-Seed": "42", "X-Model": "cats", "X-Model-Version": "3"}
    server.on("GET /v1/generate", Answer(body=b"PNG", headers=headers))
    with Client(server.url) as client:
        image = client.generate(42, model="cats", psi=0.7, metadata=False)
    assert (image, image.seed, image.model) == (b"PNG", "42", "cats@3")
    assert server.received[0].path == "/v1/generate?seed=42&model=cats&psi=0.7&metadata=0"


def test_lists_are_pages_of_records(server: LocalServer) -> None:
    server.on("GET /v1/jobs", Answer(body=page(job())))
    with Client(server.url) as client:
        assert [found.id for found in client.jobs.list(5, state="queued").data] == ["job-1"]
    assert server.received[0].path == "/v1/jobs?limit=5&state=queued"


def test_answer_of_another_version_is_named_as_such(server: LocalServer) -> None:
    server.on("GET /v1/jobs/job-1", Answer(body={"something": "else"}))
    with Client(server.url) as client, pytest.raises(GanvasAPIError, match="one version"):
        client.jobs.get("job-1")


@pytest.mark.parametrize(
    ("url", "known"),
    [("http://127.0.0.1:8000", False), ("https://127.0.0.1", True), ("http://example.org", True)],
)
def test_authorities_are_read_where_there_may_be_tls(url: str, known: bool) -> None:
    verify = http_options(url, 5.0)["verify"]
    assert known == (verify is True)
    assert known or (not verify.get_ca_certs() and verify.verify_mode == ssl.CERT_REQUIRED)
