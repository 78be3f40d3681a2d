"""Jobs over HTTP: the truth about each, and its events. Their list: test_job_list.py."""

import threading
from typing import Any

import httpx
import pytest

from app.services import Services
from core.records import Claim, Note
from core.schemas import Job, JobKind, JobState
from tests.app.streams import ACCEPT, blocked_readers, frames
from tests.waiting import wait_for


def new_job(held: Services, **fields: Any) -> Job:
    return held.jobs.create(JobKind.TRAIN, {"dataset": "ds-1", "model": "cats", **fields})[0]


def claimed(held: Services) -> Claim:
    claim = held.jobs.claim_next("train", "worker-1")
    assert claim is not None
    return claim


def test_unknown_and_malformed_ids_are_refused(api: httpx.Client) -> None:
    assert api.get("/v1/jobs/job-unknown").status_code == 404
    assert api.get("/v1/jobs/..%2fetc").status_code in (404, 422)
    assert api.get("/v1/jobs/UPPER").status_code == 422


def test_job_is_shown_with_its_addresses(api: httpx.Client, held: Services) -> None:
    job = new_job(held)
    answer = api.get(f"/v1/jobs/{job.id}")
    assert answer.json()["state"] == "queued"
    assert answer.json()["urls"]["cancel"] == f"/v1/jobs/{job.id}/cancel"
    assert answer.json()["urls"]["metrics"] == f"/v1/jobs/{job.id}/metrics"


def test_unchanged_job_is_not_sent_twice(api: httpx.Client, held: Services) -> None:
    job = new_job(held)
    etag = api.get(f"/v1/jobs/{job.id}").headers["ETag"]
    again = api.get(f"/v1/jobs/{job.id}", headers={"If-None-Match": etag})
    assert (again.status_code, again.content) == (304, b"")
    claimed(held)
    changed = api.get(f"/v1/jobs/{job.id}", headers={"If-None-Match": etag})
    assert (changed.status_code, changed.json()["state"]) == (200, "running")


def test_long_poll_answers_at_the_change(api: httpx.Client, held: Services) -> None:
    job = new_job(held)
    answers: list[httpx.Response] = []
    url = f"/v1/jobs/{job.id}?wait=20&since={job.version}"
    waiter = threading.Thread(target=lambda: answers.append(api.get(url)))
    waiter.start()
    wait_for(lambda: blocked_readers(held) > 0, "the poll to wait")
    claimed(held)
    waiter.join(5)
    assert answers[0].json()["state"] == "running"


def test_long_poll_of_an_older_version_answers_at_once(api: httpx.Client, held: Services) -> None:
    job = new_job(held)
    claimed(held)
    answer = api.get(f"/v1/jobs/{job.id}?wait=20&since={job.version}")
    assert answer.json()["state"] == "running"


def test_priority_is_news_too(api: httpx.Client, held: Services) -> None:
    job = new_job(held)
    etag = api.get(f"/v1/jobs/{job.id}").headers["ETag"]
    held.jobs.prioritise(job.id, 1)
    answer = api.get(f"/v1/jobs/{job.id}?wait=20&since={job.version}")
    assert (answer.json()["priority"], answer.headers["ETag"] == etag) == (1, False)


def test_cancelled_preparation_leaves_no_upload(api: httpx.Client, held: Services) -> None:
    dataset_id, folder = held.datasets.begin("cats")
    job, _ = held.jobs.create(JobKind.INGEST, {"dataset": dataset_id, "name": "cats"})
    assert api.post(f"/v1/jobs/{job.id}/cancel").json()["state"] == "cancelled"
    assert not folder.exists()


def test_events_are_paged(api: httpx.Client, held: Services) -> None:
    job = new_job(held)
    held.jobs.beat(claimed(held), [Note(type="progress", data={"step": n}) for n in range(3)])
    first = api.get(f"/v1/jobs/{job.id}/events?limit=2").json()
    assert [event["type"] for event in first["data"]] == ["state", "state"]
    rest = api.get(f"/v1/jobs/{job.id}/events?after={first['last_id']}").json()
    assert [event["data"]["step"] for event in rest["data"]] == [0, 1, 2]
    assert not rest["has_more"]


# --- server-sent events


def stream(api: httpx.Client, job_id: str, last: str | None = None) -> list[dict[str, str]]:
    """All events until the stream ends."""
    headers = ACCEPT | ({"Last-Event-ID": last} if last else {})
    with api.stream("GET", f"/v1/jobs/{job_id}/events", headers=headers) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        return list(frames(answer))


