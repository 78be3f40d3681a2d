"""POST /v1/evaluate: what is accepted and what is refused, and the results beside a model."""

from collections.abc import Callable
from typing import Any

import httpx
import pytest

from app.services import Services
from core.evaluations import RESULT
from core.files import write_json
from core.schemas import Dataset, JobKind, JobState, Model
from tests.app.conftest import CATALOGUE
from tests.app.states import claimed

Put = Callable[..., Dataset]
Publish = Callable[..., Model]
DIGEST = "a" * 64
OWN = {"dataset": {"id": "ds-1", "name": "Cats", "sha256": DIGEST}}
SPACES = {"spaces": {"rand64-v1": "Random.", "data": "Trained on the data set."}}
BAD: list[tuple[dict[str, Any], str]] = [
    ({"n": 49}, "#/n"),
    ({"n": 50_001}, "#/n"),
    ({"space": "inception"}, "#/space"),
    ({"seed": -1}, "#/seed"),
    ({"deadline_minutes": 0}, "#/deadline_minutes"),
    ({"model": "job:job-1"}, "#/model"),
    ({"images": 5}, "#/images"),
    ({"dataset": "small"}, "#/dataset"),
    ({"dataset": "grey"}, "#/dataset"),
]


@pytest.fixture(autouse=True)
def _workshop(announce: Callable[..., str], dataset: Put, publish: Publish) -> None:
    announce("train", catalogue=CATALOGUE | SPACES)
    dataset("ds-1", name="Cats", sha256=DIGEST, channels=3)
    dataset("small", resolutions=[16])
    dataset("grey", channels=1)
    publish("cats", "job-1", **OWN)


def result(job_id: str, created_at: str, **more: Any) -> dict[str, Any]:
    """As an evaluation leaves it."""
    return {
        "job": job_id,
        "created_at": created_at,
        "seconds": 1.5,
        "model": {"name": "cats", "version": 1, "digest": DIGEST},
        "dataset": {"id": "ds-1", "name": "Cats", "sha256": DIGEST, "same_as_training": True},
        "seed": 0,
        "metrics": {"kd": 0.1, "kd_floor": 0.01, "fid": None, "fid_reason": "no weights"},
        "classes": {},
        "nearest": [],
        "pictures": ["samples"],
        "libraries": {},
    } | more


@pytest.fixture
def evaluated(held: Services) -> Callable[..., None]:
    """Put a result beside cats@1, as the prepare worker does."""

    def put(job_id: str, created_at: str, **more: Any) -> None:
        source = held.settings.folders.job(job_id) / "publish-f1"
        source.mkdir(parents=True)
        write_json(source / RESULT, result(job_id, created_at, **more))
        (source / "samples.png").write_bytes(b"PNG samples")
        held.models.add_evaluation(held.models.get("cats", 1), source, job_id)

    return put


def test_evaluation_is_accepted_with_everything_pinned(api: httpx.Client, held: Services) -> None:
    answer = api.post("/v1/evaluate", json={"model": "cats", "seed": 7, "metadata": {"a": "b"}})
    assert answer.status_code == 202, answer.text
    job, model = answer.json(), held.models.get("cats", 1)
    assert answer.headers["Location"] == f"/v1/jobs/{job['id']}" == job["urls"]["self"]
    assert answer.headers["Retry-After"] == "2"
    assert (job["kind"], job["state"], job["seed"]) == ("evaluate", "queued", 7)
    assert (job["metadata"], "retry" in job["urls"]) == ({"a": "b"}, False)
    names = ("model", "version", "digest", "dataset_id", "dataset_name", "dataset_sha256")
    pinned = ("cats", 1, model.digest, "ds-1", "Cats", DIGEST)
    assert tuple(job["input"][name] for name in names) == pinned
    assert (job["input"]["n"], job["input"]["space"]) == (2000, "rand64-v1")
    assert held.jobs.client.llen(f"{{{held.settings.prefix}}}:celery:prepare") == 1


def test_the_version_is_pinned_when_a_newer_one_comes(api: httpx.Client, publish: Publish) -> None:
    first = api.post("/v1/evaluate", json={"model": "cats"}).json()
    publish("cats", "job-2", **OWN)
    second = api.post("/v1/evaluate", json={"model": "cats"}).json()
    third = api.post("/v1/evaluate", json={"model": "cats@1"}).json()
    assert [job["input"]["version"] for job in (first, second, third)] == [1, 2, 1]


def test_other_images_may_be_compared_with(api: httpx.Client, dataset: Put) -> None:
    dataset("ds-2", name="Dogs", channels=3)
    job = api.post("/v1/evaluate", json={"model": "cats", "dataset": "Dogs"}).json()
    assert (job["input"]["dataset_id"], job["input"]["dataset"]) == ("ds-2", "Dogs")


@pytest.mark.parametrize(("change", "pointer"), BAD, ids=lambda value: str(value))
def test_bad_requests_are_refused_with_a_pointer(
    api: httpx.Client, held: Services, change: dict[str, Any], pointer: str
) -> None:
    answer = api.post("/v1/evaluate", json={"model": "cats"} | change)
    assert answer.status_code == 422, answer.text
    assert [error["pointer"] for error in answer.json()["errors"]] == [pointer]
    assert held.jobs.ids(None, 1) == []


