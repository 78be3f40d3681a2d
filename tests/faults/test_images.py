"""Images under way when their model is removed, their worker dies, or nobody waits for them.

The names D8, R20 and W21 are those of docs/reliability.md.
"""

import io
import itertools
import threading
import time
import zipfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import psutil
import pytest

from core.generation import REPLY_TTL_SECONDS, Batch, Picture, batches_key, reply_key
from tests.faults.plant import Plant, planted
from tests.waiting import wait_for
from tests.worker.models import publish_tiny

pytestmark = pytest.mark.service
CLIENTS = 8
MOMENTS = (0, 1, 2, 5, 20, 60)  # answers before the removal: the model is loaded with the first


@pytest.fixture(scope="module")
def gallery(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Plant]:
    """An API and a generate worker, with several versions of a model that nobody has loaded."""
    with planted(tmp_path_factory.mktemp("gallery")) as plant:
        plant.start("generate")
        plant.start("api")
        for version in range(1, len(MOMENTS) + 1):  # each with weights of its own
            publish_tiny(plant.settings, "tom", classes=tuple("abcdef"[:version]))
        publish_tiny(plant.settings, "other")
        plant.ready("api", "generate")
        image = "/v1/generate?model=other&seed=0"  # the API may have counted the workers before
        wait_for(lambda: plant.http.get(image).status_code == 200, "the first image")
        yield plant


@pytest.mark.parametrize(("version", "moment"), list(enumerate(MOMENTS, start=1)))
def test_d8_model_removed_under_way_is_an_image_or_a_404(
    gallery: Plant, version: int, moment: int
) -> None:
    address = f"/v1/models/tom/versions/{version}"
    answered, together = threading.Semaphore(0), threading.Barrier(CLIENTS + 1)

    def visit(client: int) -> list[httpx.Response]:
        """Images of distinct seeds, one after another, until there are none."""
        together.wait(30)
        answers = []
        for seed in itertools.count(client, CLIENTS):
            answers.append(gallery.http.get(f"/v1/generate?model=tom@{version}&seed={seed}"))
            answered.release()
            if answers[-1].status_code != 200:
                break
        return answers

    with ThreadPoolExecutor(CLIENTS) as pool:
        visits = [pool.submit(visit, client) for client in range(CLIENTS)]
        together.wait(30)
        for _ in range(moment):
            assert answered.acquire(timeout=30)
        assert gallery.http.delete(address).status_code == 204
        later = gallery.http.get(f"/v1/generate?model=tom@{version}&seed=text")
        answers = [visit.result() for visit in visits]
    for *images, last in answers:
        assert (last.status_code, last.json()["code"]) == (404, "not_found"), last.text
        assert all(image.content.startswith(b"\x89PNG") for image in images)
    assert sum(map(len, answers)) >= max(moment, CLIENTS)
    assert (later.status_code, later.json()["code"]) == (404, "not_found")
    assert gallery.http.get(f"{address}/images/0.png").status_code == 404
    assert not (gallery.settings.folders.model("tom") / str(version)).exists()


def test_r20_reply_that_nobody_reads_is_forgotten(gallery: Plant) -> None:
    reply = reply_key(gallery.settings.prefix, "nobody")
    batch = Batch(
        id="1",
        reply=reply,
        expires_at=time.time() + 30,
        folder="models/none/1",
        model="none",
        version=1,
        digest="0" * 64,
        pictures=(Picture(seeds=(1,)),),
    )
    gallery.client.rpush(batches_key(gallery.settings.prefix), batch.model_dump_json())
    wait_for(lambda: gallery.client.llen(reply) == 1, "the reply")
    assert 0 < int(gallery.client.pttl(reply)) <= REPLY_TTL_SECONDS * 1000  # pyright: ignore


def test_more_than_can_be_done_is_refused_at_once_and_nothing_else_goes_wrong(
    tmp_path: Path,
) -> None:
    with planted(tmp_path) as plant:
        plant.knobs["GANVAS_GENERATE_DEADLINE"] = "0.4"
        plant.start("generate")
        plant.start("api")
        publish_tiny(plant.settings, "tom")
        plant.ready("api", "generate")
        image = "/v1/generate?model=tom&seed=0"
        wait_for(lambda: plant.http.get(image).status_code == 200, "the first image")
        sheets = [f"/v1/generate?model=tom&seeds={k * 64}-{k * 64 + 63}" for k in range(200)]
        with ThreadPoolExecutor(64) as pool:
            answers = list(pool.map(plant.http.get, sheets))
        refused = [answer for answer in answers if answer.status_code != 200]
        assert {answer.status_code for answer in refused} == {503}
        assert {answer.json()["code"] for answer in refused} == {"overloaded"}
        assert all(int(answer.headers["retry-after"]) >= 1 for answer in refused)
        assert len(refused) < len(answers)
        wait_for(lambda: plant.http.get(image).status_code == 200, "the next image")
        assert plant.client.llen(batches_key(plant.settings.prefix)) == 0


def test_w21_zip_is_whole_although_its_worker_dies_twice(gallery: Plant) -> None:
    query = "model=other@1&seeds=0-1999&format=zip"
    api = psutil.Process(gallery.processes["api"].pid)
    gallery.http.get("/v1/generate?model=other&seeds=0-199&format=zip")
    before, content, deaths = api.memory_info().rss, io.BytesIO(), 0
    with gallery.http.stream("GET", f"/v1/generate?{query}", timeout=60) as answer:
        for chunk in answer.iter_raw():
            content.write(chunk)
            if deaths < 2 and content.tell() > (deaths + 1) * 500_000:
                gallery.processes["generate"].kill()
                gallery.start("generate")
                deaths += 1
    grown = api.memory_info().rss - before
    archive = zipfile.ZipFile(content)
    assert deaths == 2 and archive.testzip() is None
    assert archive.namelist() == [f"{seed}.png" for seed in range(2000)]
    for seed in (0, 777, 1999):
        alone = gallery.http.get(f"/v1/models/other/versions/1/images/{seed}.png")
        assert archive.read(f"{seed}.png") == alone.content
    assert grown < 20_000_000 and content.tell() > 2_000_000
