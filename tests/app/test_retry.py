"""POST /v1/jobs/{id}/retry: a new job for the work of one that ended."""

import httpx

from app.services import Services
from core.checkpoints import checkpoint_records
from tests.app.records import put_checkpoint
from tests.app.states import in_state, new_job


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
