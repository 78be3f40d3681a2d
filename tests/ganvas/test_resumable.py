"""Large uploads of the clients, before the real API behind a network that breaks."""

import asyncio
import os
import threading
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path

import httpx
import pytest

from app.main import create_app
from app.services import Services
from core.settings import Settings
from ganvas import portable_calls
from ganvas.async_client import AsyncClient
from ganvas.client import Client
from ganvas.packing import packed
from ganvas.resumable import LARGE, sent_whole
from ganvas.transport import Flow, Unreachable, Upload
from tests.app.serving import serve
from tests.app.test_datasets import Preparer
from tests.chaos_proxy import ChaosProxy
from tests.portable import archive, put_model

SIZE = LARGE + 8 * 1024 * 1024
ENOUGH = 12 * 1024 * 1024  # sent, of which some may still be in buffers on the way
LITTLE = 2 * 1024 * 1024


class Service:
    """The API, and a network before it."""

    def __init__(self, held: Services, proxy: ChaosProxy) -> None:
        self.held = held
        self.proxy = proxy
        self.url = f"http://127.0.0.1:{proxy.port}"


@pytest.fixture
def service(settings: Settings) -> Iterator[Service]:
    app = create_app(settings)
    with serve(app) as url, ChaosProxy(("127.0.0.1", httpx.URL(url).port or 0)) as proxy:
        yield Service(app.state.services, proxy)


@pytest.fixture
def preparer(service: Service) -> Iterator[Preparer]:
    worker = Preparer(service.held)
    worker.thread.start()
    yield worker
    worker.thread.join(25)


@pytest.fixture
def large(tmp_path: Path) -> Path:
    path = tmp_path / "cats.zip"
    path.write_bytes(os.urandom(SIZE))
    return path


class Heard:
    """Where an upload stood; `once` is called when enough was sent, the first time."""

    def __init__(self, once: Callable[[], None] = lambda: None) -> None:
        self.once = once
        self.places: list[int] = []

    def __call__(self, sent: int, total: int) -> None:
        before = self.places[-1] if self.places else 0
        self.places.append(sent)
        if sent >= ENOUGH > before:
            self.once()
            self.once = lambda: None

    @property
    def again(self) -> int:
        """Where it went on after it had broken."""
        return next(b for a, b in pairwise(self.places) if b < a)


def test_upload_goes_on_where_its_connection_broke(
    service: Service, preparer: Preparer, large: Path
) -> None:
    heard = Heard(service.proxy.cut)
    with Client(service.url) as client:
        dataset = client.datasets.upload(large, "tigers", heard)
    assert (dataset.name, dataset.state) == ("tigers", "ready")
    assert preparer.found["source"] == large.read_bytes()
    assert LITTLE < heard.again < heard.places[-1] == SIZE


def test_upload_of_the_async_client_does_so_too(
    service: Service, preparer: Preparer, large: Path
) -> None:
    heard = Heard(service.proxy.cut)

    async def upload() -> None:
        async with AsyncClient(service.url) as client:
            await client.datasets.upload(large, on_progress=heard)

    asyncio.run(upload())
    assert preparer.found["source"] == large.read_bytes()
    assert heard.again > LITTLE


class Interrupted(Exception):
    pass


def interrupt() -> None:
    raise Interrupted


def test_upload_that_was_interrupted_goes_on_when_it_is_begun_again(
    service: Service, preparer: Preparer, large: Path
) -> None:
    with Client(service.url) as client, pytest.raises(Interrupted):
        client.datasets.upload(large, on_progress=Heard(interrupt))
    heard = Heard()
    with Client(service.url) as client:
        client.datasets.upload(large, on_progress=heard)
    assert heard.places[0] > LITTLE
    assert preparer.found["source"] == large.read_bytes()


def test_unchanged_folder_is_known_again_and_a_changed_one_is_not(tmp_path: Path) -> None:
    folder = tmp_path / "cats"
    folder.mkdir()
    (folder / "1.png").write_bytes(b"x" * 100)
    keys: list[str] = []
    for _ in range(2):
        with packed(folder) as upload:
            keys.append(upload.key)
    os.utime(folder / "1.png", (1, 1))
    with packed(folder) as upload:
        assert keys[0] == keys[1] != upload.key


def test_service_that_stays_away_is_told(
    service: Service, large: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ganvas.resumable.GIVE_UP_SECONDS", 0.5)

    def away() -> None:
        service.proxy.refuse()
        service.proxy.cut()

    with Client(service.url) as client, pytest.raises(Unreachable):
        client.datasets.upload(large, on_progress=Heard(away))


def test_service_that_is_away_when_all_was_sent_is_waited_for(
    service: Service, preparer: Preparer, large: Path
) -> None:
    def away(sent: int, total: int) -> None:
        if sent == total and service.proxy.connections == 1:
            service.proxy.refuse()
            service.proxy.cut()
            threading.Timer(1.0, service.proxy.forward).start()

    with Client(service.url, retries=0) as client:
        assert client.datasets.upload(large, on_progress=away).state == "ready"
    assert preparer.found["source"] == large.read_bytes()


def test_service_that_is_away_when_a_model_was_sent_is_waited_for(
    service: Service, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def sent_and_away(upload: Upload, retries: int) -> Flow[str]:
        upload_id = yield from sent_whole(upload, retries)
        service.proxy.refuse()
        service.proxy.cut()
        threading.Timer(1.0, service.proxy.forward).start()
        return upload_id

    monkeypatch.setattr(portable_calls, "LARGE", 10)
    monkeypatch.setattr(portable_calls, "sent_whole", sent_and_away)
    path = tmp_path / "cats.zip"
    path.write_bytes(archive(settings, put_model(settings)))
    with Client(service.url, retries=0) as client:
        assert client.portable.import_(path, "kittens").name == "kittens"


def test_large_model_is_imported_by_an_upload_that_goes_afterwards(
    service: Service, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(portable_calls, "LARGE", 10)
    path = tmp_path / "cats.zip"
    path.write_bytes(archive(settings, put_model(settings)))
    with Client(service.url) as client:
        model = client.portable.import_(path, "kittens")
    assert (model.name, model.version) == ("kittens", 1)
    assert os.listdir(settings.folders.incoming) == os.listdir(settings.folders.uploads) == []
