"""GET /v1/models/compare: two versions side by side, as JSON or as a page to look at."""

from typing import Annotated, Any, Literal
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Query, Request, Response
from pydantic import Field

from app import compare_page
from app.deps import Everything
from app.images import resolve
from app.queries import only_query
from app.verdicts import Difference, MetricPair, differing_options, fact, metric_pairs, same_data
from core.registry import JOB_PREFIX
from core.schemas import Answer, Model

router = APIRouter(prefix="/models", tags=["models"])
style = APIRouter(include_in_schema=False)
SEEDS = "0-15"
MEASURED = ("job", "created_at", "dataset", "space", "space_sha256", "n_real", "n_fake")
Side = Annotated[
    str,
    Query(
        min_length=1, max_length=160, description="As `model=` of GET /v1/generate: `cats@stable`."
    ),
]


class Compared(Answer):
    """What identifies one of the two."""

    reference: str = Field(description="What it resolved to.")
    name: str
    version: int
    digest: str
    created_at: str
    architecture: str
    resolution: int
    classes: list[str]
    attributes: list[str]
    steps: int
    kimg: float
    job: str | None
    aliased_as: list[str]
    evaluation: dict[str, Any] | None = Field(description="When and how it was measured.")


class Data(Answer):
    """What both were trained on. `same` null: it cannot be known."""

    same: bool | None
    a: dict[str, Any]
    b: dict[str, Any]


class Grids(Answer):
    """The same seeds of both, as addresses of images."""

    a: str
    b: str
    seeds: str = SEEDS
    label: str | None
    rule: str = Field(description="Which class the images are of.")


class Comparison(Answer):
    object: Literal["comparison"] = "comparison"
    a: Compared
    b: Compared
    identical: bool = Field(description="Their weights are the same bytes.")
    metrics: dict[str, MetricPair]
    options: list[Difference]
    dataset: Data
    grids: Grids
    notes: list[str]


@router.get(
    "/compare",
    response_model=Comparison,
    responses={200: {"content": {"text/html": {"schema": {"type": "string"}}}}},
    dependencies=[Depends(only_query("a", "b"))],
)
def compare_models(request: Request, held: Everything, a: Side, b: Side) -> Any:
    """Metrics, options, data sets and the same seeds of two versions; a page for browsers."""
    found = comparison(*((text, resolve(held, text).model) for text in (a, b)))
    headers = {"Cache-Control": "no-cache", "Vary": "Accept"}
    if "text/html" in request.headers.get("accept", ""):
        text = compare_page.render(found.model_dump(mode="json"))
        return Response(text, media_type="text/html", headers=headers)
    content = found.model_dump_json()
    return Response(content, media_type="application/json", headers=headers)


@style.get(compare_page.STYLE_PATH)
async def show_compare_style() -> Response:
    headers = {"Cache-Control": "public, max-age=3600"}
    return Response(compare_page.STYLE, media_type="text/css", headers=headers)


def comparison(ours: tuple[str, Model], theirs: tuple[str, Model]) -> Comparison:
    """Each side: the reference that was asked for, and what it means now."""
    (text_a, a), (text_b, b) = ours, theirs
    sides = exact(text_a, a), exact(text_b, b)
    notes = [
        f'{side} has no evaluation yet: POST /v1/evaluate {{"model": "{side}"}}.'
        for side, model in zip(sides, (a, b), strict=True)
        if model.evaluation is None
    ]
    return Comparison(
        a=_identity(sides[0], a),
        b=_identity(sides[1], b),
        identical=a.digest == b.digest,
        metrics=metric_pairs(a.evaluation or {}, b.evaluation or {}),
        options=differing_options(a.resolved, b.resolved),
        dataset=Data(same=same_data(a.dataset, b.dataset), a=a.dataset, b=b.dataset),
        grids=grids(sides, a, b),
        notes=notes,
    )


def exact(text: str, model: Model) -> str:
    """The reference that means this version for ever."""
    prefix = JOB_PREFIX if text.startswith(JOB_PREFIX) else ""
    return f"{prefix}{model.name}@{model.version}"


def grids(sides: tuple[str, str], a: Model, b: Model) -> Grids:
    """The same seeds, and where it matters the same class."""
    label, rule = label_for(a, b)
    given = {} if label is None else {"label": label}
    urls = [
        "/v1/generate?" + urlencode({"model": side, "seeds": SEEDS} | given, safe="@:")
        for side in sides
    ]
    return Grids(a=urls[0], b=urls[1], label=label, rule=rule)


def label_for(a: Model, b: Model) -> tuple[str | None, str]:
    """The class or attribute that both grids show, and why."""
    ours, theirs = (model.classes or model.attributes for model in (a, b))
    if not ours and not theirs:
        return None, "Neither has classes."
    several = bool(a.attributes or b.attributes)
    if (a.classes, a.attributes, a.combinations) == (b.classes, b.attributes, b.combinations):
        return None, f"Each seed means the same {_what(several)} in both."
    shared = [name for name in ours if name in theirs]
    kind = "classes or attributes" if several else "classes"
    if shared:
        return shared[0], f"Their {kind} differ: this is the first that both know."
    own = f"each seed means a {_what(several)} of its own in each."
    return None, f"They know no {_what(several)} in common: {own}"


def _what(several: bool) -> str:
    return "label" if several else "class"


def _identity(reference: str, model: Model) -> Compared:
    card = model.model_dump(mode="json")
    result = model.evaluation
    measured = None if result is None else {name: fact(result, name) for name in MEASURED}
    return Compared(**card | {"reference": reference, "evaluation": measured})
