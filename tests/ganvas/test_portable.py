"""Models in and out, by both clients and the command line."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ganvas import AsyncClient, Client
from ganvas.transport import GanvasAPIError
from tests.ganvas.commands import ganvas
from tests.ganvas.local_server import Answer, LocalServer, job, page, problem

OWN = "/v1/models/cats/versions/3"
DONE = {"state": "succeeded", "version": 2}


def model(version: int = 3) -> dict[str, Any]:
    facts = {"name": "cats", "version": version, "digest": "d" * 64, "architecture": "r3"}
    return facts | {
        "created_at": "2026-01-01T00:00:00Z",
        "resolution": 32,
        "channels": 3,
        "z_dim": 16,
    }


@pytest.fixture
def cats(server: LocalServer) -> LocalServer:
    """A service that has version 3 of cats."""
    server.on("GET /v1/models/cats", Answer(body=model()))
    server.on(f"GET {OWN}", Answer(body=model()))
    return server


def test_archive_is_saved_whole_or_not_at_all(cats: LocalServer, tmp_path: Path) -> None:
    target = tmp_path / "cats.zip"
    broken = Answer(pieces=[b"half"], headers={"Content-Length": "8"})
    cats.on(f"GET {OWN}/archive", broken, Answer(body=b"all of it"))
    with Client(cats.url) as client:
        client.portable.export("cats", 3, target)
    assert target.read_bytes() == b"all of it"
    assert list(tmp_path.iterdir()) == [target]
    cats.on(f"GET {OWN}/archive", problem(404, "not_found", "It is gone."))
    with Client(cats.url) as client, pytest.raises(GanvasAPIError, match="It is gone"):
        client.portable.export("cats", 3, target)
    assert target.read_bytes() == b"all of it"


def test_archive_is_sent_again_when_the_answer_is_lost(server: LocalServer, tmp_path: Path) -> None:
    (tmp_path / "cats.zip").write_bytes(b"a zip")
    server.on("POST /v1/models", Answer(hang_up=True), Answer(status=201, body=model(1)))
    with Client(server.url) as client:
        found = client.portable.import_(tmp_path / "cats.zip", "kittens")
    assert found.version == 1
    sent = server.sent("POST /v1/models")
    assert [request.body for request in sent] == [b"a zip"] * 2
    assert sent[0].path == "/v1/models?name=kittens"
    assert sent[0].headers["Content-Type"] == "application/zip"


def exporting(server: LocalServer) -> None:
    server.on(f"POST {OWN}/onnx", Answer(status=202, body=job("running")))
    server.on("GET /v1/jobs/job-1", Answer(body=job(**DONE)))
    server.on(f"GET {OWN}/onnx", Answer(body=b"onnx"))


def test_onnx_file_is_made_waited_for_and_saved(cats: LocalServer, tmp_path: Path) -> None:
    exporting(cats)
    with Client(cats.url) as client:
        client.portable.onnx("cats", 3, tmp_path / "a.onnx")
    assert (tmp_path / "a.onnx").read_bytes() == b"onnx"
    cats.on(f"POST {OWN}/onnx", Answer(body={"object": "export", "url": "u", "bytes": 4}))
    with Client(cats.url) as client:
        client.portable.onnx("cats", 3, tmp_path / "b.onnx")
    assert len(cats.sent("GET /v1/jobs/job-1")) == 1
    failed = job("failed", 2, error={"code": "unavailable", "detail": "No onnx here."})
    cats.on(f"POST {OWN}/onnx", Answer(status=202, body=failed))
    with Client(cats.url) as client, pytest.raises(GanvasAPIError, match="No onnx here"):
        client.portable.onnx("cats", 3, tmp_path / "c.onnx")
    assert not (tmp_path / "c.onnx").exists()


def test_both_clients_send_the_same(cats: LocalServer, tmp_path: Path) -> None:
    exporting(cats)
    cats.on(f"GET {OWN}/archive", Answer(body=b"zip"))
    cats.on(f"GET {OWN}/card.md", Answer(body=b"# cats"))
    cats.on("POST /v1/models", Answer(status=201, body=model()))
    cats.on(f"POST {OWN}/push", Answer(status=202, body=job()))
    cats.on("POST /v1/models/pull", Answer(status=202, body=job()))
    cats.on("GET /v1/store", Answer(body=page()))
    (tmp_path / "in.zip").write_bytes(b"a zip")

    calls: list[Callable[[Any], Any]] = [
        lambda own: own.export("cats", 3, tmp_path / "out.zip"),
        lambda own: own.import_(tmp_path / "in.zip"),
        lambda own: own.onnx("cats", 3, tmp_path / "out.onnx"),
        lambda own: own.card("cats", 3),
        lambda own: own.push("cats", 3),
        lambda own: own.pull("cats", version=2),
        lambda own: own.store(),
    ]
    with Client(cats.url) as client:
        for call in calls:
            call(client.portable)
    first = [(r.method, r.path, r.body) for r in cats.received]
    cats.received.clear()

    async def again() -> None:
        async with AsyncClient(cats.url) as client:
            for call in calls:
                await call(client.portable)

    asyncio.run(again())
    assert [(r.method, r.path, r.body) for r in cats.received] == first
    assert (tmp_path / "out.zip").read_bytes() == b"zip"


def test_commands_say_what_came_of_it(cats: LocalServer, tmp_path: Path) -> None:
    cats.on(f"GET {OWN}/archive", Answer(body=b"zip"))
    cats.on("POST /v1/models", Answer(status=201, body=model()))
    exporting(cats)
    cats.on(f"GET {OWN}/card.md", Answer(body=b"# cats\n\nA model.\n"))
    target = str(tmp_path / "cats.zip")
    exported = ganvas(cats, "models", "export", "cats", target)
    assert f"Wrote {target} (cats@3, 3 bytes)." in exported.stdout
    assert "Model cats@3 is ready." in ganvas(cats, "models", "import", target).stdout
    file = str(tmp_path / "cats.onnx")
    assert "cats@3" in ganvas(cats, "models", "onnx", "cats@3", file).stdout
    assert ganvas(cats, "models", "card", "cats@3").stdout == "# cats\n\nA model.\n"
    missing = ganvas(cats, "models", "import", str(tmp_path / "none.zip"))
    assert missing.exit_code == 1 and "There is no file" in missing.stderr


def test_commands_wait_for_the_store(cats: LocalServer) -> None:
    told = {"model": "cats", "version": 3, "file": "cats/3-dddddddddddd.zip"}
    cats.on(f"POST {OWN}/push", Answer(status=202, body=job(kind="push")))
    cats.on("POST /v1/models/pull", Answer(status=202, body=job(kind="pull")))
    cats.on("GET /v1/jobs/job-1", Answer(body=job(**DONE, kind="push", output=told)))
    pushed = ganvas(cats, "models", "push", "cats@3")
    assert pushed.stdout == "cats@3 is in the store as cats/3-dddddddddddd.zip.\n"
    done = job(**DONE, kind="pull", output=told | {"new": True})
    cats.on("GET /v1/jobs/job-1", Answer(body=done))
    pulled = ganvas(cats, "models", "pull", "cats@3")
    assert pulled.stdout == "Model cats@3 is ready (cats/3-dddddddddddd.zip).\n"
    assert cats.sent("POST /v1/models/pull")[0].body == b'{"name":"cats","version":3}'
    failed = job("failed", 3, kind="pull", error={"code": "x", "detail": "It is damaged."})
    cats.on("GET /v1/jobs/job-1", Answer(body=failed))
    refused = ganvas(cats, "models", "pull", "cats")
    assert refused.exit_code == 1 and "It is damaged." in refused.stderr
    entry = {"name": "cats", "version": 3, "digest": "d" * 12, "file": "3.zip", "bytes": 2000}
    cats.on("GET /v1/store", Answer(body=page(entry)))
    assert "cats@3" in ganvas(cats, "models", "store").stdout
