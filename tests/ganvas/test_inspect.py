"""What an image says, by both clients and the command line."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from ganvas import AsyncClient, Client
from tests.ganvas.commands import ganvas
from tests.ganvas.local_server import Answer, LocalServer, problem

PATH = "POST /v1/images/inspect"
FACTS = {"model": "cats", "version": 3, "digest": "d" * 64, "seed": 42, "psi": 0.5, "label": None}
OWN = "/v1/models/cats/versions/3/images/42.png?psi=0.5"


def found(**more: Any) -> Answer:
    facts = {"format": "png", "metadata": FACTS, "parameters": "Seed: 42", "url": OWN}
    return Answer(body=facts | {"known": True} | more)


@pytest.fixture
def image(tmp_path: Path) -> Path:
    path = tmp_path / "cat.png"
    path.write_bytes(b"an image")
    return path


def test_both_clients_take_files_and_bytes(server: LocalServer, image: Path) -> None:
    server.on(PATH, Answer(hang_up=True), found())
    with Client(server.url) as client:
        assert client.inspect(image).metadata.seed == 42
        assert client.inspect(image.read_bytes()).url == OWN

    async def again() -> None:
        async with AsyncClient(server.url) as client:
            assert (await client.inspect(str(image))).known
            assert (await client.inspect(image.read_bytes())).parameters == "Seed: 42"

    asyncio.run(again())
    assert [request.body for request in server.received] == [b"an image"] * 5


def test_command_says_what_made_the_image(server: LocalServer, image: Path) -> None:
    server.on(PATH, found())
    shown = ganvas(server, "inspect", str(image))
    assert shown.stdout == f"{image}: cats@3, seed 42, psi 0.5\n  again: {server.url}{OWN}\n"
    more = FACTS | {"seed": [1, 2], "label": "tabby", "size": 128}
    server.on(PATH, found(metadata=more, url=None), found(url=None, known=False))
    one, two = ganvas(server, "inspect", str(image), str(image)).stdout.split(f"{image}: ")[1:]
    assert one.startswith("cats@3, seed 1,2, psi 0.5, label tabby, size 128\n  the model is here")
    assert "does not have the model (digest dddddddddddd)" in two
    moved = {"seed": [1, "x"], "weights": [0.7, 0.3], "mix": 5, "mix_from": 8}
    server.on(PATH, found(metadata=FACTS | moved))
    shown = ganvas(server, "inspect", str(image)).stdout
    assert "seed 1,x, psi 0.5, weights 0.7,0.3, mix 5, mix from 8\n" in shown


def test_files_that_say_nothing_do_not_hide_the_others(server: LocalServer, image: Path) -> None:
    server.on(PATH, problem(415, "unsupported_media", "This file is no image."), found())
    missing = image.with_name("none.png")
    result = ganvas(server, "inspect", str(image), str(missing), str(image))
    assert result.exit_code == 1 and "cats@3" in result.stdout
    assert "2 of 3 files say nothing." in result.stderr
    assert "cat.png: This file is no image." in result.stderr
    assert "none.png: No such file" in result.stderr
