"""The API in this process, on the real server, without any worker unless a test announces one."""

import os
import socket
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from starlette.routing import BaseRoute

from app.main import create_app
from app.services import Services
from core.files import write_json
from core.presence import Presence, WorkerInfo
from core.registry import ModelStore
from core.schemas import Dataset, Model
from core.settings import Settings
from tests.app.serving import client_of

CATALOGUE: dict[str, Any] = {
    "tasks": {"generate": {"summary": "Images from noise."}},
    "presets": ["auto", "tiny"],
    "options": {
        "type": "object",
        "additionalProperties": False,
        "properties": {
            "architecture": {"enum": ["r3", "dcgan"]},
            "batch": {"type": "integer", "minimum": 2, "maximum": 1024},
            "lr": {"type": "number", "exclusiveMinimum": 0},
            "width": {"type": "integer", "minimum": 8},
            "z_dim": {"type": "integer", "minimum": 2},
        },
    },
}


@pytest.fixture(scope="session")
def routes(tmp_path_factory: pytest.TempPathFactory) -> list[BaseRoute]:
    """Those of every app: what a first request finds out about them is found out once."""
    return create_app(Settings(home=tmp_path_factory.mktemp("nowhere"))).router.routes


@pytest.fixture
def app(settings: Settings, routes: list[BaseRoute]) -> FastAPI:
    own = create_app(settings)
    own.router.routes[:] = routes
    return own


@pytest.fixture
def api(app: FastAPI) -> Iterator[httpx.Client]:
    with client_of(app) as client:
        yield client


@pytest.fixture
def held(app: FastAPI, api: httpx.Client) -> Services:
    return app.state.services


@pytest.fixture
def announce(held: Services) -> Callable[..., str]:
    """Let a worker of the given queues be alive."""

    def show(
        *queues: str, catalogue: dict[str, Any] | None = None, extras: list[str] | None = None
    ) -> str:
        worker = WorkerInfo(
            id="-".join(queues),
            queues=list(queues),
            pid=os.getpid(),
            host=socket.gethostname(),
            started_at=datetime.now(UTC),
            catalogue=catalogue,
            extras=extras,
        )
        Presence(held.jobs.client, held.jobs.keys).announce(worker)
        held.batcher.workforce.forget()
        return worker.id

    return show


@pytest.fixture
def trainer(announce: Callable[..., str]) -> None:
    announce("train", catalogue=CATALOGUE)


@pytest.fixture
def publish(settings: Settings) -> Callable[..., Model]:
    """Put a model version on disk; its weights are only bytes here."""

    def put(name: str = "cats", job: str = "job-1", **card: Any) -> Model:
        source = settings.folders.jobs / f"publish-{job}"
        source.mkdir()
        settings.folders.job(job).mkdir(exist_ok=True)
        (source / "model.safetensors").write_bytes(job.encode())
        shape = {"resolution": 32, "channels": 3, "z_dim": 64}
        header = {"architecture": "r3", "shape": shape}
        write_json(source / "model.json", header)
        return ModelStore(settings.folders).publish(source, name, {"job": job} | card)

    return put


@pytest.fixture
def dataset(settings: Settings) -> Callable[..., Dataset]:
    """Put a ready data set on disk."""

    def put(dataset_id: str = "ds-1", name: str = "cats", **fields: Any) -> Dataset:
        folder = settings.folders.dataset(dataset_id)
        folder.mkdir()
        record: dict[str, Any] = {
            "id": dataset_id,
            "name": name,
            "created_at": datetime.now(UTC).isoformat(),
            "images": 10,
            "resolutions": [32, 64],
            "trains": {"generate": True, "caption": "The images have no texts."},
        }
        write_json(folder / "dataset.json", record | fields)
        (folder / "preview.png").write_bytes(b"\x89PNG preview")
        write_json(folder / "report.json", {"skipped": []})
        return Dataset(**(record | fields))

    return put
