"""What the page asks for when nobody looks, when nobody answers, and when somebody is back."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, Route, expect

from tests.browser.conftest import turn
from tests.service.conftest import Service

pytestmark = pytest.mark.service
MINUTE_MS = 60_000


def heard(page: Page, word: str = "") -> list[str]:
    """The addresses with this word in them, as the page asks for them from now on."""
    found: list[str] = []
    page.on("request", lambda one: found.append(one.url) if word in one.url else None)
    return found


@pytest.mark.parametrize("place", ["", "jobs", "jobs/{job}", "compare?jobs={job},{job}"])
def test_a_tab_that_nobody_sees_asks_for_nothing(
    page: Page, training: str, place: str, settled: Callable[[], None]
) -> None:
    page.clock.install()
    page.goto("/#/" + place.format(job=training))
    expect(
        page.get_by_role("link", name="live").or_(page.get_by_text("live")).first
    ).to_be_visible()
    if place.startswith("jobs/"):
        page.get_by_text("Log", exact=True).click()
    turn(page, hidden=True)
    settled()
    asked = heard(page)
    page.clock.run_for(MINUTE_MS)
    settled()
    assert asked == []


def test_a_job_opened_behind_takes_no_stream_until_it_is_seen(
    page: Page, training: str, settled: Callable[[], None]
) -> None:
    page.add_init_script(
        "Object.defineProperty(document, 'hidden', {value: true, configurable: true})"
    )
    streams = heard(page, "/events")
    page.goto(f"/#/jobs/{training}")
    settled()
    assert streams == []
    turn(page, hidden=False)
    expect(page.get_by_role("heading", name="live")).to_be_visible()
    assert len(streams) == 1


def test_a_search_that_fails_is_not_sent_again_and_again(
    page: Page, service: Service, training: str, settled: Callable[[], None]
) -> None:
    job = service.client.get(f"/v1/jobs/{training}").json()
    further: list[str] = []

    def answer(route: Route) -> None:
        if "after=" not in route.request.url:
            route.fulfill(json={"data": [job], "has_more": True, "last_id": training})
            return
        further.append(route.request.url)
        route.abort()

    page.route("**/v1/jobs?*", answer)
    page.goto("/#/jobs")
    expect(page.get_by_role("link", name="live", exact=True)).to_be_visible()
    settled()
    assert 1 <= len(further) < 5


def test_a_record_that_was_away_is_read_when_it_is_back(page: Page, training: str) -> None:
    page.route("**/v1/**", lambda route: route.abort())
    page.goto(f"/#/jobs/{training}")
    expect(page.get_by_text("The service does not answer")).to_be_visible()
    page.unroute_all()
    expect(page.get_by_role("slider", name="Moment of the training")).to_be_visible()


def test_an_error_belongs_to_the_address_that_had_it(page: Page, training: str) -> None:
    page.goto("/#/play?model=nosuch")
    expect(page.get_by_text("There is no such model")).to_be_visible()
    page.goto(f"/#/play?model=job:{training}")
    expect(page.get_by_role("heading", name="Playground")).to_be_visible()
