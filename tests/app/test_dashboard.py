"""The dashboard's built files at /, what stands there without them, and that it knows the API."""

import gzip
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from app import dashboard
from app.guard import Guard
from app.main import create_app
from core.settings import Settings
from tests.app.serving import client_of

SOURCE = Path(__file__).parents[2] / "dashboard" / "src"
TYPES = (SOURCE / "api" / "types.ts").read_text()
OURS = {"JobEvent", "ProblemRecord"}  # looser here than there


@pytest.fixture
def built(tmp_path: Path) -> Path:
    """A folder as the build leaves it."""
    folder = tmp_path / "page"
    (folder / "assets").mkdir(parents=True)
    (folder / "index.html").write_text("<!doctype html><title>Ganvas</title>")
    (folder / "assets" / "index-AbC_1.js").write_text("0;" * 1000)
    (folder / "assets" / "secret.txt").write_text("no")
    return folder


@pytest.fixture
def pages(built: Path) -> Iterator[httpx.Client]:
    app = FastAPI()
    app.include_router(dashboard.router_of(built))
    app.add_middleware(Guard, hosts=["127.0.0.1"])
    with client_of(app) as client:
        yield client


def test_page_runs_nothing_but_our_own_files(pages: httpx.Client) -> None:
    answer = pages.get("/")
    assert (answer.status_code, answer.headers["cache-control"]) == (200, "no-cache")
    policy = answer.headers["content-security-policy"]
    assert policy.startswith("default-src 'self';") and "unsafe" not in policy


def test_assets_are_kept_for_ever_and_sent_compressed(pages: httpx.Client, built: Path) -> None:
    with pages.stream("GET", "/assets/index-AbC_1.js") as answer:
        raw = b"".join(answer.iter_raw())
    assert (answer.headers["content-type"][:15], answer.headers["content-encoding"]) == (
        "text/javascript",
        "gzip",
    )
    assert gzip.decompress(raw) == (built / "assets" / "index-AbC_1.js").read_bytes()
    assert "immutable" in answer.headers["cache-control"]
    plain = pages.get("/assets/index-AbC_1.js", headers={"accept-encoding": "identity"})
    assert "content-encoding" not in plain.headers and len(plain.content) == 2000


@pytest.mark.parametrize(
    "path",
    ["/assets/secret.txt", "/assets/..%2Findex.html", "/assets/../../x.js", "/assets/none.js"],
)
def test_nothing_else_is_sent(api: httpx.Client, path: str) -> None:
    assert api.get(path).status_code in (404, 422)


def test_without_the_built_files_the_page_says_what_to_do(tmp_path: Path) -> None:
    app = FastAPI()
    app.include_router(dashboard.router_of(tmp_path))
    with client_of(app) as client:
        answer = client.get("/")
    assert answer.status_code == 503 and "make setup" in answer.text and "/docs" in answer.text


@pytest.mark.skipif(not dashboard.FOLDER.exists(), reason="the dashboard is not built")
def test_whole_page_is_small() -> None:
    files = [path for path in dashboard.FOLDER.rglob("*") if path.is_file()]
    assert 10_000 < sum(len(gzip.compress(path.read_bytes())) for path in files) < 150_000


def test_unknown_paths_are_problems_for_browsers_too(api: httpx.Client) -> None:
    answer = api.get("/v1/nothing", headers={"accept": "text/html"})
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"


def interfaces() -> dict[str, set[str]]:
    """The fields of each record that types.ts describes."""
    found: dict[str, set[str]] = {}
    pattern = r"export interface (\w+)(?:<T>)?(?: extends (\w+))? \{\n(.*?)\n\}"
    for name, base, body in re.findall(pattern, TYPES, re.S):
        found[name] = set(re.findall(r"^  (\w+)\??:", body, re.M)) | found.get(base, set())
    return found


def test_types_of_the_dashboard_are_those_of_the_api(settings: Settings) -> None:
    schemas: dict[str, Any] = create_app(settings).openapi()["components"]["schemas"]
    known = interfaces()
    assert len(known) > 10
    for name, fields in known.items():
        if name in OURS:
            continue
        schema = schemas.get(name) or next(
            found for key, found in schemas.items() if key.startswith(f"{name}_")
        )
        assert fields - set(schema["properties"]) == set(), name


def test_dashboard_asks_only_for_addresses_that_the_api_has(settings: Settings) -> None:
    paths = create_app(settings).openapi()["paths"]
    known = [re.sub(r"\\\{\w+\\\}", "[^/]+", re.escape(path)) for path in paths]
    text = "\n".join(path.read_text() for path in SOURCE.rglob("*.ts*"))
    asked = {
        re.sub(r"\$?\{[^}]*\}", "X", address).partition("?")[0].rstrip("/")
        for address in re.findall(r"[\"'`](/v1/[^\"'`\s]*)", text)
    }
    unknown = [path for path in asked if not any(re.fullmatch(pattern, path) for pattern in known)]
    assert sorted(set(unknown)) == []
