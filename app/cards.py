"""The card of a model version as a page, as Markdown, or as its record."""

import hashlib
from functools import cache
from importlib import resources
from typing import Annotated, Any

from fastapi import APIRouter, Path, Request, Response

from app.card import Sources, card_of
from app.deps import Documented, Everything
from app.document import as_html, as_markdown
from app.etags import client_has
from app.images import IMMUTABLE
from app.models import Name, Version, show_model_version
from app.series import Series, read_rows, thin
from app.services import Services
from core.errors import BadSpec, NotFound
from core.schemas import Dataset, Job, Model

router = APIRouter(prefix="/models/{name}/versions/{version}", tags=["models"])
style = APIRouter(include_in_schema=False)
STYLE = "/card.css"
POINTS = 200  # of one curve
TEXT = {"schema": {"type": "string"}}
CARD: Documented = {
    200: {"content": {"text/html": TEXT, "text/markdown": TEXT}},
    304: {"description": "The client has this card already (If-None-Match)."},
}


@router.get("/card", response_class=Response, responses=CARD)
def show_model_card(request: Request, held: Everything, name: Name, version: Version) -> Response:
    """What is known of a version: a page where HTML is accepted, otherwise Markdown."""
    page = "text/html" in request.headers.get("accept", "")
    return _card(request, held, name, version, page)


@router.get("/card.{extension}", response_class=Response, responses=CARD)
def show_model_card_as(
    request: Request,
    held: Everything,
    name: Name,
    version: Version,
    extension: Annotated[str, Path(pattern="^(html|md|json)$")],
) -> Any:
    """The same in one form; `json` is the record of the version."""
    if extension == "json":
        record = show_model_version(held, name, version)
        return Response(record.model_dump_json(), media_type="application/json")
    return _card(request, held, name, version, extension == "html")


@style.get(STYLE)
def show_card_style() -> Response:
    return Response(_style(), media_type="text/css", headers={"Cache-Control": IMMUTABLE})


def _card(request: Request, held: Services, name: str, version: int, page: bool) -> Response:
    sources = sources_of(held, held.models.get(name, version), str(request.base_url).rstrip("/"))
    blocks = card_of(sources)
    title = f"{name}@{version}"
    sheet = f"{STYLE}?v={hashlib.sha256(_style()).hexdigest()[:12]}"
    text = as_html(title, sheet, blocks) if page else as_markdown(blocks)
    content = text.encode()
    tag = f'"{hashlib.sha256(content).hexdigest()[:32]}"'
    headers = {"ETag": tag, "Cache-Control": "no-cache", "Vary": "Accept"}
    if client_has(request, tag):
        return Response(status_code=304, headers=headers)
    return Response(content, headers=headers, media_type="text/html" if page else "text/markdown")


def sources_of(held: Services, model: Model, base: str) -> Sources:
    """All that there is about a version."""
    return Sources(
        model=model,
        job=_job(held, model.job),
        dataset=_dataset(held, model.dataset.get("id")),
        series=_series(held, model.job),
        samples=(held.models.folder(model) / "samples.png").exists(),
        base=base,
    )


def _job(held: Services, job_id: str | None) -> Job | None:
    try:
        return None if job_id is None else held.jobs.get(job_id)
    except NotFound:
        return None


def _dataset(held: Services, dataset_id: Any) -> Dataset | None:
    """The data set, if it is here and ready. What an import calls it may be no id at all."""
    try:
        found = held.datasets.get(dataset_id)
    except (NotFound, BadSpec):
        return None
    return found if found.state == "ready" else None


def _series(held: Services, job_id: str | None) -> Series | None:
    if job_id is None:
        return None
    rows = read_rows(held.jobs.home.job(job_id) / "metrics.jsonl", -1)
    return thin(rows, None, POINTS) if rows else None


@cache
def _style() -> bytes:
    return (resources.files("app") / "card.css").read_bytes()
