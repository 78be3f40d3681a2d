"""The main job over HTTP with the real parts: upload, train, watch, generate, cancel."""

import base64
import io
import json
import re
import subprocess
import sys
from pathlib import Path

import httpx
import openai
import pytest
from PIL import Image

from tests.service.conftest import TINY, Service, archive, picture
from tests.waiting import wait_for

pytestmark = pytest.mark.service
ZIP = {"content-type": "application/zip"}


@pytest.fixture(scope="session")
def dataset(service: Service, shapes: bytes) -> str:
    answer = service.client.post("/v1/datasets?name=Shapes", content=shapes, headers=ZIP)
    assert answer.status_code == 201, answer.text
    facts = answer.json()
    assert (facts["images"], facts["channels"], facts["classes"]) == (40, 1, ["disc", "square"])
    assert facts["trains"]["generate"] is True
    return facts["id"]


@pytest.fixture(scope="session")
def trained(service: Service, dataset: str) -> dict[str, object]:
    job = service.train(dataset=dataset, name="shapes", budget={"steps": 30}, options=TINY)
    ended = service.finished(job)
    assert ended["state"] == "succeeded", ended
    return ended


def test_an_estimate_tells_what_the_training_would_take(service: Service, dataset: str) -> None:
    body = {"dataset": dataset, "budget": {"steps": 30}, "options": TINY}
    job = service.finished(service.client.post("/v1/estimate", json=body).json()["id"])
    assert job["state"] == "succeeded", job
    assert job["output"]["images_per_second"] > 0 and job["output"]["memory_bytes"] > 10**7
    assert job["output"]["kimg"] == pytest.approx(30 * job["resolved"]["recipe"]["batch"] / 1000)


def test_trained_model_generates_the_same_bytes_for_the_same_seed(
    service: Service, trained: dict[str, object]
) -> None:
    assert trained["output"]["version"] == 1  # type: ignore[index]
    first, again, other = (
        service.client.get(f"/generate?seed={seed}&label=disc") for seed in ("alice", "alice", 7)
    )
    assert first.status_code == 200, first.text
    assert first.content == again.content != other.content
    image = Image.open(io.BytesIO(first.content))
    assert (image.size, image.mode, first.headers["x-model"]) == ((32, 32), "L", "shapes")
    unchanged = service.client.get(
        "/generate?seed=alice&label=disc", headers={"if-none-match": first.headers["etag"]}
    )
    assert (unchanged.status_code, unchanged.content) == (304, b"")


@pytest.mark.parametrize(
    "query",
    ["seed=alice", "seed=7&format=webp&psi=0.5", "seeds=1-3&format=jpg&size=64&quality=50"],
)
def test_image_is_made_again_from_what_its_file_says(
    service: Service, trained: dict[str, object], query: str
) -> None:
    image = service.client.get(f"/v1/generate?model=shapes@1&{query}")
    found = service.client.post("/v1/images/inspect", content=image.content).json()
    assert found["known"] is True
    assert service.client.get(found["url"]).content == image.content
    seeds = query.partition("&")[0]
    told = service.client.get(f"/v1/generate?model=shapes@1&{seeds}&format=json").json()
    assert (told["seed"], told["label"]) == tuple(found["metadata"][k] for k in ("seed", "label"))


def test_client_of_openai_gets_images(service: Service, trained: dict[str, object]) -> None:
    http = openai.DefaultHttpxClient(trust_env=False)
    with openai.OpenAI(base_url=f"{service.url}/v1", api_key="any", http_client=http) as client:
        answer = client.images.generate(model="shapes", prompt="a disc", n=2)
    for image in answer.data or []:
        file = base64.b64decode(image.b64_json or "")
        assert service.client.get(str(image.url)).content == file
        facts = service.client.post("/v1/images/inspect", content=file).json()["metadata"]
        assert image.revised_prompt == f"shapes@1, seed {facts['seed']}, label disc"


def test_model_tells_where_it_comes_from(
    service: Service, trained: dict[str, object], dataset: str
) -> None:
    model = service.client.get("/v1/models/shapes").json()
    source = service.client.get(f"/v1/datasets/{dataset}").json()
    assert (model["job"], model["classes"]) == (trained["id"], ["disc", "square"])
    facts = {"id": dataset, "name": "Shapes", "sha256": source["sha256"], "images": 40}
    assert model["dataset"] == facts


def test_model_is_evaluated_and_its_card_tells_the_figures(
    service: Service, trained: dict[str, object], dataset: str
) -> None:
    offer = service.client.get("/v1/catalogue").json()
    assert "rand64-v1" in offer["spaces"] and offer["metrics"]["kd"]["better"] == "lower"
    answer = service.client.post("/v1/evaluate", json={"model": "shapes@1", "n": 50})
    assert answer.status_code == 202, answer.text
    job = service.finished(answer.json()["id"])
    assert job["state"] == "succeeded", job
    result = service.client.get("/v1/models/shapes/versions/1").json()["evaluation"]
    assert (result["job"], result["dataset"]["id"]) == (job["id"], dataset)
    assert result["dataset"]["same_as_training"] is True
    assert result["metrics"]["kd"] == job["output"]["metrics"]["kd"]
    assert (result["metrics"]["n_fake"], result["metrics"]["n_real"]) == (50, 40)
    listed = service.client.get(job["urls"]["evaluations"]).json()["data"]
    assert [entry["metrics"] for entry in listed] == [result["metrics"]]
    for name in ("samples", "reals", "nearest"):
        image = Image.open(io.BytesIO(service.client.get(job["urls"][name]).content))
        assert image.mode == "L"
    types = [event["type"] for event in service.client.get(job["urls"]["events"]).json()["data"]]
    assert types[0] == "state" and types[-1] == "done" and "progress" in types


