"""Metrics, sample grids and the log of a job."""

import csv
import io
import json
import sys
from importlib import import_module
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import httpx
import pytest

from app import tables
from app.series import read_rows, thin
from app.services import Services
from app.tables import PARQUET, Table
from core.files import read_json
from core.generation import Picture
from core.records import Note
from core.schemas import JobKind, Model
from tests.app.records import put_checkpoint, put_snapshot

parquet: Any = import_module("pyarrow.parquet")


@pytest.fixture
def run(held: Services) -> tuple[str, Path]:
    """The URL and the folder of a job."""
    job, _ = held.jobs.create(JobKind.TRAIN, {"dataset": "ds-1", "model": "cats"})
    return f"/v1/jobs/{job.id}", held.jobs.home.job(job.id)


def write_metrics(folder: Path, steps: int) -> None:
    lines = [json.dumps({"step": n, "loss": n / 2, "fid": float("nan")}) for n in range(steps)]
    (folder / "metrics.jsonl").write_text("\n".join([*lines, '{"step": 99, "lo']))


def test_job_that_has_not_begun_has_nothing(api: httpx.Client, run: tuple[str, Path]) -> None:
    url, _ = run
    empty = {"object": "series", "steps": [], "series": {}}
    assert api.get(f"{url}/metrics").json() == empty
    assert api.get(f"{url}/samples").json()["data"] == []
    assert api.get(f"{url}/log").text == ""


def test_series_are_thinned_to_mean_and_extremes(api: httpx.Client, run: tuple[str, Path]) -> None:
    url, folder = run
    write_metrics(folder, 10)
    series = api.get(f"{url}/metrics?max_points=5&keys=loss").json()
    assert series["steps"] == [1, 3, 5, 7, 9]
    assert series["series"]["loss"]["mean"] == [0.25, 1.25, 2.25, 3.25, 4.25]
    assert series["series"]["loss"]["min"] == [0.0, 1.0, 2.0, 3.0, 4.0]
    assert series["series"]["loss"]["max"] == [0.5, 1.5, 2.5, 3.5, 4.5]


def test_series_continue_after_a_step(api: httpx.Client, run: tuple[str, Path]) -> None:
    url, folder = run
    write_metrics(folder, 10)
    assert api.get(f"{url}/metrics?since_step=7").json()["steps"] == [8, 9]


def as_csv(api: httpx.Client, url: str) -> list[list[str]]:
    answer = api.get(url, headers={"Accept": "text/csv"})
    assert answer.headers["Content-Type"].startswith("text/csv")
    assert answer.headers["Vary"] == "Accept"
    return list(csv.reader(io.StringIO(answer.text)))


def as_parquet(api: httpx.Client, url: str) -> dict[str, list[Any]]:
    answer = api.get(url, headers={"Accept": PARQUET})
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, PARQUET), answer.text
    return parquet.read_table(io.BytesIO(answer.content)).to_pydict()


def test_thinned_series_as_csv(api: httpx.Client, run: tuple[str, Path]) -> None:
    url, folder = run
    write_metrics(folder, 6)
    rows = as_csv(api, f"{url}/metrics?max_points=3")
    assert rows[0] == ["step", "loss", "loss_min", "loss_max"]
    assert rows[3] == ["5", "2.25", "2.0", "2.5"]


