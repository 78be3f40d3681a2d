"""Uploads that go on where they were cut: the rules of tus, and what survives what."""

import os
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from email.utils import parsedate_to_datetime
from pathlib import Path

import httpx
import pytest

from app import resumable
from app.main import create_app
from app.services import Services
from core import incoming
from core.janitor import Janitor
from core.settings import Settings
from tests.app.serving import serve
from tests.app.tus import PART, VERSION, begin, go_on, offset_of, whole
from tests.app.wire import connect, head, status
from tests.core.steps import make_old
from tests.small_disk import fill, small_disk
from tests.waiting import wait_for

DATA = os.urandom(3 * 1024 * 1024 + 17)


@contextmanager
def another(settings: Settings) -> Iterator[httpx.Client]:
    """A further API process's stand-in: an app of its own on the same home."""
    with serve(create_app(settings)) as url, httpx.Client(base_url=url, trust_env=False) as api:
        yield api


def part_under_way(api: httpx.Client, address: str, offset: int, content: bytes) -> socket.socket:
    """A PATCH that announces the rest of DATA and has sent `content` so far."""
    connection = connect(api)
    lines = [f"PATCH {address} HTTP/1.1", "Host: localhost", f"Upload-Offset: {offset}"]
    lines += [f"Content-Type: {PART['Content-Type']}", f"Content-Length: {len(DATA) - offset}"]
    connection.sendall(head(lines) + content)
    return connection


def stored(settings: Settings, address: str) -> bytes:
    return (settings.folders.arriving(address.rpartition("/")[2]) / "source").read_bytes()


def test_pieces_become_one_file(api: httpx.Client, settings: Settings) -> None:
    name = "filename Y2F0cy56aXA="
    address = begin(api, len(DATA), **{"Upload-Metadata": name})
    for start, end in ((0, 1), (1, 2_000_000), (2_000_000, len(DATA))):
        answer = go_on(api, address, start, DATA[start:end])
        assert (answer.status_code, answer.headers["Upload-Offset"]) == (204, str(end))
    assert stored(settings, address) == DATA
    told = api.head(address, headers=VERSION)
    assert (told.headers["Upload-Length"], told.headers["Upload-Metadata"]) == (
        str(len(DATA)),
        name,
    )
    assert (told.headers["Cache-Control"], told.headers["Tus-Resumable"]) == ("no-store", "1.0.0")
    left = parsedate_to_datetime(told.headers["Upload-Expires"]).timestamp() - os.path.getmtime(
        settings.folders.arriving(address.rpartition("/")[2]) / "source"
    )
    assert left == pytest.approx(incoming.LIFE_SECONDS, abs=2)
    assert api.get(address).json()["offset"] == len(DATA)


def test_options_tell_what_there_is(api: httpx.Client) -> None:
    answer = api.options("/v1/uploads")
    assert (answer.status_code, answer.headers["Tus-Version"]) == (204, "1.0.0")
    assert answer.headers["Tus-Extension"] == "creation,expiration,termination"
    assert int(answer.headers["Tus-Max-Size"]) == 4 * 2**30


def test_what_came_before_the_cut_is_kept(api: httpx.Client, settings: Settings) -> None:
    address = begin(api, len(DATA))
    part_under_way(api, address, 0, DATA[:1_500_001]).close()
    wait_for(lambda: offset_of(api, address) > 1_400_000, "the bytes to be kept")
    kept = wait_for(lambda: quiet(api, address), "the writer to be gone")
    assert go_on(api, address, kept, DATA[kept:]).status_code == 204
    assert stored(settings, address) == DATA


def quiet(api: httpx.Client, address: str) -> int:
    """The offset once nobody writes any more, before that 0."""
    offset = offset_of(api, address)
    return offset if go_on(api, address, offset, b"").status_code == 204 else 0


def test_upload_goes_on_after_a_restart(settings: Settings) -> None:
    with another(settings) as api:
        address = begin(api, len(DATA))
        go_on(api, address, 0, DATA[:1_000_000])
    with another(settings) as api:
        assert offset_of(api, address) == 1_000_000
        assert go_on(api, address, 1_000_000, DATA[1_000_000:]).status_code == 204
        assert stored(settings, address) == DATA


