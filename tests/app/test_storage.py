"""What takes how much room."""

import os
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from app import room
from app.room import Meter, bytes_below, measure
from core.schemas import Model
from core.settings import Settings

Publish = Callable[..., Model]


def fill(path: Path, size: int) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"x" * size)
    return path


@pytest.fixture
def full(settings: Settings) -> Settings:
    home = settings.folders
    fill(home.dataset("ds-1") / "images-64.npy", 1000)
    fill(home.datasets / ".ds-2.job-1.f1.tmp" / "half", 10)
    weights = fill(home.model("cats") / "1" / "model.safetensors", 500)
    fill(home.model("cats") / "2" / "evaluations" / "job-e" / "samples.png", 50)
    fill(home.model("cats") / "aliases.json", 5)
    fill(home.models / "changed.json", 1)
    own = home.job("job-1")
    fill(own / "checkpoints" / "000000010-f1.safetensors", 2000)
    fill(own / "snapshots" / "000000010" / "model.safetensors", 300)
    (own / "init").mkdir()
    os.link(weights, own / "init" / "model.safetensors")
    os.symlink(weights, own / "link")
    fill(own / "samples" / "000000010.png", 40)
    fill(own / "log.txt", 7)
    fill(own / "job.json", 3)
    fill(home.upload("ds-3") / "archive.zip", 60)
    fill(home.features / "ds-1.npy", 90)
    fill(home.root / "keys" / "key", 4)
    return settings


def test_every_byte_is_counted_once(full: Settings) -> None:
    found = measure(full.folders)
    link = (full.folders.job("job-1") / "link").lstat().st_size
    assert (found.datasets, found.uploads, found.features, found.other) == (1010, 60, 90, 4)
    assert found.models.model_dump() == {"total": 556, "by_name": {"cats": 555}}
    jobs = {"total": 2350 + link, "checkpoints": 2300, "samples": 40, "logs": 7, "other": 3 + link}
    assert found.jobs.model_dump() == jobs
    assert found.total == 1010 + 60 + 90 + 4 + 556 + jobs["total"]
    assert found.complete and 0 < found.disk.free <= found.disk.total
    largest = [(item.kind, item.id) for item in found.largest]
    assert largest == [
        ("job", "job-1"),
        ("dataset", "ds-1"),
        ("model", "cats@1"),
        ("model", "cats@2"),
    ]


def test_the_work_is_bounded(full: Settings) -> None:
    found = measure(full.folders, most=5)
    assert not found.complete and found.total < 3000


def test_it_is_measured_once_in_a_while(full: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    meter = Meter(full.folders)
    first = meter.read()
    fill(full.folders.root / "keys" / "more", 100)
    assert meter.read() is first
    monkeypatch.setattr(room, "FRESH_SECONDS", 0.0)
    monkeypatch.setattr(room, "IDLE", 0.0)
    assert Meter(full.folders).read().other == 104


def test_storage_over_http(api: httpx.Client, publish: Publish, full: Settings) -> None:
    publish("dogs", "job-2")
    found = api.get("/v1/storage").json()
    assert found["models"]["by_name"]["dogs"] > 0
    for item in found["largest"]:
        if item["kind"] == "model" and "dogs" in item["id"]:
            assert api.get(item["url"]).json()["disk_bytes"] == item["bytes"]


def test_what_is_gone_takes_no_room(tmp_path: Path) -> None:
    assert bytes_below(tmp_path / "none") == 0
