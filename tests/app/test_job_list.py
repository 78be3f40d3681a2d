"""The list of jobs: filters, search, and pages of bounded work."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from app import job_list
from app.services import Services
from core.records import Note
from core.schemas import Job, JobKind, JobState


def new_job(held: Services, kind: JobKind = JobKind.TRAIN, **fields: Any) -> Job:
    metadata = fields.pop("metadata", None)
    input = {"dataset": "ds-1", "model": "cats", **fields}
    return held.jobs.create(kind, input, metadata=metadata)[0]


def listed(api: httpx.Client, **query: Any) -> list[str]:
    """The ids of all pages."""
    return [job["id"] for page in pages(api, **query) for job in page["data"]]


def pages(api: httpx.Client, **query: Any) -> Iterator[dict[str, Any]]:
    more = True
    while more:
        page = api.get("/v1/jobs", params=query).json()
        yield page
        more, query["after"] = page["has_more"], page["last_id"]


def test_jobs_are_listed_newest_first_in_pages(api: httpx.Client, held: Services) -> None:
    ids = sorted((new_job(held).id for _ in range(5)), reverse=True)
    first = api.get("/v1/jobs?limit=2")
    assert [job["id"] for job in first.json()["data"]] == ids[:2]
    assert first.json()["has_more"]
    rest, url = [], first.links["next"]["url"]
    while url:
        answer = api.get(url)
        rest += [job["id"] for job in answer.json()["data"]]
        url = answer.links.get("next", {}).get("url")
    assert rest == ids[2:]


def test_jobs_are_filtered(api: httpx.Client, held: Services) -> None:
    job, other = new_job(held), new_job(held, model="dogs")
    held.jobs.ask(other.id, "cancel")
    ingestion = new_job(held, JobKind.INGEST, name="Tabbies")
    assert listed(api, model="dogs") == [other.id]
    assert listed(api, state="queued", kind="train") == [job.id]
    assert listed(api, state="running,cancelled") == [other.id]
    assert listed(api, kind="ingest,evaluate") == [ingestion.id]
    assert listed(api, created_after="2100-01-01T00:00:00Z") == []
    assert len(listed(api, created_after="2020-01-01T00:00:00")) == 3


@pytest.mark.parametrize(
    "query",
    [
        *("limit=0", "limit=1e9", "after=%2e%2e", "state=odd", "lmit=3", "state=queued,odd"),
        *("kind=", "view=tall", f"q={'a' * 201}"),
    ],
)
def test_bad_list_parameters_are_refused(api: httpx.Client, query: str) -> None:
    answer = api.get(f"/v1/jobs?{query}")
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"].startswith("#/query/")


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("SIAM", True),
        ("tabby", True),
        ("ds-77", True),
        ("Owner Straße", True),
        ("siam owner", True),
        ("siam dog", False),
        ("generate", False),
        ("   ", True),
    ],
)
def test_every_word_is_searched_in_what_a_job_is_called(
    api: httpx.Client, held: Services, words: str, found: bool
) -> None:
    names: Any = {"model": "siamese", "dataset_name": "Tabby cats", "dataset_id": "ds-77"}
    job = new_job(held, **names, task="generate", metadata={"owner": "STRASSE 5"})
    assert listed(api, q=words) == ([job.id] if found else [])
    assert listed(api, q=job.id[4:].upper()) == [job.id]


def test_a_search_stops_after_some_work_and_goes_on_where_it_stopped(
    api: httpx.Client, held: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(job_list, "CHUNK", 2)
    monkeypatch.setattr(job_list, "LOOKED_AT", 4)
    oldest = new_job(held, model="rare")
    for _ in range(8):
        new_job(held)
    newer = new_job(held, model="rare")
    new_job(held)
    found = list(pages(api, q="rare"))
    assert [[job["id"] for job in page["data"]] for page in found] == [[newer.id], [], [oldest.id]]
    answer = api.get("/v1/jobs?q=rare")
    assert answer.links["next"]["url"].endswith(f"after={answer.json()['last_id']}")
    assert listed(api, q="rare", limit=1) == [newer.id, oldest.id]
    assert listed(api, model="nothing") == []


def test_rows_are_short(api: httpx.Client, held: Services) -> None:
    new_job(held, options={"lr": 0.001}, dataset_name="Tabby", metadata={"a": "b"})
    claim = held.jobs.claim_next("train", "worker-1")
    assert claim is not None
    spec = {"recipe": {f"option {n}": n for n in range(100)}}
    progress = {"value": 0.5, "step": 3}
    notes = [Note(field="resolved", value=spec), Note(field="progress", value=progress)]
    held.jobs.beat(claim, [*notes, Note(field="metrics", value={"G": 1.0})])
    (whole,) = api.get("/v1/jobs").json()["data"]
    (row,) = api.get("/v1/jobs?view=short").json()["data"]
    assert row["input"] == {"dataset": "ds-1", "dataset_name": "Tabby", "model": "cats"}
    assert (row["resolved"], row["metrics"], row["history"]) == (None, {}, [])
    same = row.keys() - {"input", "resolved", "metrics", "history", "urls", "committed"}
    assert {name: row[name] for name in same} == {name: whole[name] for name in same}
    offered = {"self", "cancel", "pause", "checkpoint", "sample"}
    assert set(row["urls"]) == offered and row["urls"].items() <= whole["urls"].items()


def test_short_rows_tell_places_and_ends(api: httpx.Client, held: Services) -> None:
    ended, waiting = new_job(held), new_job(held)
    claim = held.jobs.claim_next("train", "worker-1")
    assert claim is not None and claim.id == ended.id
    error = {"code": "diverged", "detail": "No numbers."}
    held.jobs.finish(claim, JobState.FAILED, error=error)
    last, first = api.get("/v1/jobs?view=short&state=queued,failed").json()["data"]
    assert (last["id"], last["queue_position"]) == (waiting.id, 0)
    assert (first["error"], first["finished_at"] is None) == (error, False)
