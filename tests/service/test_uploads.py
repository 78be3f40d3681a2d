"""A large upload, and an API that is killed in the middle of it."""

from itertools import pairwise
from pathlib import Path

import psutil
import pytest

from ganvas.client import Client
from ganvas.resumable import LARGE
from tests.service.conftest import Service, noise

pytestmark = pytest.mark.service
COUNT = 120
MOST_SENT = 0.6  # of the whole, when the API is killed


def test_upload_outlives_the_api_that_receives_it(service: Service, tmp_path: Path) -> None:
    folder = tmp_path / "noisy"
    folder.mkdir()
    for index in range(COUNT):
        (folder / f"{index}.bmp").write_bytes(noise(index))
    heard: list[int] = []

    def kill(sent: int, total: int) -> None:
        assert total > LARGE
        if sent > MOST_SENT * total and max(heard, default=0) <= MOST_SENT * total:
            (api,) = (
                child
                for child in psutil.Process(service.process.pid).children(recursive=True)
                if "app.main" in child.cmdline()
            )
            api.kill()
        heard.append(sent)

    with Client(service.url) as client:
        dataset = client.datasets.upload(folder, on_progress=kill)
        report = client.datasets.report(dataset.id)
        client.datasets.delete(dataset.id)
    assert (dataset.name, dataset.images, report["skipped"]) == ("noisy", COUNT, [])
    again = next(b for a, b in pairwise(heard) if b < a)
    assert again > 1_000_000
    assert list((service.home / "incoming").iterdir()) == []
