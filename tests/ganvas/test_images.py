"""Images between and beside the seeds, in the command line and in both clients."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from ganvas import AsyncClient, Client
from tests.ganvas.commands import ganvas
from tests.ganvas.local_server import Answer, LocalServer

DIRECTIONS: dict[str, Any] = {
    "object": "list",
    "space": "w",
    "data": [{"index": 0, "eigenvalue": 12.5, "share": 0.25, "vector": [0.6, 0.8]}],
}


def test_places_in_the_latent_space_are_asked_for(server: LocalServer, tmp_path: Path) -> None:
    server.on("GET /v1/generate", Answer(body=b"IMAGE"))
    place = ["--blend", "1:2,x:-1", "--mix", "7", "--mix-from", "8"]
    step = ["--direction", "3", "--amount", "-1.5"]
    result = ganvas(server, "generate", *place, *step, "-o", str(tmp_path / "a.png"))
    assert result.exit_code == 0, result.stderr
    asked = "blend=1%3A2.0%2Cx%3A-1.0&mix=7&mix_from=8&direction=3&amount=-1.5&format=png"
    assert server.received[0].path == f"/v1/generate?{asked}"


@pytest.mark.parametrize(
    ("name", "kind"), [("a.webp", "webp"), ("a.png", "png"), ("a.zip", "zip"), ("a", "webp")]
)
def test_way_is_written_in_the_format_of_its_name(
    server: LocalServer, tmp_path: Path, name: str, kind: str
) -> None:
    server.on("GET /v1/interpolate", Answer(body=b"FRAMES"))
    path = tmp_path / name
    result = ganvas(server, "interpolate", "1", "alice", "-o", str(path), "--frames", "9")
    assert (result.exit_code, path.read_bytes()) == (0, b"FRAMES")
    asked = f"from=1&to=alice&frames=9&loop=1&format={kind}"
    assert server.received[0].path == f"/v1/interpolate?{asked}"


def test_zip_of_many_seeds_is_saved(server: LocalServer, tmp_path: Path) -> None:
    server.on("POST /v1/generations", Answer(body=b"PK.."))
    path = tmp_path / "cats.zip"
    arguments = ["--seed", "5", "-n", "1000", "--model", "cats", "--zip", str(path)]
    result = ganvas(server, "generate", *arguments)
    assert (result.exit_code, path.read_bytes()) == (0, b"PK..")
    body = json.loads(server.received[0].body)
    assert (body["model"], body["seeds"]) == ("cats", "5-1004")


@pytest.mark.parametrize(
    "arguments", [["--seed", "alice"], ["--blend", "1:1"], ["-o", "x.png"], ["--mix", "1"]]
)
def test_zip_of_other_things_is_refused(server: LocalServer, arguments: list[str]) -> None:
    result = ganvas(server, "generate", "--zip", "a.zip", *arguments)
    assert (result.exit_code, server.received) == (1, [])


def test_directions_are_listed(server: LocalServer) -> None:
    server.on("GET /v1/models/cats%40stable/directions", Answer(body=DIRECTIONS))
    shown = ganvas(server, "models", "directions", "cats@stable").stdout
    assert "12.5" in shown and "25.0%" in shown


def test_both_clients_make_the_same_requests(server: LocalServer, tmp_path: Path) -> None:
    server.on("GET /v1/interpolate", Answer(body=b"FRAMES"))
    server.on("POST /v1/generations", Answer(body=b"PK.."))
    server.on("GET /v1/models/cats%402/directions", Answer(body=DIRECTIONS))

    async def asynchronous() -> list[Any]:
        async with AsyncClient(server.url) as client:
            await client.generate_many(tmp_path / "a.zip", seeds=[1, "x"], labels=["a", None])
            way = await client.interpolate(1, 2, t=0.5, label=["hat"])
            return [way, await client.models.directions("cats", 2)]

    with Client(server.url) as client:
        client.generate_many(tmp_path / "b.zip", seeds=[1, "x"], labels=["a", None])
        way = client.interpolate(1, 2, t=0.5, label=["hat"])
        told = [way, client.models.directions("cats", 2)]
    assert asyncio.run(asynchronous()) == told
    assert told[1].data[0].vector == [0.6, 0.8]
    sent = [(r.method, r.path, r.body) for r in server.received]
    assert sent[:3] == sent[3:]
    assert (tmp_path / "a.zip").read_bytes() == (tmp_path / "b.zip").read_bytes() == b"PK.."
