"""Uploads from the page over a network that breaks: they go on where they broke."""

import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Page, Request, expect

from tests.chaos_proxy import ChaosProxy
from tests.service.conftest import TINY, Service, archive, noise
from tests.waiting import wait_for

pytestmark = pytest.mark.service
COUNT = 50
LITTLE = 500_000  # bytes


@pytest.fixture(scope="module")
def cats(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An archive of 10 MB."""
    path = tmp_path_factory.mktemp("images") / "noisy.zip"
    path.write_bytes(archive({f"{index}.bmp": noise(index) for index in range(COUNT)}))
    return path


@pytest.fixture
def network(service: Service) -> Iterator[ChaosProxy]:
    """A slow way to the service: about 3 MB/s."""
    with ChaosProxy(("127.0.0.1", httpx.URL(service.url).port or 0)) as proxy:
        proxy.forward(delay=0.02)
        yield proxy


@pytest.fixture
def parts(page: Page, network: ChaosProxy) -> list[int]:
    """Where each part begins that the page sends, refused ones too: the service may not have
    noticed yet that the connection before is over. The page is at the data sets."""
    begun: list[int] = []

    def note(request: Request) -> None:
        if request.method == "PATCH":
            begun.append(int(request.headers["upload-offset"]))

    page.on("request", note)
    page.goto(f"http://127.0.0.1:{network.port}/#/data")
    return begun


def choose(page: Page, path: Path) -> None:
    page.locator("input[type=file]").first.set_input_files(path)


def sent(page: Page) -> int:
    """Percent of what is under way."""
    return int(page.get_by_role("progressbar", name="Upload").get_attribute("aria-valuenow") or 0)


def arrived(service: Service) -> None:
    """Wait for more than LITTLE at the service: the browser calls sent what is still on its way."""

    def bytes_there() -> int:
        return sum(path.stat().st_size for path in service.home.glob("incoming/*/source"))

    wait_for(lambda: bytes_there() > LITTLE, "a good part to arrive")


def forgotten(service: Service) -> None:
    wait_for(lambda: not list((service.home / "incoming").iterdir()), "the upload to be removed")


def images_of(page: Page, service: Service) -> int:
    """How many images the data set has that the page shows."""
    expect(page).to_have_url(re.compile(r"#/data/ds-"))
    dataset = page.url.rpartition("/")[2]
    found = service.client.get(f"/v1/datasets/{dataset}").json()
    service.client.delete(f"/v1/datasets/{dataset}")
    return found["images"]


def test_lost_connection_is_told_and_the_upload_goes_on_from_there(
    page: Page, service: Service, network: ChaosProxy, parts: list[int], cats: Path
) -> None:
    choose(page, cats)
    arrived(service)
    network.refuse()
    network.cut()
    expect(page.get_by_text(re.compile(r"The connection was lost at \d+ %"))).to_be_visible()
    expect(page.get_by_text(re.compile(r"in \d+ s"))).to_be_visible()
    network.forward()
    assert images_of(page, service) == COUNT
    assert parts[0] == 0 and parts[-1] > LITTLE


def test_same_file_goes_on_after_the_page_was_loaded_anew(
    page: Page, service: Service, network: ChaosProxy, parts: list[int], cats: Path
) -> None:
    choose(page, cats)
    arrived(service)
    page.reload()
    choose(page, cats)
    assert images_of(page, service) == COUNT
    assert parts[0] == 0 and parts[-1] > LITTLE


def test_upload_is_paused_and_goes_on_and_a_stopped_one_is_forgotten(
    page: Page, service: Service, network: ChaosProxy, parts: list[int], cats: Path
) -> None:
    choose(page, cats)
    arrived(service)
    page.get_by_role("button", name="Pause").click()
    expect(page.get_by_text(re.compile(r"Paused at \d+ %"))).to_be_visible()
    assert len(list((service.home / "incoming").iterdir())) == 1
    page.get_by_role("button", name="Go on").click()
    assert images_of(page, service) == COUNT
    assert parts[0] == 0 and parts[-1] > LITTLE

    page.goto(f"http://127.0.0.1:{network.port}/#/data")
    choose(page, cats)
    wait_for(lambda: sent(page) >= 10, "some to be sent")
    page.get_by_role("button", name="Stop").click()
    expect(page.get_by_text("Drop a folder, images, or a zip here")).to_be_visible()
    forgotten(service)


def test_file_that_changes_during_a_pause_ends_its_upload(
    page: Page, service: Service, parts: list[int], cats: Path, tmp_path: Path
) -> None:
    path = tmp_path / "changing.zip"
    path.write_bytes(cats.read_bytes())
    choose(page, path)
    wait_for(lambda: sent(page) >= 10, "some to be sent")
    page.get_by_role("button", name="Pause").click()
    path.write_bytes(b"another file")
    page.get_by_role("button", name="Go on").click()
    expect(page.get_by_role("alert")).to_contain_text("choose the files again")
    forgotten(service)


def test_folder_of_images_is_sent_as_one(page: Page, service: Service, tmp_path: Path) -> None:
    names = ("übung", "日本 " + "n" * 90)
    for name in names:
        (tmp_path / "pets" / name).mkdir(parents=True)
        for index in range(3):
            content = noise(index + len(name))
            (tmp_path / "pets" / name / f"{index} {'x' * 60}.bmp").write_bytes(content)
    page.goto("/#/data")
    page.locator("input[type=file]").nth(1).set_input_files(tmp_path / "pets")
    expect(page).to_have_url(re.compile(r"#/data/ds-"))
    found = service.client.get(f"/v1/datasets/{page.url.rpartition('/')[2]}").json()
    assert (found["name"], found["images"], found["skipped"]) == ("pets", 6, 0)
    assert sorted(found["classes"]) == sorted(names)


def test_archive_of_a_model_is_taken_in_and_its_upload_removed(
    page: Page, service: Service, tmp_path: Path
) -> None:
    order = {"sample": "sprites", "count": 50, "resolution": 32}
    dataset = service.client.post("/v1/datasets", json=order).json()["id"]
    job = service.train(dataset=dataset, name="traveller", budget={"steps": 5}, options=TINY)
    assert service.finished(job)["state"] == "succeeded"
    path = tmp_path / "traveller.zip"
    path.write_bytes(service.client.get("/v1/models/traveller/versions/1/archive").content)
    assert service.client.delete("/v1/models/traveller").status_code == 204
    page.goto("/#/models")
    page.get_by_label("Archive of a model").set_input_files(path)
    expect(page.get_by_text(re.compile(r"Took in traveller, version \d"))).to_be_visible()
    forgotten(service)
