"""Publishing a checkpoint: a version with its lineage, once, whatever becomes of the training."""

import hashlib
import json
from pathlib import Path
from typing import Any

import httpx
import pytest

from app import checkpoints
from app.services import Services
from core.crashpoints import POINTS
from core.files import link_all, read_json, write_json
from core.janitor import Janitor
from core.registry import ModelStore
from core.schemas import JobKind
from tests.app.records import put_checkpoint, put_snapshot
from tests.app.states import STATES
from tests.core.test_stores import weights
from worker.kinds import Training

INPUT = {"dataset": "ds-1", "dataset_id": "ds-1", "dataset_name": "Cats", "model": "cats"}
RESOLVED = {"architecture": "r3", "dataset": {"sha256": "a" * 64, "images": 10}}


@pytest.fixture
def run(held: Services) -> tuple[str, Path]:
    """The URL and the folder of a training with two checkpoints."""
    job, _ = held.jobs.create(JobKind.TRAIN, INPUT, metadata={"of": "spring"})
    folder = held.jobs.home.job(job.id)
    for step in (100, 200):
        put_checkpoint(folder, step)
        digest = hashlib.sha256(f"weights at {step}".encode()).hexdigest()
        put_snapshot(folder, step, digest=digest)
        header = {"shape": {"resolution": 32, "channels": 3, "z_dim": 64}, "resolved": RESOLVED}
        facts = {"architecture": "r3", "steps": step, "kimg": step / 100}
        write_json(folder / "snapshots" / f"{step:09d}" / "model.json", header | facts)
    (folder / "samples").mkdir()
    (folder / "samples" / "000000090.png").write_bytes(b"PNG at 90")
    (folder / "samples" / "000000190.png").write_bytes(b"PNG at 190")
    lines = [{"step": step, "kimg": step / 100, "G": step / 10} for step in (50, 100, 150)]
    lines[0]["kd"] = 3.0
    (folder / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return f"/v1/jobs/{job.id}", folder


def test_a_checkpoint_becomes_a_version_with_its_lineage(
    api: httpx.Client, held: Services, run: tuple[str, Path]
) -> None:
    url, folder = run
    answer = api.post(f"{url}/checkpoints/100/publish")
    assert (answer.status_code, answer.headers["Location"]) == (201, "/v1/models/cats/versions/1")
    model = api.get(answer.headers["Location"]).json()
    assert (model["job"], model["steps"], model["kimg"]) == (folder.name, 100, 1.0)
    lineage = model["lineage"]
    assert (lineage["job"], lineage["checkpoint"]) == (folder.name, 100)
    assert lineage["dataset"] == {"id": "ds-1", "name": "Cats", "sha256": "a" * 64}
    assert lineage["metadata"] == {"of": "spring"}
    assert model["metrics"] == {"G": 10.0, "kd": 3.0}
    assert api.get(model["urls"]["samples"]).content == b"PNG at 90"
    own = held.models.folder(held.models.get("cats", 1)) / "model.safetensors"
    assert own.read_bytes() == b"weights at 100"


def test_asked_twice_it_is_one_version(api: httpx.Client, run: tuple[str, Path]) -> None:
    url, folder = run
    first = api.post(f"{url}/checkpoints/100/publish")
    again = api.post(f"{url}/checkpoints/100/publish", json={})
    assert (again.status_code, again.json()["version"]) == (200, first.json()["version"])
    for path in (folder / "snapshots" / "000000100").iterdir():
        path.unlink()
    (folder / "snapshots" / "000000100").rmdir()  # the training keeps the newest only
    late = api.post(f"{url}/checkpoints/100/publish")
    assert (late.status_code, late.json()["digest"]) == (200, first.json()["digest"])
    other = api.post(f"{url}/checkpoints/200/publish", json={"name": "dogs"})
    assert (other.json()["name"], other.json()["version"]) == ("dogs", 1)
    listed = api.get(f"{url}/checkpoints").json()["data"]
    assert [one["published"] for one in listed] == [["dogs@1"], []]


def test_an_alias_means_it_at_once(api: httpx.Client, run: tuple[str, Path]) -> None:
    url, _ = run
    for step in (100, 200, 200):
        answer = api.post(f"{url}/checkpoints/{step}/publish", json={"alias": "stable"})
    assert answer.json()["aliased_as"] == ["latest", "stable"]
    alias = api.get("/v1/models/cats/aliases/stable").json()
    assert alias["version"] == 2 and len(alias["history"]) == 2
    refused = api.post(f"{url}/checkpoints/100/publish", json={"alias": "latest", "name": "new"})
    assert refused.status_code == 409 and api.get("/v1/models/new").status_code == 404


@pytest.mark.parametrize("state", STATES)
def test_it_works_in_every_state(
    api: httpx.Client, held: Services, run: tuple[str, Path], state: str
) -> None:
    url, folder = run
    STATES[state](held, held.jobs.get(folder.name))
    before = api.get(url).json()
    assert api.post(f"{url}/checkpoints/200/publish").status_code == 201
    assert api.get(url).json() == before
    assert not list(held.jobs.home.uploads.iterdir())


def test_what_is_not_there_is_refused(api: httpx.Client, run: tuple[str, Path]) -> None:
    url, _ = run
    answer = api.post(f"{url}/checkpoints/150/publish")
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    assert "there are: 100, 200" in answer.json()["detail"]
    assert api.post("/v1/jobs/job-none/checkpoints/1/publish").status_code == 404
    assert api.post(f"{url}/checkpoints/-1/publish").status_code == 422
    assert api.post(f"{url}/checkpoints/100/publish", json={"nam": "x"}).status_code == 422
    plain = {"Content-Type": "text/plain"}
    form = api.post(f"{url}/checkpoints/100/publish", content='{"name": "x"}', headers=plain)
    assert form.status_code == 415
    assert api.get("/v1/models").json()["data"] == []


class Killed(BaseException):
    """What a test raises in place of SIGKILL."""


@pytest.mark.parametrize("point", ["file.written", "file.synced", "file.renamed"])
def test_killed_in_the_middle_and_asked_again_there_is_one_version(
    api: httpx.Client,
    held: Services,
    run: tuple[str, Path],
    point: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert point in POINTS
    url, folder = run
    job = held.jobs.get(folder.name)

    def die(name: str) -> None:
        if name == point:
            raise Killed

    with monkeypatch.context() as patch:
        patch.setattr("core.files.crash_point", die)
        patch.setattr(checkpoints, "remove_tree", lambda path: None)
        with pytest.raises(Killed):
            checkpoints._version(held, job, 100, "cats")
    assert api.get("/v1/models").json()["data"] == []
    assert api.post(f"{url}/checkpoints/100/publish").status_code == 201
    assert [model.version for model in held.models.versions("cats")][1:] == []
    held.jobs.ask(job.id, "cancel")
    Janitor(held.jobs, 30).tidy()
    assert api.post(f"{url}/checkpoints/100/publish").status_code == 200


def test_the_training_publishes_its_own_end_as_if_nothing_had_been(
    api: httpx.Client, held: Services, run: tuple[str, Path]
) -> None:
    """Also when what was published of it is removed while its end stands ready."""
    url, folder = run
    claim = held.jobs.claim_next("train", "worker-1")
    assert claim is not None
    ready = weights(folder / f"publish-f{claim.fence}", b"the end")
    for step in (100, 200):
        assert api.post(f"{url}/checkpoints/{step}/publish").status_code == 201
    assert api.delete("/v1/models/cats/versions/1").status_code == 204
    assert ready.exists()
    training = Training(held.jobs.home, ModelStore(held.jobs.home))
    result: dict[str, Any] = {"published": True, "resolved": RESOLVED, "metrics": {}}
    output = training.publish(held.jobs.get(folder.name), claim, result)
    assert output["version"] == 3
    assert [model.version for model in held.models.versions("cats")] == [3, 2]
    assert "checkpoint" not in held.models.get("cats", 3).lineage


def test_weights_and_header_are_of_one_checkpoint(run: tuple[str, Path], tmp_path: Path) -> None:
    _, folder = run
    snapshot, target = folder / "snapshots" / "000000100", tmp_path / "target"
    target.mkdir()

    def names() -> Any:
        yield "model.safetensors"
        snapshot.rename(tmp_path / "older")  # the training saves this step again
        put_snapshot(folder, 100)
        yield "model.json"

    link_all(snapshot, names(), target)
    assert read_json(target / "model.json")["steps"] == 100
