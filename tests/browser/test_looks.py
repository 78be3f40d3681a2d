"""What pages have to stand: hostile names, thousands of rows, only keys, a service that hangs."""

import re
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from app.main import create_app
from core.schemas import JobKind
from core.settings import Settings
from tests.app.serving import serve
from tests.service.conftest import TINY, Service, archive, picture
from tests.waiting import wait_for

pytestmark = pytest.mark.service
LONG = "donaudampfschifffahrtsgesellschaftskapitaensmuetzenabzeichen"
NAMES = (f"<img src=x onerror=alert(1)>{LONG}", "صور القطط الصغيرة")
PLACES = ("", "jobs", "train", "play", "gallery", "models", "data", "compare", "nowhere")
MEMORY = Path("/dev/shm")  # thousands of small files are written in a second there
MINUTE_MS = 60_000
MANY = 3000


@pytest.fixture(scope="module")
def places(service: Service) -> list[str]:
    """Every page, with names as long and as odd as they may be."""
    found, jobs = [*PLACES, f"models/{LONG}", "jobs/job-unknown"], []
    for name in NAMES:
        classes = [f"{LONG}{name}".replace("/", "")[:90], "b"]
        files = {f"{c}/{i}.png": picture("disc", i) for c in classes for i in range(6)}
        files["broken/" + "x" * 120 + ".png"] = b"no image"
        answer = service.client.post(
            "/v1/datasets",
            params={"name": name},
            content=archive(files),
            headers={"content-type": "application/zip", "prefer": "wait=60"},
        )
        dataset = answer.json()["id"]
        body = {"dataset": dataset, "name": LONG, "budget": {"steps": 5}, "options": TINY}
        jobs.append(service.train(**body, metadata={"note": name}))
        found += [f"data/{dataset}", f"train?dataset={dataset}"]
    for job in jobs:
        assert service.finished(job)["state"] == "succeeded"
    alias = f"/v1/models/{LONG}/aliases/{'the-one-that-we-showed-' * 2}"
    assert service.client.put(alias, json={"version": 1}).status_code == 201
    return [*found, f"jobs/{jobs[0]}", f"compare?jobs={','.join(jobs)}"]


def test_no_page_is_wider_than_a_telephone(
    page: Page, places: list[str], settled: Callable[[], None]
) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    for place in places:
        page.goto(f"/#/{place}")
        expect(page.locator("main").get_by_role("heading").first).to_be_visible()
        settled()
        assert page.evaluate("document.documentElement.scrollWidth") <= 390, place
    page.get_by_role("button", name=re.compile("Colours")).click()
    expect(page.get_by_role("button", name="Colours: light")).to_be_visible()


def test_images_that_were_scrolled_past_are_not_asked_for(page: Page, places: list[str]) -> None:
    given_up: list[str] = []
    page.on("requestfailed", lambda request: given_up.append(request.url))
    page.goto(f"/#/gallery?model={LONG}")
    expect(page.get_by_label("Seed 9", exact=True)).to_be_visible()
    for _ in range(40):
        page.mouse.wheel(0, 3000)
    wait_for(lambda: len(given_up) > 100, "images that are given up", 60)
    assert page.get_by_role("listitem").count() < 200
    pending = "[...document.images].filter(image => !image.complete).length"
    wait_for(lambda: page.evaluate(pending) == 0, "the images in sight", 60)


def test_forms_and_dialogs_take_the_focus_and_give_it_back(page: Page, places: list[str]) -> None:
    page.goto(f"/#/gallery?model={LONG}")
    page.get_by_label("Seed 3", exact=True).press("Enter")
    expect(page.get_by_role("dialog")).to_be_visible()
    page.keyboard.press("ArrowRight")
    expect(page.get_by_role("heading", name="Seed 4")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_label("Seed 3", exact=True)).to_be_focused()
    page.goto(f"/#/models/{LONG}")
    promote = page.get_by_role("button", name="Promote").first
    promote.press("Enter")
    expect(page.get_by_label("Alias")).to_be_focused()
    page.keyboard.press("Escape")
    expect(promote).to_be_focused()


@pytest.fixture
def many(browser: Browser, redis_url: str) -> Iterator[Page]:
    """The jobs page of an API that knows thousands of jobs, and no worker that takes one."""
    folder = MEMORY if MEMORY.is_dir() else None
    with tempfile.TemporaryDirectory(dir=folder) as home:
        settings = Settings(home=Path(home), redis_url=redis_url, prefix="many")
        settings.folders.create()
        app = create_app(settings)
        with serve(app) as url:
            jobs = app.state.services.jobs
            for place in range(MANY):
                jobs.create(JobKind.TRAIN, {"model": f"model-{place}"}, max_queued=MANY)
            with browser.new_page(viewport={"width": 1280, "height": 900}) as page:
                page.goto(f"{url}/#/jobs")
                yield page


def test_thousands_of_jobs_are_a_few_rows(many: Page) -> None:
    rows, window = many.locator(".job-row"), many.get_by_label("Rows")
    expect(many.get_by_role("link", name=f"model-{MANY - 1}", exact=True)).to_be_visible()

    def scrolled_to_the_first() -> bool:
        window.evaluate("rows => rows.scrollTop = rows.scrollHeight")
        assert rows.count() < 60
        return many.get_by_role("link", name="model-0", exact=True).is_visible()

    wait_for(scrolled_to_the_first, "the oldest job", 120)
    expect(many.get_by_text(f"{MANY:,} jobs")).to_be_visible()
    many.get_by_label("State").select_option("queued")
    expect(rows.first).to_contain_text("model-0")
    expect(rows.first).to_contain_text("next in the queue")


def test_an_unknown_job_offers_the_list_and_is_not_asked_for_again(
    page: Page, settled: Callable[[], None]
) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.clock.install()
    page.goto("/#/jobs/job-unknown")
    expect(page.get_by_role("heading", name="There is no such job")).to_be_visible()
    page.clock.run_for(MINUTE_MS)
    settled()
    assert len([url for url in asked if "job-unknown/events" in url]) <= 1
    page.get_by_role("link", name="To the list").click()
    expect(page.get_by_role("heading", name="Jobs")).to_be_visible()


def test_banner_tells_that_the_service_hangs(page: Page) -> None:
    held: list[Route] = []
    page.goto("/")
    expect(page.get_by_role("heading", name="Workers")).to_be_visible()
    page.route("**/*", lambda route: held.append(route))
    expect(page.get_by_role("alert")).to_contain_text("The service does not answer")
    page.unroute("**/*")
    expect(page.get_by_role("alert")).to_have_count(0)