def test_tables_have_every_step_and_say_what_json_says(
    api: httpx.Client, run: tuple[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    url, folder = run
    monkeypatch.setattr(tables, "ROWS", 1000)  # several pieces
    write_metrics(folder, 2500)
    with open(folder / "metrics.jsonl", "a") as file:
        file.write('"}\n{"step": 2400, "loss": 7, "kd": 0.5}\n')  # repeated from there on
    json = api.get(f"{url}/metrics?max_points=0").json()
    assert json["steps"] == list(range(2401))
    values = {name: each["mean"] for name, each in json["series"].items()}
    assert values["kd"] == [None] * 2400 + [0.5]
    table = as_parquet(api, f"{url}/metrics")
    assert table == {"step": json["steps"]} | values
    columns = [[*map(str, json["steps"])], *values.values()]
    texts = [["" if value is None else str(value) for value in column] for column in columns]
    rows = [list(row) for row in zip(*texts, strict=True)]
    assert as_csv(api, f"{url}/metrics") == [["step", *values], *rows]
    some = as_parquet(api, f"{url}/metrics?keys=kd&since_step=2398")
    assert some == {"step": [2399, 2400], "kd": [None, 0.5]}


def test_tables_of_a_job_that_has_not_begun(api: httpx.Client, run: tuple[str, Path]) -> None:
    url, _ = run
    assert as_parquet(api, f"{url}/metrics") == {"step": []}
    assert as_csv(api, f"{url}/metrics") == [["step"]]


def test_parquet_is_never_thinned_out(api: httpx.Client, run: tuple[str, Path]) -> None:
    url, _ = run
    answer = api.get(f"{url}/metrics?max_points=10", headers={"Accept": PARQUET})
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")
    assert "leave max_points out" in answer.json()["detail"]


def test_without_pyarrow_there_is_advice(
    api: httpx.Client, run: tuple[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    url, _ = run
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    answer = api.get(f"{url}/metrics", headers={"Accept": PARQUET})
    assert (answer.status_code, answer.json()["code"]) == (406, "not_acceptable")
    assert "pip install 'ganvas[tracking]'" in answer.json()["detail"]


def test_a_file_that_is_rewritten_meanwhile_ends_the_table(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    path.write_text("".join(f'{{"step": {n}, "a": {n}}}\n' for n in (1, 2, 3)))
    table = Table(path, -1, None)
    path.write_text("".join(f'{{"step": {n}, "a": {n}}}\n' for n in (1, 7, 8)))
    assert list(table.pieces()) == [[(1, {"a": 1.0})]]


def test_repeated_step_counts_once(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    path.write_text("".join(f'{{"step": {n}, "a": {a}}}\n' for n, a in [(1, 1), (2, 2), (1, 5)]))
    assert read_rows(path, -1) == [(1, {"a": 5.0})]


def test_metric_that_is_missing_in_a_group_is_null() -> None:
    series = thin([(1, {"a": 1.0}), (2, {"b": 2.0})], None, 10)
    assert series.series["a"].mean == [1.0, None]
    assert series.series["b"].min == [None, 2.0]


def test_samples_are_listed_and_shown(api: httpx.Client, run: tuple[str, Path]) -> None:
    url, folder = run
    (folder / "samples").mkdir()
    for name in ("000000200.png", "000000010.png", ".000000300.png.1234.tmp", "x.png"):
        (folder / "samples" / name).write_bytes(name.encode())
    samples = api.get(f"{url}/samples").json()["data"]
    assert [sample["step"] for sample in samples] == [10, 200]
    answer = api.get(samples[1]["url"])
    assert (answer.content, answer.headers["Content-Type"]) == (b"000000200.png", "image/png")
    assert api.get(f"{url}/samples/11.png").status_code == 404
    assert api.get(f"{url}/samples/-1.png").status_code == 422


def test_samples_tell_when_they_were_drawn(api: httpx.Client, run: tuple[str, Path]) -> None:
    url, folder = run
    (folder / "samples").mkdir()
    for step in (10, 200):
        (folder / "samples" / f"{step:09d}.png").write_bytes(b"PNG")
    line = {"step": 200, "kimg": 0.8, "seconds": 31.5, "at": "2026-01-01T00:00:00+00:00"}
    earlier = line | {"kimg": 0.7}  # of an attempt whose step was repeated
    torn = '{"step": 10, "ki'
    (folder / "samples.jsonl").write_text("\n".join([*map(json.dumps, (earlier, line)), torn]))
    unknown, known = api.get(f"{url}/samples").json()["data"]
    assert (unknown["kimg"], unknown["seconds"], unknown["at"]) == (None, None, None)
    assert (known["kimg"], known["seconds"]) == (0.8, 31.5)
    assert known["at"] == "2026-01-01T00:00:00Z"


@pytest.mark.parametrize(
    ("resolved", "row", "further"),
    [
        ({"classes": ["cat", "dog"]}, ["cat", "dog", "cat"], "cat"),
        ({"classes": [f"c{n}" for n in range(10)]}, ["c0", "c8", "c6"], "c1"),
        (
            {"classes": [], "attributes": ["hat", "red"], "combinations": [[[0, 1], 5], [[], 2]]},
            ["hat,red", "none", "hat,red"],
            "hat,red",
        ),
    ],
)
def test_samples_tell_the_label_of_each_image(
    api: httpx.Client,
    held: Services,
    run: tuple[str, Path],
    resolved: dict[str, Any],
    row: list[str],
    further: str,
) -> None:
    """`row`: of the first column, `further`: of the second image."""
    url, _ = run
    assert api.get(f"{url}/samples").json()["labels"] is None
    claim = held.jobs.claim_next("train", "worker-1")
    assert claim is not None
    held.jobs.beat(claim, [Note(field="resolved", value=resolved)])
    listed = api.get(f"{url}/samples").json()
    assert (listed["columns"], len(listed["labels"])) == (8, 64)
    assert (listed["labels"][0:24:8], listed["labels"][1]) == (row, further)


def test_alarms_are_listed_as_long_as_the_job_is(api: httpx.Client, run: tuple[str, Path]) -> None:
    url, folder = run
    assert api.get(f"{url}/alarms").json() == {"object": "list", "data": []}
    alarm = {"step": 6, "kind": "stuck", "message": "Nothing.", "action": "tell"}
    alarm |= {"at": "2026-01-01T00:00:00Z"}
    text = json.dumps(alarm | {"seconds": 3.0})
    (folder / "alarms.jsonl").write_text(f'{text}\n{{"step": 7, "ki')
    assert api.get(f"{url}/alarms").json()["data"] == [alarm]
    assert api.get(url).json()["urls"]["alarms"] == f"{url}/alarms"
    assert api.get("/v1/jobs/job-none/alarms").status_code == 404


def test_checkpoints_are_listed_newest_first(api: httpx.Client, run: tuple[str, Path]) -> None:
    url, folder = run
    assert api.get(f"{url}/checkpoints").json() == {"object": "list", "data": []}
    for step in (100, 200):
        put_checkpoint(folder, step, kimg=step / 10)
    put_snapshot(folder, 100)
    (folder / "checkpoints" / "000000300-f1.safetensors").write_bytes(b"no header yet")
    (folder / "checkpoints" / "000000400-f1.json").write_text("{}")
    newest, oldest = api.get(f"{url}/checkpoints").json()["data"]
    assert (newest["step"], newest["kimg"], newest["model"]) == (200, 20.0, None)
    assert oldest == {
        "step": 100,
        "kimg": 10.0,
        "sha256": "5" * 64,
        "bytes": (folder / "checkpoints" / "000000100-f1.safetensors").stat().st_size,
        "model": f"job:{folder.name}@100",
        "published": [],
    }
    assert api.get("/v1/jobs/job-none/checkpoints").status_code == 404


def test_each_checkpoint_generates(api: httpx.Client, run: tuple[str, Path]) -> None:
    url, folder = run
    for step in (100, 200):
        put_checkpoint(folder, step)
        put_snapshot(folder, step, digest=str(step))
    listed = api.get(f"{url}/checkpoints").json()["data"]
    for record in listed:
        model = Model(**read_json(folder / "snapshots" / f"{record['step']:09d}" / "card.json"))
        etag = Picture(seeds=(1,)).etag(model)
        asked = {"model": record["model"], "seed": 1}
        answer = api.get("/v1/generate", params=asked, headers={"If-None-Match": etag})
        assert (answer.status_code, answer.headers["Cache-Control"]) == (304, "no-cache")
        assert record["model"] in unquote(answer.headers["Content-Location"])
    answer = api.get("/v1/generate", params={"model": f"job:{folder.name}@150"})
    assert answer.status_code == 404
    assert "there are: 100, 200" in answer.json()["detail"]


def test_log_is_the_last_64_kilobytes_as_text(api: httpx.Client, run: tuple[str, Path]) -> None:
    url, folder = run
    (folder / "log.txt").write_bytes(b"first\n" + b"\xff<b>" * 40_000 + b"last")
    answer = api.get(f"{url}/log")
    assert answer.headers["Content-Type"].startswith("text/plain")
    assert answer.text.endswith("last") and "first" not in answer.text
