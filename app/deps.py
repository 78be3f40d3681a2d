"""What routes need, as Annotated aliases: their signatures read as a list of nouns.

All of them are coroutines: FastAPI would give each plain function a thread of its own.
"""

from typing import Annotated, Any

from fastapi import Depends, Header, Query, Request

from app.guard import is_json
from app.services import Services
from core.datasets import DatasetStore
from core.errors import UnsupportedMedia
from core.ids import Id
from core.jobs import JobStore
from core.presence import Presence
from core.registry import ModelStore
from core.settings import Settings


async def services(request: Request) -> Services:
    return request.app.state.services


Documented = dict[int | str, dict[str, Any]]  # OpenAPI responses by status
BINARY: dict[str, Any] = {"schema": {"type": "string", "format": "binary"}}
ZIP = "application/zip"
PNG: Documented = {200: {"content": {"image/png": BINARY}}}

Everything = Annotated[Services, Depends(services)]


async def _settings(held: Everything) -> Settings:
    return held.settings


async def _jobs(held: Everything) -> JobStore:
    return held.jobs


async def _datasets(held: Everything) -> DatasetStore:
    return held.datasets


async def _models(held: Everything) -> ModelStore:
    return held.models


async def _presence(held: Everything) -> Presence:
    return held.presence


OurSettings = Annotated[Settings, Depends(_settings)]
Jobs = Annotated[JobStore, Depends(_jobs)]
Datasets = Annotated[DatasetStore, Depends(_datasets)]
Models = Annotated[ModelStore, Depends(_models)]
Workers = Annotated[Presence, Depends(_presence)]

Limit = Annotated[int, Query(ge=1, le=200, description="Most entries of one page.")]
After = Annotated[Id | None, Query(description="`last_id` of the page before.")]
IdempotencyKey = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        min_length=1,
        max_length=128,
        pattern=r"^[\x21-\x7e]+$",
        description="The same key and body within 24 hours create nothing new.",
    ),
]


async def json_only(request: Request) -> None:
    """For routes with a JSON body: a page of another site cannot send this type unasked."""
    if not is_json(request.headers):
        raise UnsupportedMedia("Send the body as Content-Type: application/json.")