def test_wrong_requests_change_nothing(api: httpx.Client, settings: Settings) -> None:
    address = begin(api, 10)
    go_on(api, address, 0, b"01234")
    ours, kind = VERSION | PART, {"Content-Type": "application/octet-stream"}
    at = {"Upload-Offset": "5"}
    for headers, content, expected in (
        (ours | {"Upload-Offset": "4"}, b"x", 409),
        (ours | {"Upload-Offset": "6"}, b"x", 409),
        (ours | {"Upload-Offset": "-1"}, b"x", 422),
        (ours, b"x", 422),
        (ours | at | kind, b"x", 415),
        (ours | at | {"Content-Type": "application/json"}, b"{}", 415),
        (ours | at | {"Tus-Resumable": "0.2.2"}, b"x", 412),
        (ours | at, b"x" * 6, 413),
    ):
        answer = api.patch(address, content=content, headers=headers)
        assert answer.status_code == expected, answer.text
        assert stored(settings, address) == b"01234"
    assert "goes on at Upload-Offset 5" in go_on(api, address, 4, b"x").json()["detail"]


def test_more_than_was_announced_is_refused_also_without_a_length(
    api: httpx.Client, settings: Settings
) -> None:
    address = begin(api, 10)
    headers = VERSION | PART | {"Upload-Offset": "0"}
    answer = api.patch(address, content=iter([b"x" * 6] * 2), headers=headers)
    assert (answer.status_code, answer.headers["Tus-Resumable"]) == (413, "1.0.0")
    assert len(stored(settings, address)) <= 10


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({}, 422),
        ({"Upload-Length": "0"}, 422),
        ({"Upload-Length": "-5"}, 422),
        ({"Upload-Length": "many"}, 422),
        ({"Upload-Length": str(4 * 2**30 + 1)}, 413),
        ({"Upload-Length": "5", "Upload-Metadata": "no pairs at all"}, 422),
        ({"Upload-Length": "5", "Tus-Resumable": "2.0.0"}, 412),
    ],
)
def test_uploads_that_cannot_be_do_not_begin(
    api: httpx.Client, settings: Settings, headers: dict[str, str], expected: int
) -> None:
    answer = api.post("/v1/uploads", headers=VERSION | headers)
    assert answer.status_code == expected, answer.text
    assert os.listdir(settings.folders.incoming) == []


@pytest.mark.parametrize("name", ["up-1", "..", "%2e%2e", "..%2Fdatasets", "a" * 300, "UP-1"])
def test_unknown_and_odd_ids_lead_nowhere(api: httpx.Client, name: str) -> None:
    for answer in (
        api.head(f"/v1/uploads/{name}"),
        api.delete(f"/v1/uploads/{name}"),
        go_on(api, f"/v1/uploads/{name}", 0, b"x"),
        api.post("/v1/datasets", json={"upload": name}),
    ):
        assert answer.status_code in (404, 405, 422)


def test_ids_cannot_be_guessed(api: httpx.Client) -> None:
    first, second = begin(api, 5).rpartition("/")[2], begin(api, 5).rpartition("/")[2]
    assert len(first) == len("up-") + 26 and first[:12] != second[:12]


def test_one_of_two_writers_wins_also_in_another_process(
    api: httpx.Client, settings: Settings
) -> None:
    address = begin(api, len(DATA))
    with part_under_way(api, address, 0, DATA[:2_000_000]) as first, another(settings) as other:
        wait_for(lambda: offset_of(api, address) > 0, "the first to write")
        for client in (api, other):
            answer = go_on(client, address, offset_of(client, address), b"x")
            assert (answer.status_code, answer.json()["code"]) == (423, "locked")
        first.sendall(DATA[2_000_000:])
        assert status(first) == 204
    assert stored(settings, address) == DATA


def test_part_of_a_connection_that_died_unnoticed_gives_way_soon(
    api: httpx.Client, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resumable, "SILENCE_SECONDS", 0.1)
    address = begin(api, len(DATA))
    with part_under_way(api, address, 0, DATA[:100]) as connection:
        assert status(connection) == 408
        assert stored(settings, address) == DATA[:100]
        assert go_on(api, address, 100, DATA[100:]).status_code == 204
    assert stored(settings, address) == DATA


def test_removed_upload_is_gone(api: httpx.Client, settings: Settings) -> None:
    address = begin(api, 5)
    assert api.delete(address, headers=VERSION).status_code == 204
    assert api.head(address).status_code == go_on(api, address, 0, b"12345").status_code == 404
    assert os.listdir(settings.folders.incoming) == []


