"""The page and a service that comes and goes; names that want to be code."""

import re
from typing import Any

import psutil
import pytest
from playwright.sync_api import Page, expect

from tests.service.conftest import TINY, Service, archive, picture
from tests.waiting import wait_for

pytestmark = pytest.mark.service
HOSTILE = "<img src=x onerror=\"document.title='owned'\">"


@pytest.fixture(scope="module")
def training(service: Service, shapes: bytes) -> Any:
    """A training that goes on until these tests have ended."""
    headers = {"content-type": "application/zip"}
    dataset = service.client.post("/v1/datasets?name=live", content=shapes, headers=headers).json()
    body = {"dataset": dataset["id"], "name": "live", "budget": {"minutes": 30}, "options": TINY}
    job = service.train(**body)
    yield job
    service.client.post(f"/v1/jobs/{job}/cancel")
    service.finished(job)


def step(page: Page) -> int:
    """The step that the page shows."""
    told = page.locator("dt", has_text=re.compile("^Step$")).locator("+ dd").inner_text()
    return int(re.sub(r"\D", "", told) or 0)


def goes_on(page: Page, beyond: int) -> int:
    found = wait_for(lambda: now if (now := step(page)) > beyond else 0, "the next step", 60)
    assert found is not None
    return found


def test_page_follows_and_goes_on_when_the_api_was_killed(
    page: Page, service: Service, training: str
) -> None:
    page.goto(f"/#/jobs/{training}")
    seen = goes_on(page, 0)
    (api,) = [
        child
        for child in psutil.Process(service.process.pid).children(recursive=True)
        if "app.main" in child.cmdline()
    ]
    api.kill()
    goes_on(page, seen + 5)
    expect(page.get_by_text("The service does not answer")).to_have_count(0)


def test_banner_tells_that_the_service_is_away(page: Page, training: str) -> None:
    page.goto("/#/jobs")
    expect(page.get_by_role("link", name="live").first).to_be_visible()
    page.context.set_offline(True)
    expect(page.get_by_text("The service does not answer")).to_be_visible()
    expect(page.get_by_role("link", name="live").first).to_be_visible()
    page.context.set_offline(False)
    expect(page.get_by_text("The service does not answer")).to_have_count(0)


def test_job_is_polled_where_streams_are_blocked(page: Page, training: str) -> None:
    def only_json(route: Any) -> None:
        stream = "text/event-stream" in route.request.headers.get("accept", "")
        route.abort() if stream else route.continue_()

    page.route("**/events*", only_json)
    page.goto(f"/#/jobs/{training}")
    expect(page.get_by_text("asked every 2 s")).to_be_visible()
    goes_on(page, goes_on(page, 0))
    slider = page.get_by_label("Moment of the training")
    shown = int(slider.get_attribute("max") or 0)
    page.get_by_role("button", name="Sample now").click()
    wait_for(lambda: int(slider.get_attribute("max") or 0) > shown, "another sample", 60)


def test_a_training_is_paused_and_goes_on_by_its_buttons(
    page: Page, service: Service, training: str
) -> None:
    page.goto(f"/#/jobs/{training}")
    goes_on(page, 0)
    page.get_by_role("button", name="Checkpoint now").click()
    expect(page.get_by_role("link", name="Try it").first).to_be_visible()
    page.get_by_role("button", name="Pause").click()
    expect(page.get_by_text("paused", exact=True)).to_be_visible()
    page.get_by_label("Earlier").click()
    expect(page.get_by_label("Priority")).to_have_text("1")
    assert service.client.get(f"/v1/jobs/{training}").json()["priority"] == 1
    page.get_by_role("button", name="Resume").click()
    goes_on(page, step(page))


def test_a_checkpoint_is_published_while_the_training_goes_on(
    page: Page, service: Service, training: str
) -> None:
    page.goto(f"/#/jobs/{training}")
    goes_on(page, 0)
    page.get_by_role("button", name="Checkpoint now").click()
    page.get_by_role("button", name="Publish").first.click()
    expect(page.get_by_text(re.compile(r"^Step [\d,]+ is live, version 1\.$"))).to_be_visible()
    page.get_by_role("link", name="live, version 1").click()
    expect(page.get_by_role("heading", name="live")).to_be_visible()
    lineage = service.client.get("/v1/models/live/versions/1").json()["lineage"]
    assert lineage["job"] == training and lineage["checkpoint"] > 0
    page.goto(f"/#/jobs/{training}")
    goes_on(page, step(page))


def test_images_tell_their_labels_and_options_who_chose_them(page: Page, training: str) -> None:
    page.goto(f"/#/jobs/{training}")
    page.get_by_alt_text(re.compile("seeds 0 to 63")).hover(position={"x": 3, "y": 3})
    expect(page.get_by_text("Seed 0, disc", exact=True)).to_be_visible()
    table = page.get_by_role("table", name="Options that differ")
    expect(table.get_by_role("row", name=re.compile("^width 8 .*asked for"))).to_be_visible()
    expect(table.get_by_role("row", name=re.compile("^lecam 0.1 .*preset"))).to_be_visible()
    expect(table.get_by_role("row", name=re.compile("^gamma 2 .*automatic"))).to_be_visible()


def test_the_service_searches_its_jobs(page: Page, training: str) -> None:
    page.goto("/#/jobs")
    link, words = page.get_by_role("link", name="live", exact=True), page.get_by_label("Search")
    expect(link.first).to_be_visible()
    words.fill("live nothing")
    expect(page.get_by_text("No job is like that")).to_be_visible()
    words.fill(training.upper())
    expect(link).to_have_count(1)
    expect(page.get_by_text("1 job", exact=True)).to_be_visible()


def test_hostile_names_are_shown_and_not_run(page: Page, service: Service) -> None:
    files = {f"{HOSTILE.replace('/', '')}/{i}.png": picture("disc", i) for i in range(4)}
    files |= {f"plain/{i}.png": picture("square", i) for i in range(4)}
    headers = {"content-type": "application/zip"}
    answer = service.client.post(
        "/v1/datasets", params={"name": HOSTILE}, content=archive(files), headers=headers
    )
    dataset = answer.json()["id"]
    for address in ("/#/data", f"/#/data/{dataset}", f"/#/train?dataset={dataset}", "/#/jobs"):
        page.goto(address)
        expect(page.get_by_text("onerror").first).to_be_visible()
        assert "owned" not in page.title()
    assert page.evaluate("document.querySelectorAll('img[src=x]').length") == 0


def test_page_is_there_in_a_second_and_fits_a_telephone(page: Page) -> None:
    page.goto("/")
    expect(page.get_by_role("heading", name="Overview")).to_be_visible()
    painted = page.evaluate("performance.getEntriesByName('first-contentful-paint')[0].startTime")
    assert painted < 5000  # a tenth of it where nothing else runs
    page.set_viewport_size({"width": 390, "height": 844})
    for place in ("", "jobs", "train", "play", "gallery", "models", "data", "compare"):
        page.goto(f"/#/{place}")
        expect(page.get_by_role("navigation")).to_be_visible()
        page.wait_for_timeout(200)
        assert page.evaluate("document.documentElement.scrollWidth") <= 390, place
