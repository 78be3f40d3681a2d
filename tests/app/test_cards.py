"""Cards of models: what they say, and that nobody's text becomes part of the page."""

import json
import re
from html.parser import HTMLParser
from typing import Any

import httpx
import pytest

from app.curves import chart
from app.document import Code, Heading, Link, Table, Text, as_html, as_markdown
from app.figures import figures
from app.series import thin
from app.services import Services
from core.files import write_json
from core.schemas import Job, JobKind, Model
from core.settings import Settings
from tests.portable import IDENTITY, PNG, archive, contents, put_evaluation, put_model, repacked

CARD = "/v1/models/cats/versions/1/card"
HTML = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
EVIL = '<img src=x onerror=alert(1)> "quoted" [x](javascript:alert(1)) | `code` **bold**\n# head'
VOID = {"meta", "link", "img"}


class Page(HTMLParser):
    """Which elements and attributes a page has, and whether they are closed in order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.open: list[str] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append(data)

    def harmless(self) -> bool:
        """Nothing that the content security policy has to stop."""
        for tag, attributes in self.elements:
            if tag in ("script", "style", "iframe", "form") or "style" in attributes:
                return False
            if any(name.startswith("on") for name in attributes):
                return False
            places = [attributes.get("href"), attributes.get("src")]
            if not all(place is None or place.startswith("/") for place in places):
                return False
        return True


@pytest.fixture
def trained(held: Services, settings: Settings) -> Model:
    """A model with all that there can be: its job, curves, data set and evaluation."""
    made = put_model(settings, evaluations=0)
    metadata = {"intended_use": f"Avatars. {EVIL}", "limits": "Ten minutes only."}
    job = held.jobs.create(JobKind.TRAIN, {"dataset": "ds-1"}, metadata=metadata)[0]
    rows = [{"step": step, "loss_g": 1 / step, "loss_d": 0.5} for step in range(1, 1000)]
    text = "".join(json.dumps(row) + "\n" for row in rows)
    (settings.folders.job(job.id) / "metrics.jsonl").write_text(text)
    folder = settings.folders.dataset("ds-1")
    folder.mkdir()
    record: dict[str, Any] = {"id": "ds-1", "name": EVIL, "created_at": "2026-01-01T00:00:00Z"}
    write_json(folder / "dataset.json", record | {"images": 10, "labels": {EVIL: 5, "dog": 5}})
    (folder / "preview.png").write_bytes(PNG)
    rename(held, made, job)
    put_evaluation(settings, made, "job-e", classes={EVIL: {"n": 5, "gan_test": 0.5}})
    return held.models.get("cats", 1)


def rename(held: Services, model: Model, job: Job) -> None:
    """Let the version be the work of this job."""
    path = held.models.folder(model) / "card.json"
    card = json.loads(path.read_text())
    write_json(path, card | {"job": job.id, "lineage": {"init_from": {"name": EVIL}}})


def test_card_has_all_parts_and_nobody_elses_markup(api: httpx.Client, trained: Model) -> None:
    answer = api.get(CARD, headers=HTML)
    assert answer.headers["Content-Type"].startswith("text/html")
    assert "default-src 'self'" in answer.headers["Content-Security-Policy"]
    page = Page(answer.text)
    assert page.harmless()
    titles = re.findall(r"<h[12]>([^<]*)</h", answer.text)
    assert titles == [
        "cats, version 1",
        "How good it is",
        "Memorisation",
        "Training",
        "Data",
        "Lineage",
        "Options",
        "Intended use",
        "Limits",
        "How to use it",
    ]
    words = " ".join(page.texts)
    for part in (
        "0.02 ± 0.001",
        "weights not found",
        "Avatars. <img",
        "Ten minutes only.",
        "loss_g",
    ):
        assert part in words, part
    images = [attributes["src"] for tag, attributes in page.elements if tag == "img"]
    assert images == [
        "/v1/models/cats/versions/1/samples.png",
        "/v1/models/cats/versions/1/evaluations/job-e/nearest.png",
        "/v1/datasets/ds-1/preview.png",
    ]
    for address in images:
        assert api.get(str(address)).status_code == 200, address
    assert sum(tag == "svg" for tag, _ in page.elements) == 2


def test_card_is_markdown_for_those_who_do_not_ask_for_a_page(
    api: httpx.Client, trained: Model
) -> None:
    answer = api.get(CARD)
    assert answer.headers["Content-Type"].startswith("text/markdown")
    assert answer.text == api.get(f"{CARD}.md").text
    assert api.get(f"{CARD}.html").text == api.get(CARD, headers=HTML).text
    assert "<img" not in re.sub(r"\\<", "", answer.text)
    assert "](javascript" not in re.sub(r"\\\]", "", answer.text)
    assert "\n# head" not in answer.text
    assert f"curl -o image.png '{api.base_url}/v1/generate?model=cats@1&seed=42'" in answer.text
    assert api.get(f"{CARD}.json").json() == api.get(CARD.removesuffix("/card")).json()
    assert api.get(f"{CARD}.pdf").status_code == 422


def test_card_is_sent_once_while_nothing_changes(
    api: httpx.Client, settings: Settings, trained: Model
) -> None:
    first = api.get(CARD, headers=HTML)
    tag = {"If-None-Match": first.headers["ETag"]}
    assert api.get(CARD, headers=HTML | tag).status_code == 304
    assert first.headers["Vary"] == "Accept"
    put_evaluation(settings, trained, "job-new", created_at="2026-02-01T00:00:00+00:00")
    assert api.get(CARD, headers=HTML | tag).status_code == 200


def test_bare_model_has_a_card_that_says_what_is_missing(
    api: httpx.Client, settings: Settings
) -> None:
    put_model(settings, evaluations=0)
    text = api.get(CARD).text
    for part in ("Not evaluated yet", "Not examined", "not kept here", "not here (any more)"):
        assert part in text
    assert "Nobody has said what this model is meant for." in text
    assert api.get("/v1/models/cats/versions/2/card").status_code == 404


def test_card_of_an_imported_model_survives_whatever_it_says(
    api: httpx.Client, settings: Settings
) -> None:
    files = contents(archive(settings, put_model(settings)))
    card = {
        "dataset": {"id": {"a": 1}, "name": [EVIL], "images": EVIL},
        "metrics": {EVIL: EVIL},
        "resolved": {"options": IDENTITY["options"], "recipe": EVIL, "budget": {EVIL: [EVIL]}},
        "selected": {"from": [1]},
        "lineage": {"metadata": {"intended_use": {"a": EVIL}}, "init_from": EVIL, "job": "job-1"},
        "reproducibility": EVIL,
    }
    result = json.loads(files["evaluations/job-e0/evaluation.json"])
    result["metrics"] = {EVIL: 1.5, "kd": "x", "kd_sd": [], "a": None, "a_reason": {EVIL: EVIL}}
    result |= {"classes": {EVIL: EVIL, "b": {EVIL: EVIL}}, "dataset": {"name": {EVIL: 1}}}
    files |= {
        "card.json": json.dumps(card).encode(),
        "evaluations/job-e0/evaluation.json": json.dumps(result).encode(),
    }
    sent = api.post(
        "/v1/models?name=evil",
        content=repacked(files),
        headers={"Content-Type": "application/zip"},
    )
    assert sent.status_code == 201
    for form in ("html", "md"):
        answer = api.get(f"/v1/models/evil/versions/1/card.{form}")
        assert answer.status_code == 200
        if form == "html":
            assert Page(answer.text).harmless()


def test_style_is_ours_and_kept_for_long(api: httpx.Client, trained: Model) -> None:
    page = Page(api.get(CARD, headers=HTML).text)
    (sheet,) = [attributes["href"] for tag, attributes in page.elements if tag == "link"]
    answer = api.get(str(sheet))
    assert answer.headers["Content-Type"].startswith("text/css")
    assert "immutable" in answer.headers["Cache-Control"]
    assert "url(" not in answer.text and "@import" not in answer.text


def test_figures_come_with_their_floor_and_what_was_not_computed_says_why() -> None:
    metrics = {"n_fake": 50, "kd": 0.02, "kd_sd": 0.001, "kd_floor": 0.005, "space": "rand64-v1"}
    metrics |= {"fid": None, "fid_reason": "weights not found", "classifier_floor": 0.9}
    rows = {row[0]: row[1:] for row in figures(metrics | {"gan_test": 0.5})}
    assert set(rows) == {"kd", "fid", "gan_test"}
    assert rows["kd"][:2] == ("0.02 ± 0.001", "0.005")
    assert rows["kd"][2].endswith("Lower is better.")
    assert rows["fid"] == ("–", "–", "Not computed: weights not found")
    assert rows["gan_test"][1] == "0.9"


def test_curve_spans_its_plot_from_the_lowest_to_the_highest_value() -> None:
    series = thin([(step, {"loss": float(step % 3)}) for step in range(10)], None, 5)
    drawn = chart("loss", series.steps, series.series["loss"])
    (points,) = re.findall(r'polygon class="band" points="([^"]*)"', drawn)
    heights = [float(point.split(",")[1]) for point in points.split()]
    assert (min(heights), max(heights)) == (26.0, 128.0)
    flat = chart("x", [1, 2], thin([(1, {"x": 1.0}), (2, {"x": 1.0})], None, 5).series["x"])
    assert "nan" not in flat


def test_blocks_are_escaped_in_both_languages() -> None:
    blocks = [
        Heading(text=EVIL),
        Text(words=[EVIL, Link(text=EVIL, href="/a")]),
        Table(head=(EVIL, "b"), rows=[(EVIL, Link(text=EVIL, href="/b"))]),
        Code(text="a < b && c"),
    ]
    assert Page(as_html(EVIL, "/s.css", blocks)).harmless()
    text = as_markdown(blocks)
    table = [line for line in text.splitlines() if line.startswith("| ")]
    assert [len(re.findall(r"(?<!\\)\|", line)) for line in table] == [3, 3, 3]
    assert as_markdown([Text(words=["# no head"])]) == "\\# no head\n"
    assert as_markdown([Text(words=["1. no list"])]) == "1\\. no list\n"
