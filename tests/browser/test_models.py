"""The page of a model: origin, memory, aliases there and back, export and import, deletion."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.service.conftest import TINY, Service

pytestmark = pytest.mark.service
NAME = "kept"
OWN = f"/v1/models/{NAME}"


@pytest.fixture(scope="module")
def jobs(service: Service, shapes: bytes) -> list[str]:
    """The trainings of two versions."""
    headers = {"content-type": "application/zip"}
    dataset = service.client.post("/v1/datasets?name=kept", content=shapes, headers=headers).json()
    body = {"dataset": dataset["id"], "name": NAME, "budget": {"steps": 5}, "options": TINY}
    first = service.train(**body)
    assert service.finished(first)["state"] == "succeeded"
    second = service.train(**body, init_from=f"{NAME}@1")
    assert service.finished(second)["state"] == "succeeded"
    return [first, second]


@pytest.fixture
def shown(page: Page, jobs: list[str]) -> Page:
    page.goto(f"/#/models/{NAME}")
    expect(page.get_by_role("row", name=re.compile("version 2"))).to_be_visible()
    return page


def test_each_version_tells_what_it_was_made_from(shown: Page, jobs: list[str]) -> None:
    expect(shown.get_by_role("heading", name="Where version 2 comes from")).to_be_visible()
    expect(shown.get_by_role("link", name=jobs[1])).to_be_visible()
    shown.get_by_role("link", name=f"{NAME}@1").click()
    expect(shown.get_by_role("heading", name="Where version 1 comes from")).to_be_visible()
    expect(shown.get_by_role("link", name=jobs[0])).to_be_visible()


def test_a_version_is_kept_in_memory_by_its_switch(shown: Page, service: Service) -> None:
    switch = shown.get_by_role("switch", name="Version 1 is kept in memory")
    expect(switch).to_have_attribute("aria-checked", "false")
    switch.click()
    expect(switch).to_have_attribute("aria-checked", "true")
    row = shown.get_by_role("row", name=re.compile("version 1"))
    expect(row.get_by_text(re.compile("^loaded"))).to_be_visible()
    assert service.client.get(f"{OWN}/versions/1").json()["pinned"] is True
    switch.click()
    expect(switch).to_have_attribute("aria-checked", "false")
    assert service.client.get(f"{OWN}/versions/1").json()["pinned"] is False


def test_an_alias_goes_to_another_version_and_back(shown: Page, service: Service) -> None:
    for version in (1, 2):
        row = shown.get_by_role("row", name=re.compile(f"version {version}"))
        row.get_by_role("button", name="Promote").click()
        row.get_by_role("button", name="Promote").click()
        expect(shown.get_by_text(f"{NAME}@stable is version {version}")).to_be_visible()
    shown.get_by_role("button", name="Roll back").click()
    expect(shown.get_by_text("is what it was before")).to_be_visible()
    assert service.client.get(f"{OWN}/aliases/stable").json()["version"] == 1


def test_a_version_is_exported_deleted_and_taken_in_again(shown: Page, service: Service) -> None:
    shown.on("dialog", lambda dialog: dialog.accept())
    row = shown.get_by_role("row", name=re.compile("version 2"))
    with shown.expect_download() as waiting:
        row.get_by_role("link", name="Export").click()
    archive = waiting.value.path()  # whole: what is deleted in the middle of it ends it
    service.client.put(f"{OWN}/aliases/latest", json={"version": 1})
    row.get_by_role("button", name="Delete").click()
    expect(row).to_have_count(0)
    shown.goto("/#/models")
    shown.get_by_label("Archive of a model").set_input_files(archive)
    expect(shown.get_by_text(re.compile(f"Took in {NAME}, version [0-9]+"))).to_be_visible()
    expect(shown.get_by_text("Imported as")).to_be_visible()


def test_a_model_that_is_deleted_is_gone_from_its_page_and_from_that_of_its_job(
    page: Page, service: Service, jobs: list[str]
) -> None:
    dataset = service.client.get(f"/v1/jobs/{jobs[0]}").json()["input"]["dataset_id"]
    body = {"dataset": dataset, "name": "brief", "budget": {"steps": 5}, "options": TINY}
    job = service.train(**body)
    assert service.finished(job)["state"] == "succeeded"
    page.on("dialog", lambda dialog: dialog.accept())
    page.goto(f"/#/play?model=job:{job}@5")
    expect(page.locator("option", has_text="brief, step 5")).to_have_count(1)
    page.goto("/#/models/brief")
    page.get_by_role("button", name="Delete").click()
    expect(page.get_by_role("heading", name="There is no such model")).to_be_visible()
    page.goto(f"/#/jobs/{job}")
    expect(page.get_by_text("brief, version 1, has been deleted.")).to_be_visible()
    expect(page.get_by_role("link", name="Play with it")).to_have_count(0)
