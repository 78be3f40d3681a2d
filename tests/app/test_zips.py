"""Zips of many images: streamed, bounded, the same bytes, and broken off when they fail."""

import io
import time
import zipfile
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from app import batcher as batching
from app import image_stream, zips
from app.services import Services
from core.errors import OutOfMemory
from core.generation import MAX_BATCH, Picture, batches_key
from core.schemas import Model
from core.settings import Settings
from tests.app.studio import Studio, studio
from tests.waiting import wait_for

Announce = Callable[..., str]


@pytest.fixture
def cats(publish: Callable[..., Model]) -> Model:
    return publish("cats", classes=["black", "white"])


def waiting(held: Services) -> int:
    """Pictures that somebody waits for."""
    tickets: Any = held.batcher._tickets
    return len(tickets)


def images(worker: Studio) -> list[Picture]:
    return [picture for batch in worker.batches for picture in batch.pictures]


def opened(content: bytes) -> zipfile.ZipFile:
    archive = zipfile.ZipFile(io.BytesIO(content))
    assert archive.testzip() is None
    return archive


def test_zip_has_the_image_of_every_seed_and_the_same_bytes_again(
    api: httpx.Client, settings: Settings, cats: Model, announce: Announce
) -> None:
    announce("generate")
    with studio(settings) as worker:
        answer = api.get("/v1/generate?model=cats@1&seeds=0-99&format=zip&label=1&psi=0.5")
        again = api.get("/v1/generate?model=cats@1&seed=0&n=100&format=zip&label=white&psi=0.5")
    assert answer.status_code == 200, answer.text
    archive = opened(answer.content)
    assert archive.namelist() == [f"{seed}.png" for seed in range(100)]
    assert archive.read("42.png") == f"{cats.digest} (42,)".encode()
    assert {entry.compress_type for entry in archive.infolist()} == {zipfile.ZIP_STORED}
    assert again.content == answer.content
    assert again.headers["ETag"] == answer.headers["ETag"]
    looks = {(picture.label, picture.psi, picture.format) for picture in images(worker)}
    assert looks == {("white", 0.5, "png")}
    headers = answer.headers
    assert (headers["Content-Type"], headers["X-Seed"]) == ("application/zip", "0-99")
    assert headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert headers["Content-Disposition"] == 'attachment; filename="cats-v1-0-99.zip"'


def test_images_of_a_zip_go_in_full_batches(
    api: httpx.Client, settings: Settings, cats: Model, announce: Announce
) -> None:
    announce("generate")
    with studio(settings) as worker:
        assert api.get("/generate?seeds=0-199&format=zip").status_code == 200
    sizes = [len(batch.pictures) for batch in worker.batches]
    assert sum(sizes) == 200 and len(sizes) <= 200 // MAX_BATCH + 4


def test_known_zip_is_answered_without_a_worker(
    api: httpx.Client, settings: Settings, cats: Model, announce: Announce
) -> None:
    announce("generate")
    with studio(settings):
        answer = api.get("/generate?seeds=5,7-8&format=zip")
    told = api.get(
        answer.headers["Content-Location"], headers={"If-None-Match": answer.headers["ETag"]}
    )
    assert (told.status_code, told.content) == (304, b"")
    assert told.headers["Cache-Control"].endswith("immutable")
    tags = {
        api.get(f"/generate?{query}&format=zip", headers={"If-None-Match": "*"}).headers["ETag"]
        for query in ("seeds=5,7-8", "seeds=5,8,7", "seeds=5,7-8&psi=0.5", "seeds=5,7", "seed=5")
    }
    assert len(tags) == 5 and answer.headers["ETag"] in tags


def test_zip_of_a_drawn_seed_names_it(
    api: httpx.Client, settings: Settings, cats: Model, announce: Announce
) -> None:
    announce("generate")
    with studio(settings):
        drawn = api.get("/generate?n=3&format=zip")
        again = api.get(drawn.headers["Content-Location"])
    assert drawn.headers["Cache-Control"] == "no-store"
    assert again.content == drawn.content and len(opened(drawn.content).namelist()) == 3


def test_head_of_a_zip_has_its_headers_and_lets_the_images_go(
    api: httpx.Client, settings: Settings, cats: Model, announce: Announce, held: Services
) -> None:
    announce("generate")
    with studio(settings):
        answer = api.head("/generate?seeds=0-999&format=zip")
        assert (answer.status_code, answer.content) == (200, b"")
        assert answer.headers["Content-Type"] == "application/zip"
        wait_for(lambda: (held.zips.open, waiting(held)) == (0, 0), "the images to be let go")


