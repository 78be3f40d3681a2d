"""A real browser before the real service: Chromium without a window, driven by Playwright."""

import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import (
    Browser,
    ConsoleMessage,
    Error,
    Page,
    Request,
    expect,
    sync_playwright,
)

from tests.service.conftest import TINY, Service, service, shapes  # noqa: F401 (fixtures)
from tests.waiting import wait_for

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
expect.set_options(timeout=60_000)  # nothing waits so long but on a machine that is busy
REST_SECONDS = 0.5
FLAGS = ["--no-sandbox"]  # tests in containers run as root
EXPECTED = ("Failed to load resource", "net::ERR_")  # of connections that a test cuts


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """The Chromium of the machine, or the one that Playwright has fetched."""
    path = next((found for name in NAMES if (found := shutil.which(name))), None)
    with sync_playwright() as playwright:
        try:
            running = playwright.chromium.launch(executable_path=path, args=FLAGS)
        except Error:
            if path is not None:
                raise
            pytest.skip("there is no Chromium: install it, or run `playwright install chromium`")
        yield running
        running.close()


@pytest.fixture
def page(browser: Browser, service: Service, tmp_path: Path) -> Iterator[Page]:  # noqa: F811
    """An empty tab of our service. What goes wrong on the page fails the test, and how it looked at
    the end is in the test's folder."""
    told: list[str] = []
    context = browser.new_context(base_url=service.url, viewport={"width": 1280, "height": 900})
    context.grant_permissions(["clipboard-read", "clipboard-write"], origin=service.url)
    tab = context.new_page()
    tab.set_default_timeout(60_000)
    tab.on("console", lambda message: _heard(told, message))
    tab.on("pageerror", lambda error: told.append(str(error)))
    yield tab
    tab.screenshot(path=tmp_path / "end.png")
    context.close()
    assert told == []


@pytest.fixture(scope="module")
def training(service: Service, shapes: bytes) -> Any:  # noqa: F811
    """A training that goes on until these tests have ended."""
    headers = {"content-type": "application/zip"}
    dataset = service.client.post("/v1/datasets?name=live", content=shapes, headers=headers).json()
    body = {"dataset": dataset["id"], "name": "live", "budget": {"minutes": 30}, "options": TINY}
    job = service.train(**body)
    yield job
    service.client.post(f"/v1/jobs/{job}/cancel")
    service.finished(job)


@pytest.fixture
def settled(page: Page) -> Callable[[], None]:
    """Waits until the page has asked for nothing for a moment; streams, which never end, aside."""
    busy: set[Request] = set()
    moved = [time.monotonic()]

    def told(request: Request, change: Callable[[Request], None]) -> None:
        if not request.url.endswith("/events"):
            change(request)
            moved[0] = time.monotonic()

    def rests() -> bool:
        page.wait_for_timeout(50)  # lets Playwright tell what has happened
        return not busy and time.monotonic() - moved[0] > REST_SECONDS

    page.on("request", lambda request: told(request, busy.add))
    for name in ("requestfinished", "requestfailed"):
        page.on(name, lambda request: told(request, busy.discard))

    def wait() -> None:
        wait_for(rests, "the page to rest", 60)

    return wait


def turn(page: Page, *, hidden: bool) -> None:
    """As if somebody looked at another tab, or came back."""
    value = str(hidden).lower()
    page.evaluate(
        f"Object.defineProperty(document, 'hidden', {{value: {value}, configurable: true}})"
    )
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")


def _heard(told: list[str], message: ConsoleMessage) -> None:
    if message.type in ("error", "warning") and not message.text.startswith(EXPECTED):
        told.append(message.text)
