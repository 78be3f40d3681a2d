"""What the card of a model says, from the records that there are: samples to limits, as blocks.

Whatever is missing is said to be missing. Nothing here knows HTTP, HTML or Markdown.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from app.curves import charts
from app.document import Block, Code, Drawings, Heading, Link, Picture, Table, Text, Words
from app.figures import MEMORISED, conditions, figures, text_of
from app.series import Series
from core.schemas import Dataset, Job, Model

CHARTS = 6
ROWS = 60  # of one table
INTENDED = (
    "Nobody has said what this model is meant for. It makes images like those that it was trained "
    "on, for play, study and prototypes; it was not made for decisions about people."
)
LIMITS = (
    "It knows nothing but its training images: what is rare or missing there is rare or missing "
    "here, and their faults are its faults. An image may come near to a training image (see "
    "Memorisation); whether you may share it also depends on the rights in those images."
)


@dataclass(frozen=True, kw_only=True)
class Sources:
    """What a card is written from. None: it is not there (any more). `base`: of the service."""

    model: Model
    job: Job | None
    dataset: Dataset | None
    series: Series | None
    samples: bool
    base: str

    @property
    def own(self) -> str:
        return f"/v1/models/{self.model.name}/versions/{self.model.version}"


def card_of(sources: Sources) -> list[Block]:
    """The card, top to bottom."""
    parts = (opening, evaluated, memorised, trained, learnt_from, made_from, configured, meant)
    return [block for part in (*parts, used) for block in part(sources)]


def opening(sources: Sources) -> Iterator[Block]:
    model = sources.model
    yield Heading(text=f"{model.name}, version {model.version}", level=1)
    colours = {1: "grey"}.get(model.channels, "colour")
    size = f"{model.resolution} × {model.resolution}"
    told = f"Makes {colours} images of {size} pixels"
    told += f" of {len(model.classes)} classes" if model.classes else ""
    told += f" with any of {len(model.attributes)} attributes" if model.attributes else ""
    count = f" with {model.parameters:,} parameters" if model.parameters else ""
    yield Text(words=[f"{told}. Its network is {model.architecture}{count}."])
    made = f"{model.created_at:%d %B %Y}".lstrip("0")
    yield Text(words=[f"Published on {made}.{_aliases(model)}"], quiet=True)
    if sources.samples:
        yield Picture(src=f"{sources.own}/samples.png", text="Images of the model, fixed seeds.")


def evaluated(sources: Sources) -> Iterator[Block]:
    yield Heading(text="How good it is")
    result = sources.model.evaluation
    if result is None:
        yield Text(words=["Not evaluated yet: POST /v1/evaluate measures it against real images."])
        return
    rows = list(figures(result["metrics"]))
    yield Table(head=("figure", "value", "floor", "what it says"), rows=rows[:ROWS])
    note = "The floor is the same figure of real images against real images: the best to expect."
    yield Text(words=[note], quiet=True)
    yield Text(words=[_measured(result)], quiet=True)
    classes = result.get("classes") or {}
    if classes:
        yield Heading(text="By class", level=3)
        yield _by_class(classes)


def memorised(sources: Sources) -> Iterator[Block]:
    yield Heading(text="Memorisation")
    result = sources.model.evaluation
    if result is None:
        yield Text(words=["Not examined: it may repeat training images."])
        return
    rows = [row for row in figures(result["metrics"]) if row[0] in MEMORISED]
    if rows:
        yield Table(head=("figure", "value", "floor", "what it says"), rows=rows)
    if "nearest" in (result.get("pictures") or []):
        text = "Images made that come nearest to a training image: the image, then its neighbours."
        yield Picture(src=f"{sources.own}/evaluations/{result['job']}/nearest.png", text=text)
        yield Text(
            words=["Rows of twins mean that the model has learnt images by heart."], quiet=True
        )
    elif not rows:
        yield Text(words=["The evaluation did not look for repeated training images."])


def trained(sources: Sources) -> Iterator[Block]:
    yield Heading(text="Training")
    model = sources.model
    told = f"{model.steps:,} steps, {model.kimg:,.1f} thousand images shown."
    yield Text(words=[f"{told}{_selected(model)}"])
    drawn = charts(sources.series, CHARTS) if sources.series else []
    if drawn:
        where = f"/v1/jobs/{model.job}/metrics"
        yield Drawings(svgs=drawn, text=f"The curves are at {where}.")
    else:
        yield Text(words=["The curves of the training are not kept here."], quiet=True)
    if model.metrics:
        rows = [(name, text_of(value)) for name, value in list(model.metrics.items())[:ROWS]]
        yield Heading(text="Last figures of the training", level=3)
        yield Table(head=("figure", "value"), rows=rows, numbers=True)


def learnt_from(sources: Sources) -> Iterator[Block]:
    yield Heading(text="Data")
    told, dataset = sources.model.dataset, sources.dataset
    rows: list[tuple[str, Words]] = [
        (name, text_of(told[name])) for name in ("name", "images", "sha256") if told.get(name)
    ]
    if dataset is None:
        if rows:
            yield Table(head=("", ""), rows=rows)
        yield Text(words=["The data set itself is not here (any more)."], quiet=True)
        return
    address = f"/v1/datasets/{dataset.id}"
    facts: dict[str, Any] = {
        "images": dataset.images,
        "splits": dataset.splits,
        "pixels": dataset.resolutions,
    }
    counts = dict(list(dataset.labels.items())[:ROWS])
    kind = "attributes" if dataset.attributes else "classes"
    facts |= {"files left out": dataset.skipped, kind: counts}
    known: list[tuple[str, Words]] = [("name", Link(text=dataset.name, href=address))]
    known += [(name, text_of(value)) for name, value in facts.items() if value]
    known += [row for row in rows if row[0] == "sha256"]
    yield Table(head=("", ""), rows=known)
    yield Picture(src=f"{address}/preview.png", text="Some of the training images.")


def made_from(sources: Sources) -> Iterator[Block]:
    model, lineage = sources.model, sources.model.lineage
    yield Heading(text="Lineage")
    rows: list[tuple[str, Words]] = []
    if model.job is not None:
        rows.append(("job", Link(text=model.job, href=f"/v1/jobs/{model.job}")))
    rows += [
        (name.replace("_", " "), text_of(value))
        for name, value in list(lineage.items())[:ROWS]
        if value and (name, model.job) != ("job", value) and name not in ("dataset", "metadata")
    ]
    rows += [("digest of the weights", model.digest)]
    rows += [("libraries", text_of(model.libraries))] if model.libraries else []
    rows.append(("reproducibility", model.reproducibility))
    yield Table(head=("", ""), rows=rows)


def configured(sources: Sources) -> Iterator[Block]:
    resolved = sources.model.resolved
    groups = {name: resolved.get(name) for name in ("options", "recipe", "budget")}
    rows = [
        (f"{group}.{name}" if group == "budget" else name, text_of(value))
        for group, values in groups.items()
        if isinstance(values, dict)
        for name, value in values.items()
        if value is not None
    ]
    yield Heading(text="Options")
    if rows:
        yield Table(head=("option", "value"), rows=rows[:ROWS], numbers=True)
    else:
        yield Text(words=["They are not known."], quiet=True)


def meant(sources: Sources) -> Iterator[Block]:
    """What its maker says that it is for, or what holds for any model."""
    told = sources.model.lineage.get("metadata")
    said: Mapping[str, Any] = told if isinstance(told, dict) else {}
    said = sources.job.metadata if sources.job is not None else said
    yield Heading(text="Intended use")
    yield Text(words=[text_of(said.get("intended_use") or INTENDED)])
    yield Heading(text="Limits")
    if said.get("limits"):
        yield Text(words=[text_of(said["limits"])])
    yield Text(words=[LIMITS], quiet=bool(said.get("limits")))


def used(sources: Sources) -> Iterator[Block]:
    model = sources.model
    yield Heading(text="How to use it")
    reference = f"{model.name}@{model.version}"
    generate = f"{sources.base}/v1/generate?model={reference}"
    lines = [f"curl -o image.png '{generate}&seed=42'"]
    lines += [f"curl -o grid.png '{generate}&seeds=0-15'"]
    lines += [f"curl -o image.png '{generate}&seed=42&label=0'"] if model.classes else []
    lines += [f"curl -o image.png '{generate}&seed=42&label=0,1'"] if model.attributes else []
    lines += [f"curl -o {model.name}.zip {sources.base}{sources.own}/archive"]
    yield Code(text="\n".join(lines))
    if model.classes:
        yield Text(words=[f"Classes: {text_of(model.classes[:ROWS])}."])
    if model.attributes:
        yield Text(words=[f"Attributes: {text_of(model.attributes[:ROWS])}."])
    links = [("record", ""), ("archive", "/archive"), ("evaluations", "/evaluations")]
    words: list[Words] = [Link(text=text, href=sources.own + end) for text, end in links]
    yield Text(words=[word for link in words for word in (" · ", link)][1:], quiet=True)


def _aliases(model: Model) -> str:
    return f" Known as {', '.join(model.aliased_as)}." if model.aliased_as else ""


def _selected(model: Model) -> str:
    where = (model.selected or {}).get("from")
    told = {"best": " These are the best weights of the training, not its last."}
    return told.get(str(where), "")


def _measured(result: Mapping[str, Any]) -> str:
    data = result.get("dataset") or {}
    name = text_of(data.get("name") or data.get("id"))
    other = "" if data.get("same_as_training") else ", which it was not trained on"
    told = conditions(result["metrics"])
    return f"Measured at {str(result['created_at'])[:10]} against {name}{other}: {told}."


def _by_class(classes: Mapping[str, Any]) -> Table:
    """A row for each class. What is no record of figures is shown as it is."""
    records = {
        name: value if isinstance(value, dict) else {"value": value}
        for name, value in list(classes.items())[:ROWS]
    }
    head = list(dict.fromkeys(key for record in records.values() for key in record))
    rows: Sequence[Sequence[Words]] = [
        [name, *(text_of(record.get(key)) for key in head)] for name, record in records.items()
    ]
    return Table(head=["class", *head], rows=rows, numbers=True)