def test_zip_that_may_be_very_large_is_a_zip64(
    api: httpx.Client,
    settings: Settings,
    cats: Model,
    announce: Announce,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    announce("generate")
    with studio(settings):
        small = opened(api.get("/generate?seeds=0-9&format=zip").content)
        monkeypatch.setattr(zips, "FULL", 10)
        large = api.get("/generate?seeds=0-9&format=zip").content
    assert b"PK\x06\x06" in large
    assert opened(large).namelist() == small.namelist()


def test_files_are_numbered_where_seeds_are_no_names() -> None:
    assert zips.names_of([3, 1], "png") == ["3.png", "1.png"]
    assert zips.names_of(["../x"], "png") == ["00000.png"]
    assert zips.names_of([1, 1], "webp") == ["00000.webp", "00001.webp"]


@pytest.mark.parametrize(
    ("query", "field"),
    [("seeds=0-10000", "seeds"), ("n=10001", "n"), ("blend=1:1", "blend"), ("n=2&seed=x", "n")],
)
def test_what_makes_no_zip_is_refused(
    api: httpx.Client, cats: Model, query: str, field: str
) -> None:
    answer = api.get(f"/generate?{query}&format=zip")
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == f"#/query/{field}"


def test_trouble_before_the_first_image_is_an_answer(
    api: httpx.Client, settings: Settings, cats: Model, announce: Announce, held: Services
) -> None:
    assert api.get("/generate?n=9&format=zip").json()["code"] == "no_worker"
    announce("generate")
    with studio(settings, OutOfMemory("The model does not fit.")):
        answer = api.get("/generate?n=9&format=zip")
    assert (answer.status_code, answer.json()["code"]) == (500, "out_of_memory")
    wait_for(lambda: (held.zips.open, waiting(held)) == (0, 0), "the images to be let go")


def chunks(answer: httpx.Response) -> Iterator[bytes]:
    return answer.iter_raw(4096)


def test_slow_reader_holds_the_work_up(
    api: httpx.Client,
    settings: Settings,
    cats: Model,
    announce: Announce,
    held: Services,
) -> None:
    """Images are a quarter of a megabyte, so that no buffer of a socket holds many of them."""
    announce("generate")
    with studio(settings, filler=2**18) as worker:
        with api.stream("GET", "/generate?seeds=0-9999&format=zip") as answer:
            next(chunks(answer))
            made = -1
            while made < len(images(worker)):
                made = len(images(worker))
                time.sleep(1)
            assert made < 30 + 4 * MAX_BATCH
        wait_for(lambda: (held.zips.open, waiting(held)) == (0, 0), "the images to be let go")
        assert len(images(worker)) <= made + 2 * MAX_BATCH


def test_single_images_are_served_beside_zips(
    api: httpx.Client, settings: Settings, cats: Model, announce: Announce
) -> None:
    announce("generate")
    with studio(settings) as worker, api.stream("GET", "/generate?seeds=0-999&format=zip") as many:
        next(chunks(many))
        before = len(images(worker))
        assert api.get("/generate?seed=alice").status_code == 200
        between = images(worker)[before:]
        assert [p.seeds for p in between].index(("alice",)) < 4 * MAX_BATCH


def test_batch_that_is_lost_in_the_middle_is_made_again(
    api: httpx.Client,
    settings: Settings,
    cats: Model,
    announce: Announce,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(batching, "PATIENCE", 0)
    monkeypatch.setattr(batching, "MIN_PATIENCE", 0.3)
    monkeypatch.setattr(batching, "FIRST_LOAD", 0.1)
    monkeypatch.setattr(image_stream, "PAUSE", 0.05)
    announce("generate")
    with studio(settings, lost={2, 3, 4}) as worker:  # more often than one batch is sent again
        answer = api.get("/generate?seeds=0-99&format=zip")
    assert opened(answer.content).namelist() == [f"{seed}.png" for seed in range(100)]
    assert len(images(worker)) > 100


def test_zip_that_fails_in_the_middle_is_broken_off(
    api: httpx.Client, settings: Settings, cats: Model, announce: Announce, held: Services
) -> None:
    announce("generate")
    with studio(settings, OutOfMemory("Too large."), fails_after=2):
        with pytest.raises(httpx.RemoteProtocolError):
            api.get("/generate?seeds=0-999&format=zip")
        wait_for(lambda: (held.zips.open, waiting(held)) == (0, 0), "the images to be let go")


def test_trouble_that_lasts_breaks_a_zip_off(
    api: httpx.Client,
    settings: Settings,
    cats: Model,
    announce: Announce,
    held: Services,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(batching, "PATIENCE", 0)
    monkeypatch.setattr(batching, "MIN_PATIENCE", 0.6)
    monkeypatch.setattr(batching, "FIRST_LOAD", 0.01)
    monkeypatch.setattr(image_stream, "PATIENCE", 0.5)
    announce("generate")
    with studio(settings, lost=set(range(2, 1000))), pytest.raises(httpx.RemoteProtocolError):
        api.get("/generate?seeds=0-999&format=zip")
    assert held.zips.open == 0


def test_zips_are_counted(
    api: httpx.Client, settings: Settings, cats: Model, announce: Announce, held: Services
) -> None:
    announce("generate")
    held.zips.most = 0
    answer = api.get("/generate?n=2&format=zip")
    assert (answer.status_code, answer.json()["code"]) == (429, "too_many_streams")
    held.zips.most = 1
    with studio(settings):
        assert [api.get("/generate?n=2&format=zip").status_code for _ in range(3)] == [200] * 3
    assert held.jobs.client.llen(batches_key(settings.prefix)) == 0
