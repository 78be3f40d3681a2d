"""The way of somebody who knows no command: train, watch, play, promote, compare."""

import re
from zipfile import ZipFile

import pytest
from playwright.sync_api import Page, expect

from tests.service.conftest import TINY, Service
from tests.waiting import wait_for

pytestmark = pytest.mark.service


@pytest.fixture(scope="module")
def earlier(service: Service) -> str:
    """A training that has ended, to compare with."""
    service.client.post("/v1/datasets", json={"sample": "sprites", "count": 200, "resolution": 32})
    dataset = "sample-sprites-32-n200-s0"
    job = service.train(dataset=dataset, name="first", budget={"steps": 20}, options=TINY)
    assert service.finished(job)["state"] == "succeeded"
    return dataset


def choose_option(page: Page, name: str, value: int) -> None:
    field = page.get_by_label(name, exact=True)
    field.fill(str(value))
    field.blur()


def test_from_an_open_page_to_a_model_that_is_played_with(
    page: Page, service: Service, earlier: str
) -> None:
    page.goto("/")
    page.get_by_role("link", name="New training").first.click()
    page.get_by_role("button", name=re.compile("200 images")).click()
    page.get_by_label("Name of the model").fill("newcomer")
    page.get_by_role("button", name="images …").click()
    page.get_by_label("Thousands of images").fill("60")
    page.get_by_text("Preset and options").click()
    for name, value in TINY.items():
        choose_option(page, name.replace("_", " "), value)
    page.get_by_role("button", name="Start the training").click()

    slider = page.get_by_label("Moment of the training")
    expect(slider).to_be_visible(timeout=180_000)
    wait_for(lambda: int(slider.get_attribute("max") or 0) >= 1, "a second sample", deadline=180)
    expect(page.get_by_role("heading", name="What it learns from")).to_be_visible()
    slider.fill("0")
    expect(page.get_by_alt_text(re.compile("seeds 0 to 63 at step"))).to_be_visible()
    page.get_by_role("button", name="Cancel").click()
    expect(page.get_by_text("This is newcomer, version 1.")).to_be_visible()

    page.get_by_role("button", name="Promote").click()
    page.get_by_role("button", name="Promote").click()
    expect(page.get_by_text("newcomer@stable is version 1")).to_be_visible()
    assert service.client.get("/v1/models/newcomer/aliases/stable").json()["version"] == 1

    page.get_by_role("link", name="Play with it").click()
    expect(page.get_by_label("Image of seed 0")).to_be_visible()
    page.get_by_label("Seed: a number, or any text").fill("alice")
    expect(page.get_by_label("Image of seed alice")).to_be_visible()
    page.get_by_role("button", name="curl").click()
    copied = page.evaluate("navigator.clipboard.readText()")
    assert f"{service.url}/v1/generate?model=newcomer%401&seed=alice" in copied


def test_another_training_begins_with_the_choices_of_an_earlier_one(
    page: Page, service: Service, earlier: str
) -> None:
    job = service.client.get("/v1/jobs?model=first").json()["data"][0]["id"]
    page.goto(f"/#/jobs/{job}")
    page.get_by_role("link", name="Another like it").click()
    expect(page.get_by_label("steps", exact=True)).to_have_value("20")
    page.get_by_label("Name of the model").fill("second")
    page.get_by_label("Begin with").select_option("first@1")
    page.get_by_role("button", name="Start the training").click()
    expect(page.get_by_role("heading", name="second")).to_be_visible()
    again = service.client.get("/v1/jobs?model=second").json()["data"][0]
    kept = ("dataset_id", "options", "budget")
    assert {name: again["input"][name] for name in kept} == {
        "dataset_id": earlier,
        "options": TINY,
        "budget": {"minutes": None, "kimg": None, "steps": 20},
    }
    assert again["input"]["init_from"] == "first@1"
    assert service.finished(again["id"])["state"] == "succeeded"


def test_a_click_in_the_grid_opens_that_seed(page: Page, service: Service, earlier: str) -> None:
    job = service.client.get("/v1/jobs?model=first").json()["data"][0]["id"]
    page.goto(f"/#/jobs/{job}")
    grid = page.get_by_alt_text(re.compile("seeds 0 to 63 at step 20"))
    box = grid.bounding_box()
    assert box is not None
    grid.click(position={"x": box["width"] * 1.5 / 8, "y": box["height"] * 2.5 / 8})
    expect(page.get_by_label("Image of seed 17")).to_be_visible()
    expect(page).to_have_url(re.compile(r"model=first(%40|@)1&seed=17"))