def finished_job(held: Services) -> Job:
    job = new_job(held)
    claim = claimed(held)
    held.jobs.beat(claim, [Note(type="progress", data={"step": n}) for n in range(5)])
    held.jobs.finish(claim, JobState.SUCCEEDED, output={})
    return held.jobs.get(job.id)


def test_stream_of_a_finished_job_is_a_snapshot_and_done(api: httpx.Client, held: Services) -> None:
    job = finished_job(held)
    seen = stream(api, job.id)
    assert [frame["event"] for frame in seen] == ["snapshot", "done"]


def test_stream_shows_what_happens_until_done(api: httpx.Client, held: Services) -> None:
    job = new_job(held)
    seen: list[dict[str, str]] = []
    reader = threading.Thread(target=lambda: seen.extend(stream(api, job.id)))
    reader.start()
    wait_for(lambda: blocked_readers(held) > 0, "the stream to wait")
    held.jobs.ask(job.id, "cancel")
    reader.join(5)
    assert [frame["event"] for frame in seen] == ["snapshot", "state", "done"]
    wait_for(lambda: held.streams.open == 0, "the stream to be counted out")


def test_stream_resumes_without_gap_or_repetition(api: httpx.Client, held: Services) -> None:
    job = finished_job(held)
    entries = api.get(f"/v1/jobs/{job.id}/events").json()["data"]
    for position, entry in enumerate(entries[:-1]):
        seen = stream(api, job.id, entry["id"])
        assert [frame["id"] for frame in seen] == [e["id"] for e in entries[position + 1 :]]


def test_stream_read_to_its_end_has_nothing_more(api: httpx.Client, held: Services) -> None:
    job = finished_job(held)
    last = api.get(f"/v1/jobs/{job.id}/events").json()["last_id"]
    headers = ACCEPT | {"Last-Event-ID": last}
    assert api.get(f"/v1/jobs/{job.id}/events", headers=headers).status_code == 204


@pytest.mark.parametrize("last", ["1-1", "99999999999999-0", "nonsense"])
def test_stream_begins_anew_after_trimming(api: httpx.Client, held: Services, last: str) -> None:
    job = finished_job(held)
    held.jobs.client.xtrim(held.jobs.keys.events(job.id), maxlen=2, approximate=False)
    seen = stream(api, job.id, last)
    assert [frame["event"] for frame in seen] == ["reset", "snapshot", "done"]


def test_head_of_a_stream_ends(api: httpx.Client, held: Services) -> None:
    url = f"/v1/jobs/{new_job(held).id}/events"
    answer = api.head(url, headers=ACCEPT)
    assert (answer.status_code, answer.content) == (200, b"")
    wait_for(lambda: held.streams.open == 0, "the stream to be counted out")


def test_stream_of_a_gone_client_ends(api: httpx.Client, held: Services) -> None:
    url = f"/v1/jobs/{new_job(held).id}/events"
    with api.stream("GET", url, headers=ACCEPT) as answer:
        assert next(frames(answer))["event"] == "snapshot"
    wait_for(lambda: held.streams.open == 0, "the stream to be counted out")


def test_streams_and_polls_end_when_the_service_stops(api: httpx.Client, held: Services) -> None:
    job = new_job(held)
    held.streams.closing = True
    assert [frame["event"] for frame in stream(api, job.id)] == ["snapshot"]
    assert api.get(f"/v1/jobs/{job.id}?wait=30").json()["state"] == "queued"


def test_too_many_streams_are_refused(api: httpx.Client, held: Services) -> None:
    job = finished_job(held)
    held.streams.most = 0
    answer = api.get(f"/v1/jobs/{job.id}/events", headers=ACCEPT)
    assert (answer.status_code, answer.json()["code"]) == (429, "too_many_streams")
    assert int(answer.headers["Retry-After"]) > 0


@pytest.mark.parametrize(
    "path",
    [
        "/v1/jobs?created_after=0001-01-01T00:00:00%2B01:00",
        "/v1/jobs/{id}/events?after=99999999999999999999-0",
    ],
)
def test_values_beyond_all_ranges_are_refused(api: httpx.Client, held: Services, path: str) -> None:
    job = new_job(held)
    assert api.get(path.format(id=job.id)).status_code == 422
