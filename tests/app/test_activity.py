"""GET /v1/events: the changes of all jobs in one stream."""

import json
import threading
from itertools import islice
from typing import Any

import httpx
import pytest

from app.services import Services
from core.records import Note
from core.schemas import JobKind, JobState
from tests.app.states import claimed, new_job
from tests.app.streams import ACCEPT, blocked_readers, frames
from tests.waiting import wait_for

URL = "/v1/events"


def read(api: httpx.Client, most: int, last: str | None = None) -> list[dict[str, Any]]:
    """The first events of a stream after `last`, with their data."""
    headers = ACCEPT | ({"Last-Event-ID": last} if last else {})
    with api.stream("GET", URL, headers=headers) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        seen = list(islice(frames(answer), most))
    return [frame | {"data": json.loads(frame["data"])} for frame in seen]


def several(held: Services) -> list[str]:
    """Two jobs that tell different things; answers their ids."""
    job, other = new_job(held), new_job(held, JobKind.INGEST)
    held.jobs.prioritise(job.id, 3)
    kinds = ("metrics", "progress", "phase", "log", "sample", "checkpoint", "alarm")
    held.jobs.beat(claimed(held, job), [Note(type=kind, data={"step": 1}) for kind in kinds])
    held.jobs.finish(claimed(held, other), JobState.SUCCEEDED, output={})
    return [job.id, other.id]


def test_every_change_of_every_job_but_for_metrics_and_log(
    api: httpx.Client, held: Services
) -> None:
    job, other = several(held)
    told = [(e["data"]["job"], e["type"]) for e in api.get(URL).json()["data"]]
    assert [kind for of, kind in told if of == job] == [
        "state",
        "priority",
        "state",
        "progress",
        "phase",
        "sample",
        "checkpoint",
        "alarm",
    ]
    assert [kind for of, kind in told if of == other] == ["state", "state", "state", "done"]


def test_pages_have_no_gaps(api: httpx.Client, held: Services) -> None:
    several(held)
    whole, ids, url = api.get(URL).json()["data"], [], f"{URL}?limit=5"
    while url:
        answer = api.get(url)
        ids += [event["id"] for event in answer.json()["data"]]
        url = answer.links.get("next", {}).get("url")
    assert ids == [event["id"] for event in whole]


def test_stream_marks_its_beginning_and_follows_all_jobs(api: httpx.Client, held: Services) -> None:
    before = new_job(held)
    seen: list[dict[str, Any]] = []
    reader = threading.Thread(target=lambda: seen.extend(read(api, 5)))
    reader.start()
    wait_for(lambda: blocked_readers(held) > 0, "the stream to wait")
    held.jobs.ask(before.id, "cancel")
    after = new_job(held)
    claimed(held, after)
    reader.join(5)
    assert [(frame["event"], frame["data"].get("job")) for frame in seen] == [
        ("snapshot", None),
        ("state", before.id),
        ("done", before.id),
        ("state", after.id),
        ("state", after.id),
    ]
    assert seen[1]["data"] | {"job": ""} == {
        "job": "",
        "state": "cancelled",
        "version": 2,
        "reason": "requested",
    }
    wait_for(lambda: held.streams.open == 0, "the stream to be counted out")


def test_stream_resumes_without_gap_or_repetition(api: httpx.Client, held: Services) -> None:
    several(held)
    ids = [event["id"] for event in api.get(URL).json()["data"]]
    for position, last in enumerate(ids[:-1]):
        rest = ids[position + 1 :]
        assert [frame["id"] for frame in read(api, len(rest), last)] == rest


def test_stream_that_began_before_the_first_job_misses_nothing(
    api: httpx.Client, held: Services
) -> None:
    (mark,) = read(api, 1)
    assert (mark["event"], mark["data"]) == ("snapshot", {})
    job = new_job(held)
    (frame,) = read(api, 1, mark["id"])
    assert (frame["event"], frame["data"]["job"]) == ("state", job.id)


@pytest.mark.parametrize("last", ["0-0", "1-1", "99999999999999-0", "nonsense"])
def test_stream_begins_anew_after_trimming(api: httpx.Client, held: Services, last: str) -> None:
    several(held)
    held.jobs.client.xtrim(held.jobs.keys.all_events, maxlen=2, approximate=False)
    newest = api.get(URL).json()["last_id"]
    reset, snapshot = read(api, 2, last)
    assert (reset["event"], reset.get("id")) == ("reset", None)
    assert (snapshot["event"], snapshot["id"]) == ("snapshot", newest)


@pytest.mark.parametrize("last", [f"{2**64}-0", f"1-{2**64}"])
def test_id_that_redis_cannot_read_is_a_reset_also_before_the_first_event(
    api: httpx.Client, last: str
) -> None:
    assert [frame["event"] for frame in read(api, 2, last)] == ["reset", "snapshot"]


def test_loss_of_redis_is_a_reset(api: httpx.Client, held: Services) -> None:
    job = new_job(held)
    last = api.get(URL).json()["last_id"]
    client = held.jobs.client
    client.delete(*client.scan_iter(f"{held.jobs.keys.root}*"))
    assert api.get("/v1/jobs").json()["data"][0]["id"] == job.id  # brought back from disk
    assert [frame["event"] for frame in read(api, 2, last)] == ["reset", "snapshot"]


def test_stream_of_all_jobs_is_bounded(held: Services) -> None:
    claim = claimed(held, new_job(held))
    notes = [Note(type="progress", data={"step": n}) for n in range(500)]
    for _ in range(22):
        held.jobs.beat(claim, notes)
    assert 10_000 <= held.jobs.client.xlen(held.jobs.keys.all_events) < 10_500


def test_it_counts_as_a_stream_and_ends_with_the_service(api: httpx.Client, held: Services) -> None:
    held.streams.closing = True
    assert [frame["event"] for frame in read(api, 9)] == ["snapshot"]
    held.streams.most = 0
    answer = api.get(URL, headers=ACCEPT)
    assert (answer.status_code, answer.json()["code"]) == (429, "too_many_streams")
    assert int(answer.headers["Retry-After"]) > 0