def test_part_of_an_upload_that_is_removed_meanwhile_is_refused(
    api: httpx.Client, settings: Settings
) -> None:
    address = begin(api, len(DATA))
    with part_under_way(api, address, 0, DATA[:2_000_000]) as connection:
        wait_for(lambda: offset_of(api, address) > 0, "it to be written")
        assert api.delete(address).status_code == 204
        connection.sendall(DATA[2_000_000:])
        assert status(connection) == 404


def test_upload_expires_a_day_after_its_last_byte(
    api: httpx.Client, held: Services, settings: Settings
) -> None:
    old, young = begin(api, 5), begin(api, 5)
    for address, age in ((old, 60.0), (young, -60.0)):
        folder = settings.folders.arriving(address.rpartition("/")[2])
        make_old(folder, incoming.LIFE_SECONDS + age)
    assert [api.head(address).status_code for address in (old, young)] == [404, 200]
    Janitor(held.jobs, keep_days=30).sweep({})
    assert os.listdir(settings.folders.incoming) == [young.rpartition("/")[2]]


def test_unfinished_uploads_are_bounded(api: httpx.Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(incoming, "MOST", 2)
    first = begin(api, 5)
    begin(api, 5)
    answer = api.post("/v1/uploads", headers={"Upload-Length": "5"})
    assert (answer.status_code, answer.json()["code"]) == (429, "too_many_uploads")
    api.delete(first)
    begin(api, 5)


def test_key_finds_its_upload_again(api: httpx.Client) -> None:
    key = {"Idempotency-Key": "cats.zip-3145745", "Upload-Length": str(len(DATA))}
    first = api.post("/v1/uploads", headers=key)
    go_on(api, first.headers["Location"], 0, DATA[:1000])
    again = api.post("/v1/uploads", headers=key)
    assert (first.status_code, again.status_code) == (201, 200)
    assert again.headers["Location"] == first.headers["Location"]
    assert (first.headers["Upload-Offset"], again.headers["Upload-Offset"]) == ("0", "1000")
    other = api.post("/v1/uploads", headers=key | {"Upload-Length": "5"})
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_mismatch")
    api.delete(first.headers["Location"])
    anew = api.post("/v1/uploads", headers=key)
    assert (anew.status_code, anew.headers["Upload-Offset"]) == (201, "0")


def test_key_at_once_is_one_upload(api: httpx.Client, settings: Settings) -> None:
    key = {"Idempotency-Key": "k", "Upload-Length": "5"}
    barrier = threading.Barrier(4)

    def post(_: int) -> str:
        barrier.wait()
        return httpx.post(f"{api.base_url}/v1/uploads", headers=key).headers["Location"]

    with ThreadPoolExecutor(4) as pool:
        assert len(set(pool.map(post, range(4)))) == 1
    assert len(os.listdir(settings.folders.incoming)) == 1


@pytest.fixture
def tight(settings: Settings, tmp_path: Path) -> Iterator[Settings]:
    """The service's home on a disk of 8 MB."""
    with small_disk(tmp_path / "small", "8m") as disk:
        own = settings.model_copy(update={"home": disk / "home"})
        own.folders.create()
        yield own


def test_disk_that_cannot_hold_all_that_was_announced_refuses(tight: Settings) -> None:
    with another(tight) as api:
        begin(api, 5_000_000)
        answer = api.post("/v1/uploads", headers={"Upload-Length": "5000000"})
        assert (answer.status_code, answer.json()["code"]) == (507, "storage_full")
        begin(api, 1_000_000)


def test_upload_goes_on_when_the_full_disk_has_room_again(tight: Settings) -> None:
    with another(tight) as api:
        address = begin(api, len(DATA))
        go_on(api, address, 0, DATA[:1_000_000])
        fill(tight.home / "others")
        answer = go_on(api, address, 1_000_000, DATA[1_000_000:])
        assert (answer.status_code, answer.json()["code"]) == (507, "storage_full")
        (tight.home / "others").unlink()
        kept = offset_of(api, address)
        assert kept >= 1_000_000
        assert go_on(api, address, kept, DATA[kept:]).status_code == 204
        assert stored(tight, address) == DATA


def test_room_that_uploads_take_is_told(api: httpx.Client) -> None:
    whole(api, b"x" * 5000)
    assert api.get("/v1/storage").json()["uploads"] >= 5000