def test_latent_tools_keep_their_place_when_the_look_changes(
    page: Page, service: Service, earlier: str
) -> None:
    page.goto("/#/play?model=first&n=16")
    expect(page.get_by_label("Image of seed 0-15")).to_be_visible()
    way = page.get_by_label(re.compile("From this seed to seed"))
    way.fill("0.5")
    between = page.get_by_label(re.compile(r"Image of seed 0,\d+"))
    expect(between).to_be_visible()
    expect(page.get_by_label("Images", exact=True)).to_have_value("1")
    with page.expect_response(re.compile(r"interpolate.*psi=0\.5")):
        page.get_by_label("Truncation psi").fill("0.5")
    expect(between).to_be_visible()
    expect(way).to_have_value("0.5")
    page.get_by_label("Seed: a number, or any text").fill("3")
    expect(page.get_by_label("Image of seed 3", exact=True)).to_be_visible()
    expect(way).to_have_value("0")
    expect(page.get_by_role("application")).to_be_visible()
    page.get_by_label("Seed: a number, or any text").fill("a text, with a comma")
    expect(page.get_by_label("Image of seed a text, with a comma")).to_be_visible()
    expect(page.get_by_role("application")).to_have_count(0)


def test_a_playground_without_models_asks_for_no_image(page: Page) -> None:
    asked: list[str] = []
    empty = {"object": "list", "data": [], "first_id": None, "last_id": None, "has_more": False}
    page.route("**/v1/models?*", lambda route: route.fulfill(json=empty))
    page.on("request", lambda request: asked.append(request.url))
    page.goto("/#/play")
    expect(page.get_by_role("heading", name="There is no model to play with yet")).to_be_visible()
    assert not [address for address in asked if "/v1/generate" in address]


def test_trainings_are_compared_under_one_slider(
    page: Page, service: Service, earlier: str
) -> None:
    options = TINY | {"lr": 0.002}
    job = service.train(dataset=earlier, name="third", budget={"steps": 20}, options=options)
    service.finished(job)
    page.goto("/#/jobs?kind=train")
    for name in ("first", "third"):
        page.get_by_label(f"Tick {name}").check()
    page.get_by_role("link", name="Compare 2").click()
    expect(page.get_by_alt_text(re.compile("seeds 0 to 63"))).to_have_count(2)
    row = page.get_by_role("row", name=re.compile("^lr "))
    expect(row).to_contain_text("0.002")
    page.get_by_label("Moment of the training").fill("0")
    expect(page.get_by_role("heading", name="Discriminator: pairs told apart")).to_be_visible()


def test_gallery_goes_on_and_remembers_favourites(
    page: Page, service: Service, earlier: str
) -> None:
    page.goto("/#/gallery?model=first")
    page.get_by_label("Seed 3", exact=True).click()
    page.get_by_role("button", name="Mark").click()
    page.get_by_label("Close").click()
    page.get_by_label("Favourite: seed 5", exact=True).click()
    page.mouse.wheel(0, 6000)
    expect(page.get_by_label("Seed 3", exact=True)).to_have_count(0)
    assert page.get_by_role("listitem").count() < 200
    page.reload()
    page.get_by_role("button", name="Favourites 2").click()
    expect(page.get_by_role("listitem")).to_have_count(2)
    with page.expect_download() as saved:
        page.get_by_role("button", name="2 images as a zip").click()
    assert ZipFile(saved.value.path()).namelist()[:2] == ["3.png", "5.png"]


def test_own_images_are_taken_and_what_is_wrong_with_others_is_told(
    page: Page, shapes: bytes
) -> None:
    page.goto("/#/train")
    files = page.locator("input[type=file]").first
    files.set_input_files({"name": "bad.zip", "mimeType": "application/zip", "buffer": b"no zip"})
    expect(page.get_by_role("alert")).to_contain_text("archive")
    files.set_input_files({"name": "mine.zip", "mimeType": "application/zip", "buffer": shapes})
    expect(page.get_by_alt_text("Contact sheet of mine")).to_be_visible()
    expect(page.get_by_text("40 images").first).to_be_visible()
    page.get_by_role("button", name="Estimate").click()
    expect(page.get_by_text("Each image is shown")).to_be_visible()
