"""The page and a service that comes and goes; names that want to be code."""

import re
from collections.abc import Callable
from typing import Any

import httpx
import psutil
import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import turn
from tests.service.conftest import Service, archive, picture
from tests.waiting import wait_for

pytestmark = pytest.mark.service
HOSTILE = "<img src=x onerror=\"document.title='owned'\">"


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
    process(service, "app.main").kill()
    goes_on(page, seen + 5)
    expect(page.get_by_text("The service does not answer")).to_have_count(0)


def process(service: Service, word: str) -> psutil.Process:
    """The one that has this word in its command."""
    children = psutil.Process(service.process.pid).children(recursive=True)
    (found,) = [child for child in children if word in child.cmdline()]
    return found


def open_streams(service: Service) -> float:
    """As GET /metrics counts them; -1 while nobody answers."""
    try:
        text = service.client.get("/metrics").text
    except httpx.TransportError:
        return -1
    return sum(map(float, re.findall(r'open_streams{kind="events"} (.*)', text)))


def mark(page: Page) -> None:
    """Something that a reload would forget."""
    page.evaluate("window.marked = true")


def assert_not_reloaded(page: Page) -> None:
    assert page.evaluate("window.marked") is True


def started_elsewhere(service: Service, training: str, name: str) -> str:
    """A job of another client, which waits behind the one that runs."""
    job = service.client.get(f"/v1/jobs/{training}").json()
    return service.train(dataset=job["input"]["dataset_id"], name=name, budget={"minutes": 1})


@pytest.mark.parametrize("address", ["/#/", "/#/jobs"])
def test_jobs_of_others_appear_and_change_by_themselves_also_after_the_api_was_killed(
    page: Page, service: Service, training: str, address: str, settled: Callable[[], None]
) -> None:
    record = f"/v1/jobs/{training}"
    wait_for(lambda: service.client.get(record).json()["state"] == "running", "its begin", 60)
    page.goto(address)
    expect(page.get_by_role("link", name="live").first).to_be_visible()
    mark(page)
    settled()  # when the stream begins, what was read before is read again
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    told = page.get_by_role("progressbar").first.locator("..")
    seen: set[str] = set()
    wait_for(lambda: seen.add(told.inner_text()) or len(seen) > 4, "progress", 60)
    assert [url for url in asked if "/v1/jobs?" in url] == []  # nothing has changed but progress
    names = [f"{name}-{len(address)}" for name in ("elsewhere", "later")]
    jobs = [started_elsewhere(service, training, names[0])]
    expect(page.get_by_role("link", name=names[0]).first).to_be_visible()
    process(service, "app.main").kill()
    wait_for(lambda: open_streams(service) == 1, "the stream to be back", 60)
    jobs.append(started_elsewhere(service, training, names[1]))
    expect(page.get_by_role("link", name=names[1]).first).to_be_visible()
    before = page.get_by_text("cancelled", exact=True).count()
    for job in jobs:
        service.client.post(f"/v1/jobs/{job}/cancel")
    expect(page.get_by_text("cancelled", exact=True)).to_have_count(before + 2)
    assert_not_reloaded(page)


def test_one_stream_serves_all_pages_and_none_a_hidden_tab(
    page: Page, service: Service, training: str
) -> None:
    page.clock.install()
    page.goto("/#/")
    expect(page.get_by_role("region", name="Training of live")).to_be_visible()
    wait_for(lambda: open_streams(service) == 1, "one stream", 20)
    page.get_by_role("link", name="Jobs", exact=True).click()
    expect(page.get_by_role("table", name="Jobs")).to_be_visible()
    page.clock.run_for(5_000)  # an older one would have been closed by now
    assert open_streams(service) == 1
    turn(page, hidden=True)
    wait_for(lambda: open_streams(service) == 0, "no stream", 20)
    job = started_elsewhere(service, training, "unseen")
    turn(page, hidden=False)
    expect(page.get_by_role("link", name="unseen").first).to_be_visible()
    service.client.post(f"/v1/jobs/{job}/cancel")


def test_lists_are_polled_where_streams_are_blocked(
    page: Page, service: Service, training: str
) -> None:
    page.route("**/v1/events*", lambda route: route.abort())
    page.goto("/#/jobs")
    expect(page.get_by_role("link", name="live").first).to_be_visible()
    mark(page)
    job = started_elsewhere(service, training, "polled")
    expect(page.get_by_role("link", name="polled").first).to_be_visible()
    service.client.post(f"/v1/jobs/{job}/cancel")
    assert_not_reloaded(page)


def test_workers_are_shown_with_their_work_and_when_they_have_gone(
    page: Page, service: Service, training: str
) -> None:
    page.goto("/#/")
    workers = page.get_by_role("region", name="Workers, one a row")
    expect(workers.get_by_role("link", name="live")).to_have_attribute("href", f"#/jobs/{training}")
    expect(workers.get_by_text(re.compile(r"seen \d+ s ago"))).to_have_count(3)
    process(service, "prepare@%h").terminate()
    expect(workers.get_by_text(re.compile("gone .* ago"))).to_have_count(1)
    expect(workers.get_by_text(re.compile(r"seen \d+ s ago"))).to_have_count(3)  # another came


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
