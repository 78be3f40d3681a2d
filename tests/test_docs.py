"""The documentation against the code: what it names exists, and what exists is named."""

import re
from pathlib import Path

import pytest

from app.errors import STATUSES
from app.main import create_app
from core.settings import Settings

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
RELIABILITY = (ROOT / "docs" / "reliability.md").read_text()
REFERENCE = (ROOT / "docs" / "reference.md").read_text()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    targets = re.findall(r"\]\(([^)#\s]+)[^)]*\)", page.read_text())
    missing = [t for t in targets if "://" not in t and not (page.parent / t).exists()]
    assert missing == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_files_that_are_named_exist(page: Path) -> None:
    pattern = r"`((?:app|core|ganvas|models|worker|tests|bench)/[\w/]+\.\w+)`"
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


def test_every_error_code_is_documented_with_its_status() -> None:
    for code, status in STATUSES.items():
        assert re.search(rf"^\| {status} \|.*`{code}`", REFERENCE, re.M), (status, code)


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