def test_grid_of_many_seeds(service: Service, trained: dict[str, object]) -> None:
    answer = service.client.get("/generate?seeds=0,3,8-9&model=shapes@1")
    assert Image.open(io.BytesIO(answer.content)).size == (64, 64)
    assert "immutable" in answer.headers["cache-control"]


def test_job_shows_what_was_resolved_and_how_it_went(
    service: Service, trained: dict[str, object]
) -> None:
    base = f"/v1/jobs/{trained['id']}"
    assert trained["resolved"]["architecture"] == "skip"  # type: ignore[index]
    assert trained["progress"]["step"] == 30  # type: ignore[index]
    samples = service.client.get(f"{base}/samples").json()["data"]
    sheet = service.client.get(samples[-1]["url"])
    assert Image.open(io.BytesIO(sheet.content)).size == (8 * 32, 8 * 32)
    assert service.client.get(f"{base}/metrics").status_code == 200
    types = [event["type"] for event in service.client.get(f"{base}/events").json()["data"]]
    assert types[0] == "state" and types[-1] == "done" and "checkpoint" in types


def test_events_stream_to_the_end_and_resume_exactly(
    service: Service, trained: dict[str, object]
) -> None:
    url = f"/v1/jobs/{trained['id']}/events"
    head = {"accept": "text/event-stream"}

    def stream(headers: dict[str, str]) -> list[str]:
        with service.client.stream("GET", url, headers=headers) as answer:
            return [line.removeprefix("id: ") for line in answer.iter_lines() if line[:3] == "id:"]

    ids = [event["id"] for event in service.client.get(f"{url}?limit=1000").json()["data"]]
    middle = ids[len(ids) // 2]
    assert stream(head | {"last-event-id": middle}) == ids[len(ids) // 2 + 1 :]


def test_running_job_generates_from_its_checkpoint_and_is_cancelled_soon(
    service: Service, dataset: str, trained: dict[str, object]
) -> None:
    job = service.train(dataset=dataset, name="other", budget={"minutes": 60}, options=TINY)

    def image() -> httpx.Response | None:
        answer = service.client.get(f"/generate?seed=1&model=job:{job}")
        assert answer.status_code in (200, 409), answer.text
        return answer if answer.status_code == 200 else None

    found = wait_for(image, "the first checkpoint to generate", deadline=90)
    assert found is not None and found.headers["content-type"] == "image/png"
    assert service.client.post(f"/v1/jobs/{job}/cancel").status_code == 202
    ended = service.finished(job, deadline=30)
    assert (ended["state"], ended["output"]["model"]) == ("cancelled", "other")
    assert service.client.get("/generate?seed=1&model=other").status_code == 200


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"this is no archive", "corrupt_archive"),
        (archive({"readme.txt": b"hello"}), "no_images"),
        (archive({"one.png": picture("square", 1)}), "no_images"),
        (archive({"../../x.png": picture("square", 1)}), "unsafe_path"),
    ],
    ids=["garbage", "no images", "one image", "path traversal"],
)
def test_bad_archive_is_refused_and_leaves_nothing(
    service: Service, body: bytes, code: str
) -> None:
    before = [dataset["id"] for dataset in service.client.get("/v1/datasets").json()["data"]]
    answer = service.client.post("/v1/datasets?name=bad", content=body, headers=ZIP)
    assert (answer.status_code, answer.json()["code"]) == (422, code), answer.text
    after = [dataset["id"] for dataset in service.client.get("/v1/datasets").json()["data"]]
    assert after == before
    assert list((service.home / "uploads").iterdir()) == []
    assert not [f for f in (service.home / "datasets").iterdir() if f.name.startswith(".")]


def test_images_can_be_sent_one_by_one(service: Service) -> None:
    files = [("files", (f"{i}.png", picture("square", i), "image/png")) for i in range(5)]
    answer = service.client.post("/v1/datasets?name=Few", files=files)
    assert (answer.status_code, answer.json()["images"]) == (201, 5), answer.text


def test_example_in_the_readme_runs(service: Service, dataset: str, tmp_path: Path) -> None:
    readme = (Path(__file__).parents[2] / "README.md").read_text()
    code = re.findall(r"```python\n(.*?)```", readme, re.S)[0]
    quick = code.replace("Client()", f'Client("{service.url}")').replace("minutes=5", "steps=3")
    quick = quick.replace("sample:sprites", dataset).replace("sprite.png", f"{tmp_path}/a.png")
    subprocess.run([sys.executable, "-c", quick], check=True, timeout=120)
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")


def test_misspelt_option_is_refused_with_the_allowed_ones(service: Service, dataset: str) -> None:
    answer = service.client.post("/train", json={"dataset": dataset, "options": {"widht": 8}})
    assert answer.status_code == 422
    assert "widht" in json.dumps(answer.json()) and "width" in json.dumps(answer.json())
