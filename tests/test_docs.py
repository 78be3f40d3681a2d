"""The documentation against the code: what it names exists, and what exists is named."""

import re
from dataclasses import fields
from pathlib import Path

import pytest

from app.errors import STATUSES
from app.main import create_app
from core.settings import Settings
from worker.catalogue import build_catalogue
from worker.gauge import Figures

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
RELIABILITY = (ROOT / "docs" / "reliability.md").read_text()
REFERENCE = (ROOT / "docs" / "reference.md").read_text()
EVALUATION = (ROOT / "docs" / "evaluation.md").read_text()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    targets = re.findall(r"\]\(([^)#\s]+)[^)]*\)", page.read_text())
    missing = [t for t in targets if "://" not in t and not (page.parent / t).exists()]
    assert missing == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_files_that_are_named_exist(page: Path) -> None:
    pattern = r"`((?:app|core|ganvas|models|worker|tests|bench|dashboard)/[\w/]+\.\w+)`"
    missing = [name for name in re.findall(pattern, page.read_text()) if not (ROOT / name).exists()]
    assert missing == []


def test_tests_of_the_fault_table_exist() -> None:
    rows = re.findall(r"^\| [WRDH]\d+.*$", RELIABILITY, re.M)
    unproven = [row.split("|")[1] for row in rows if "::test_" not in row]
    assert unproven == [" W16 "]  # by construction
    named = re.findall(r"`(tests/[\w/]+\.py)::(test_\w+)`", RELIABILITY)
    missing = [f"{f}::{name}" for f, name in named if f"def {name}(" not in (ROOT / f).read_text()]
    assert missing == []


def test_every_setting_is_documented() -> None:
    names = {f"GANVAS_{field.upper()}" for field in Settings.model_fields} - {"GANVAS_REDIS_URL"}
    assert set(re.findall(r"^\| `(GANVAS_\w+)`", REFERENCE, re.M)) == names
    assert "| `REDIS_URL` |" in REFERENCE


def test_every_route_is_documented(settings: Settings) -> None:
    paths = create_app(settings).openapi()["paths"]
    routes = {f"{method.upper()} {path}" for path, item in paths.items() for method in item}
    documented = set(re.findall(r"^\| `((?:GET|POST|PUT|PATCH|DELETE) [^`]+)`", REFERENCE, re.M))
    assert documented == routes


WITHOUT_KEY = {  # twice is the same as once, and why
    **dict.fromkeys(("cancel", "pause", "resume", "checkpoint", "sample"), "a word to a job"),
    "rollback": "guarded by If-Match",
    "publish": "equal weights are one version",
    "models": "an archive is known by its content",
    "inspect": "nothing is made",
    "generations": "equal requests, and equal prompts, give equal bytes",
}


def test_every_post_takes_an_idempotency_key(settings: Settings) -> None:
    posts = {
        path: {parameter["name"] for parameter in item["post"].get("parameters", ())}
        for path, item in create_app(settings).openapi()["paths"].items()
        if "post" in item
    }
    without = {
        path.rpartition("/")[2] for path, names in posts.items() if "Idempotency-Key" not in names
    }
    assert without == set(WITHOUT_KEY)


def test_every_error_code_is_documented_with_its_status() -> None:
    for code, status in STATUSES.items():
        assert re.search(rf"^\| {status} \|.*`{code}`", REFERENCE, re.M), (status, code)


def explained(text: str) -> dict[str, list[str]]:
    """The rows of tables that explain figures: what each is, what is good, what it cannot tell."""
    rows = re.findall(r"^\| `(\w+)` \|(.*)\|$", text, re.M)
    cells = {name: [cell.strip() for cell in row.split("|")] for name, row in rows}
    return {name: row for name, row in cells.items() if len(row) == 3}


def test_every_figure_is_explained_in_two_sentences_with_what_is_good_and_what_is_not_told() -> (
    None
):
    whole, light = EVALUATION.split("## While it trains")
    measured = dict.fromkeys((field.name for field in fields(Figures)), 1)
    of_training = Figures(**measured).values()
    light, _, after = light.partition("\n## ")
    for names, text in (
        ([*build_catalogue()["metrics"], "classifier_floor"], whole + after),
        ([name for name in of_training if not name.endswith("_sd")], light),
    ):
        known = explained(text)
        assert [name for name in names if name not in known] == []
        for name, (what, good, not_told) in known.items():
            assert len(re.findall(r"[.?](?= |$)", what)) >= 2, name
            assert min(map(len, (good, not_told))) > 5, name
            assert "the same" not in (good, not_told), name
    assert all(f"`{name}`" in light for name in of_training)


def test_readme_shows_the_two_commands() -> None:
    readme = (ROOT / "README.md").read_text()
    assert "make demo" in readme and "make test" in readme


def test_the_page_on_training_names_all_that_there_is_to_choose() -> None:
    from models.registry import architectures
    from worker.augment import operations
    from worker.losses import losses
    from worker.penalties import penalties
    from worker.recipes import PRESETS

    page = (ROOT / "docs" / "training.md").read_text()
    for table in (architectures(), losses(), penalties(), operations(), PRESETS):
        assert [name for name in table if f"`{name}`" not in page] == []


def test_the_page_on_training_explains_every_alarm() -> None:
    page = (ROOT / "docs" / "training.md").read_text()
    pattern = r"kind=\"(\w+)\"|_once\(\s*\"(\w+)\"|Finding\(kind=\"(\w+)\""
    text = "".join(path.read_text() for path in (ROOT / "worker").glob("*.py"))
    kinds = {name for found in re.findall(pattern, text) for name in found if name}
    assert len(kinds) > 10 and [name for name in kinds if f"`{name}`" not in page] == []
