"""Every page by the rules of WCAG 2 AA that axe-core can see, in light and in dark."""

from collections.abc import Callable
from pathlib import Path
from typing import Literal

import pytest
from playwright.sync_api import Page, expect

from tests.service.conftest import TINY, Service

pytestmark = pytest.mark.service
AXE = Path(__file__).parents[2] / "dashboard" / "node_modules" / "axe-core" / "axe.min.js"
RULES = {"runOnly": {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21aa"]}}
SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")
PLACES = ("", "jobs", "train", "play", "gallery", "models", "models/seen", "data")


@pytest.fixture(scope="module")
def places(service: Service, shapes: bytes) -> list[str]:
    """Addresses with something on every page."""
    headers = {"content-type": "application/zip"}
    dataset = service.client.post("/v1/datasets?name=seen", content=shapes, headers=headers).json()
    body = {"dataset": dataset["id"], "name": "seen", "budget": {"steps": 10}, "options": TINY}
    jobs = [service.train(**body), service.train(**body | {"seed": 1})]
    for job in jobs:
        assert service.finished(job)["state"] == "succeeded"
    data = f"data/{dataset['id']}"
    chosen = f"train?dataset={dataset['id']}"
    return [*PLACES, f"jobs/{jobs[0]}", f"compare?jobs={','.join(jobs)}", data, chosen]


@pytest.mark.skipif(not AXE.exists(), reason="`python dashboard/run.py test` fetches axe-core")
def test_pages_can_be_used_by_everybody(
    page: Page, places: list[str], settled: Callable[[], None]
) -> None:
    found: list[str] = []
    for place in places:
        page.goto(f"/#/{place}")
        page.reload()
        expect(page.locator("h1")).to_be_visible()
        expect(page.get_by_text("Reading ")).to_have_count(0)
        settled()
        page.evaluate(AXE.read_text())
        for colours in SCHEMES:
            page.emulate_media(color_scheme=colours)
            result = page.evaluate("rules => axe.run(document, rules)", RULES)
            found += [
                f"{place} {colours}: {broken['id']}: {node['html'][:120]}"
                for broken in result["violations"]
                for node in broken["nodes"]
            ]
    assert found == []
