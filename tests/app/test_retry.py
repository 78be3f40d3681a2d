"""POST /v1/jobs/{id}/retry: a new job for the work of one that ended."""

from collections.abc import Callable
from typing import Any

import httpx
import pytest

from app.services import Services
from core.checkpoints import checkpoint_records
from core.schemas import Dataset, JobKind
from tests.app.records import put_checkpoint
from tests.app.states import in_state, new_job

Put = Callable[..., Dataset]
SHA256 = "a" * 64


@pytest.fixture(autouse=True)
def _data(dataset: Put) -> None:
    dataset("ds-1", sha256=SHA256)


def test_retry_is_a_new_job_with_the_same_input(api: httpx.Client, held: Services) -> None:
    job = new_job(held, seed=7, metadata={"who": "me"}, priority=3)
    held.jobs.ask(job.id, "cancel")
    answer = api.post(f"/v1/jobs/{job.id}/retry")
    again = answer.json()
    assert (answer.status_code, again["state"], again["kind"]) == (202, "queued", "train")
    assert again["id"] != job.id
    assert answer.headers["Location"] == f"/v1/jobs/{again['id']}"
    assert again["input"] == job.input | {"retry_of": job.id, "resume_from": None}
    assert (again["seed"], again["metadata"], again["priority"]) == (7, {"who": "me"}, 3)
    assert held.jobs.get(job.id).state == "cancelled"


def test_retry_goes_on_from_the_last_checkpoint(api: httpx.Client, held: Services) -> None:
    job = in_state(held, "failed")
    source = held.jobs.home.job(job.id)
    for step in (100, 200):
        put_checkpoint(source, step)
    (source / "init").mkdir()
    (source / "init" / "model.json").write_text("{}")
    again = api.post(f"/v1/jobs/{job.id}/retry").json()
    assert again["input"]["resume_from"] == job.id
    folder = held.jobs.home.job(again["id"])
    assert [record.step for record in checkpoint_records(folder)] == [200, 100]
    for record, old in zip(checkpoint_records(folder), checkpoint_records(source), strict=True):
        assert record.path.samefile(old.path) and record.tensors.samefile(old.tensors)
    assert (folder / "init" / "model.json").samefile(source / "init" / "model.json")


def test_retry_asked_twice_is_the_same_job(api: httpx.Client, held: Services) -> None:
    url = f"/v1/jobs/{in_state(held, 'failed').id}/retry"
    first, second = api.post(url), api.post(url)
    assert "Idempotency-Replayed" not in first.headers
    assert (second.status_code, second.headers["Idempotency-Replayed"]) == (200, "true")
    assert first.json()["id"] == second.json()["id"]
    keyed = [api.post(url, headers={"Idempotency-Key": "k-1"}) for _ in range(2)]
    assert [answer.status_code for answer in keyed] == [202, 200]
    assert keyed[0].json()["id"] == keyed[1].json()["id"] != first.json()["id"]


def test_retry_that_failed_can_be_retried(api: httpx.Client, held: Services) -> None:
    job = in_state(held, "failed")
    first = api.post(f"/v1/jobs/{job.id}/retry").json()["id"]
    held.jobs.ask(first, "cancel")
    second = api.post(f"/v1/jobs/{first}/retry").json()
    assert second["input"]["retry_of"] == first
    assert len({job.id, first, second["id"]}) == 3


def test_retry_is_refused_when_the_queue_is_full(api: httpx.Client, held: Services) -> None:
    job = in_state(held, "failed")
    new_job(held)
    full = held.settings.model_copy(update={"max_queued_jobs": 1})
    object.__setattr__(held, "settings", full)
    for _ in range(2):
        answer = api.post(f"/v1/jobs/{job.id}/retry")
        assert (answer.status_code, answer.headers["Retry-After"]) == (429, "60")
    assert len(held.jobs.ids(None, 10)) == 2


def test_retry_needs_the_data_set(api: httpx.Client, held: Services) -> None:
    job = in_state(held, "failed")
    held.datasets.remove("ds-1")
    answer = api.post(f"/v1/jobs/{job.id}/retry")
    assert_changed(answer, "ds-1 is gone")
    assert [path.name for path in held.jobs.home.jobs.glob("job-*")] == [job.id]


@pytest.mark.parametrize(("sha256", "status"), [(SHA256, 202), ("b" * 64, 409)])
def test_retry_goes_on_with_the_same_data_only(
    api: httpx.Client, held: Services, sha256: str, status: int
) -> None:
    job = in_state(held, "failed")
    began_with = {"dataset": {"sha256": sha256, "images": 10}}
    put_checkpoint(held.jobs.home.job(job.id), 100, spec=began_with)
    answer = api.post(f"/v1/jobs/{job.id}/retry")
    assert answer.status_code == status
    if status == 409:
        assert_changed(answer, f"(sha256 {sha256[:12]})")


def test_retry_from_the_beginning_takes_the_data_as_it_is(
    api: httpx.Client, held: Services, dataset: Put
) -> None:
    job = in_state(held, "failed")
    held.datasets.remove("ds-1")
    dataset("ds-1", sha256="c" * 64)
    assert api.post(f"/v1/jobs/{job.id}/retry").status_code == 202


def test_sample_that_is_gone_is_drawn_again(api: httpx.Client, held: Services) -> None:
    input: dict[str, Any] = {"dataset": "sample:sprites", "model": "cats", "resolution": 32}
    input |= {"dataset_id": "sample-sprites-32-n4000-s0"}
    job, _ = held.jobs.create(JobKind.TRAIN, input)
    held.jobs.ask(job.id, "cancel")
    assert api.post(f"/v1/jobs/{job.id}/retry").status_code == 202


def assert_changed(answer: httpx.Response, says: str) -> None:
    """Refused because of the data set; the answer says which, and what to do."""
    body = answer.json()
    assert (answer.status_code, body["code"]) == (409, "dataset_changed"), answer.text
    assert [error["pointer"] for error in body["errors"]] == ["#/input/dataset_id"]
    assert says in body["detail"] and "POST /v1/train" in body["detail"]