def test_refusals_say_what_there_is(api: httpx.Client) -> None:
    def detail(**order: Any) -> str:
        return api.post("/v1/evaluate", json={"model": "cats"} | order).json()["detail"]

    assert "rand64-v1, data" in detail(space="x")
    assert "32 px" in detail(dataset="small") and "at 16" in detail(dataset="small")
    assert "images in colour" in detail(dataset="grey")
    assert "published versions" in detail(model="job:job-1")


def test_what_is_missing_is_404(api: httpx.Client, held: Services, publish: Publish) -> None:
    def refused(**order: Any) -> tuple[int, str, str]:
        answer = api.post("/v1/evaluate", json=order)
        body = answer.json()
        return answer.status_code, body["code"], body["errors"][0]["pointer"]

    assert refused(model="dogs") == (404, "not_found", "#/model")
    assert refused(model="cats@9") == (404, "not_found", "#/model")
    assert refused(model="cats", dataset="ds-9") == (404, "not_found", "#/dataset")
    publish("found", "job-3")
    assert refused(model="found") == (422, "invalid_request", "#/dataset")
    held.datasets.remove("ds-1")
    assert refused(model="cats") == (404, "not_found", "#/dataset")


def test_set_that_is_being_prepared_has_to_be_waited_for(api: httpx.Client, held: Services) -> None:
    dataset_id, _ = held.datasets.begin("new")
    answer = api.post("/v1/evaluate", json={"model": "cats", "dataset": dataset_id})
    assert (answer.status_code, answer.json()["code"]) == (409, "not_ready")


def test_same_key_and_body_is_the_same_job(api: httpx.Client) -> None:
    headers = {"Idempotency-Key": "k-1"}
    orders = ({"model": "cats"}, {"model": "cats"}, {"model": "cats", "n": 60})
    first, second, other = (api.post("/v1/evaluate", json=o, headers=headers) for o in orders)
    assert first.json()["id"] == second.json()["id"]
    assert second.headers["Idempotency-Replayed"] == "true"
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_mismatch")


def test_only_json_is_taken(api: httpx.Client) -> None:
    answer = api.post("/v1/evaluate", content="{}", headers={"content-type": "text/plain"})
    assert answer.status_code == 415


def test_without_a_worker_it_is_503(api: httpx.Client, held: Services) -> None:
    held.presence.leave("train")
    held.jobs.client.delete(held.presence.offered)
    answer = api.post("/v1/evaluate", json={"model": "cats"})
    assert (answer.status_code, answer.json()["code"]) == (503, "no_worker")


def test_a_set_that_is_compared_with_cannot_be_removed(api: httpx.Client) -> None:
    api.post("/v1/evaluate", json={"model": "cats"})
    assert api.delete("/v1/datasets/ds-1").status_code == 409


def test_results_are_listed_newest_first_and_the_newest_is_in_the_card(
    api: httpx.Client, evaluated: Callable[..., None]
) -> None:
    url = "/v1/models/cats/versions/1/evaluations"
    assert api.get(url).json()["data"] == []
    evaluated("job-7", "2026-01-02T00:00:00+00:00")
    evaluated("job-6", "2026-01-01T00:00:00+00:00")
    found = api.get(url).json()
    assert [entry["job"] for entry in found["data"]] == ["job-7", "job-6"]
    assert (found["first_id"], found["has_more"]) == ("job-7", False)
    newest = found["data"][0]
    assert newest["metrics"]["fid"] is None and newest["metrics"]["kd"] == 0.1
    urls = {"job": "/v1/jobs/job-7", "samples": f"{url}/job-7/samples.png"}
    assert newest["urls"] == urls
    picture = api.get(urls["samples"])
    assert (picture.content, picture.headers["content-type"]) == (b"PNG samples", "image/png")
    assert api.get("/v1/models/cats").json()["evaluation"]["job"] == "job-7"


def test_pictures_and_results_that_are_not_there_are_404(
    api: httpx.Client, evaluated: Callable[..., None]
) -> None:
    evaluated("job-7", "2026-01-02T00:00:00+00:00")
    url = "/v1/models/cats/versions/1/evaluations"
    for path in (f"{url}/job-7/reals.png", f"{url}/job-8/samples.png"):
        assert api.get(path).status_code == 404
    assert api.get("/v1/models/cats/versions/2/evaluations").status_code == 404
    assert api.get(f"{url}/job-7/evaluation.png").status_code == 422


def test_finished_job_leads_to_its_result(api: httpx.Client, held: Services) -> None:
    job = held.jobs.create(JobKind.EVALUATE, {"model": "cats", "version": 1})[0]
    output = {"model": "cats", "version": 1, "digest": DIGEST, "metrics": {"kd": 0.1}}
    output |= {"pictures": ["samples"]}
    held.jobs.finish(claimed(held, job), JobState.SUCCEEDED, output=output)
    urls = api.get(f"/v1/jobs/{job.id}").json()["urls"]
    results = "/v1/models/cats/versions/1/evaluations"
    assert urls["evaluations"] == results
    assert urls["samples"] == f"{results}/{job.id}/samples.png"
    assert "metrics" not in urls
