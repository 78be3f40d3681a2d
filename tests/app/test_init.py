"""Trainings that begin with the weights of a model: which fit, and what is put into the job."""

from collections.abc import Callable
from typing import Any

import httpx
import pytest

from app.services import Services
from core.schemas import Dataset, Job, JobKind, Model
from tests.app.records import put_checkpoint, put_snapshot

Put = Callable[..., Dataset]
Publish = Callable[..., Model]


@pytest.fixture(autouse=True)
def _workshop(trainer: None, dataset: Put) -> None:
    dataset("ds-1", channels=3)


def begin(api: httpx.Client, model: str, dataset: str = "ds-1", **fields: Any) -> httpx.Response:
    body = {"dataset": dataset, "init_from": model} | fields
    return api.post("/v1/train", json=body)


def pointers(answer: httpx.Response) -> list[str]:
    return [error["pointer"] for error in answer.json()["errors"]]


def test_training_begins_with_a_model(api: httpx.Client, held: Services, publish: Publish) -> None:
    model = publish("tom")
    answer = begin(api, "tom@1")
    assert answer.status_code == 202, answer.text
    job = answer.json()
    origin = {"name": "tom", "version": 1, "digest": model.digest}
    assert (job["input"]["origin"], job["input"]["resolution"]) == (origin, 32)
    assert (job["input"]["init_from"], job["input"]["model"]) == ("tom@1", "cats")
    folder, source = held.jobs.home.job(job["id"]) / "init", held.models.folder(model)
    assert {path.name for path in folder.iterdir()} == {"model.safetensors", "model.json"}
    for path in folder.iterdir():
        assert path.samefile(source / path.name)


def test_checkpoint_of_the_model_comes_along(
    api: httpx.Client, held: Services, publish: Publish
) -> None:
    publish("tom", job="job-1", steps=200)
    source = held.jobs.home.job("job-1")
    for step in (100, 200, 300):
        put_checkpoint(source, step)
    job = begin(api, "tom").json()
    folder = held.jobs.home.job(job["id"]) / "init"
    for suffix in (".safetensors", ".json"):
        found = folder / f"checkpoint{suffix}"
        assert found.samefile(source / "checkpoints" / f"000000200-f1{suffix}")


def test_training_begins_with_the_checkpoint_of_a_job(api: httpx.Client, held: Services) -> None:
    job, _ = held.jobs.create(JobKind.TRAIN, {"dataset": "ds-1", "model": "tom"})
    source = held.jobs.home.job(job.id)
    for step in (100, 200):
        put_checkpoint(source, step)
        put_snapshot(source, step)
    answer = begin(api, f"job:{job.id}@100")
    folder = held.jobs.home.job(answer.json()["id"]) / "init"
    assert (folder / "model.safetensors").read_bytes() == b"weights at 100"
    assert (folder / "checkpoint.json").samefile(source / "checkpoints" / "000000100-f1.json")


@pytest.mark.parametrize(
    ("model", "status", "code"),
    [
        ("none", 404, "not_found"),
        ("tom@9", 404, "not_found"),
        ("../tom", 404, "not_found"),
        ("", 404, "not_found"),
        ("job:job-none", 404, "not_found"),
        ("job:../tom", 404, "not_found"),
        ("job:{waiting}", 409, "not_ready"),
    ],
)
def test_model_that_there_is_not_is_refused(
    api: httpx.Client, held: Services, publish: Publish, model: str, status: int, code: str
) -> None:
    publish("tom")
    waiting, _ = held.jobs.create(JobKind.TRAIN, {"dataset": "ds-1", "model": "tom"})
    answer = begin(api, model.format(waiting=waiting.id))
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert pointers(answer) == ["#/init_from"]
    assert len(list(held.jobs.home.jobs.glob("job-*"))) == 2


def test_model_that_is_replaced_at_this_moment_is_asked_for_again(
    api: httpx.Client, held: Services
) -> None:
    job, _ = held.jobs.create(JobKind.TRAIN, {"dataset": "ds-1", "model": "tom"})
    put_snapshot(held.jobs.home.job(job.id), 100)
    (held.jobs.home.job(job.id) / "snapshots" / "000000100" / "model.safetensors").unlink()
    answer = begin(api, f"job:{job.id}")
    assert (answer.status_code, answer.json()["code"]) == (409, "conflict")
    assert [path.name for path in held.jobs.home.jobs.glob("job-*")] == [job.id]


def test_resolution_has_to_be_the_models(api: httpx.Client, publish: Publish) -> None:
    publish("tom")
    answer = begin(api, "tom", resolution=64)
    assert (answer.status_code, pointers(answer)) == (422, ["#/resolution"])
    assert "ask for resolution 32" in answer.json()["detail"]


def test_set_has_to_be_prepared_at_the_models_resolution(
    api: httpx.Client, publish: Publish, dataset: Put
) -> None:
    publish("tom")
    dataset("ds-64", channels=3, resolutions=[64])
    answer = begin(api, "tom", "ds-64")
    assert (answer.status_code, pointers(answer)) == (422, ["#/resolution"])


def test_colours_have_to_be_the_models(api: httpx.Client, publish: Publish, dataset: Put) -> None:
    publish("tom")
    dataset("ds-grey", channels=1)
    answer = begin(api, "tom", "ds-grey")
    assert (answer.status_code, pointers(answer)) == (422, ["#/dataset"])
    assert "the data set holds grey pictures" in answer.json()["detail"]


@pytest.mark.parametrize(
    ("options", "refused"),
    [
        ({"architecture": "dcgan"}, ["#/options/architecture"]),
        ({"width": 16, "lr": 0.01}, ["#/options/width"]),
        ({"z_dim": 32, "width": 16}, ["#/options/width", "#/options/z_dim"]),
        ({"architecture": "r3", "width": 8, "z_dim": 64, "batch": 4}, []),
    ],
)
def test_networks_are_the_models(
    api: httpx.Client, publish: Publish, options: dict[str, Any], refused: list[str]
) -> None:
    publish("tom", resolved={"architecture": "r3", "options": {"width": 8}})
    answer = begin(api, "tom", options=options)
    assert answer.status_code == (422 if refused else 202), answer.text
    if refused:
        assert pointers(answer) == refused
        assert "leave it out" in answer.json()["detail"]


def test_networks_of_a_running_job_are_its_own(api: httpx.Client, held: Services) -> None:
    job, _ = held.jobs.create(JobKind.TRAIN, {"dataset": "ds-1", "model": "tom"})
    put_snapshot(held.jobs.home.job(job.id), 100, resolved={"options": {"width": 8}})
    answer = begin(api, f"job:{job.id}", options={"width": 16})
    assert (answer.status_code, pointers(answer)) == (422, ["#/options/width"])


def test_sample_that_is_not_drawn_yet_is_drawn_for_the_model(
    api: httpx.Client, publish: Publish
) -> None:
    publish("tom", classes=["bug", "cat"])
    job = Job(**begin(api, "tom", "sample:sprites").json())
    assert job.input["dataset_id"] == "sample-sprites-32-n4000-s0"
    assert job.input["resolution"] == 32
    answer = begin(api, "tom", "sample:sprites", resolution=64)
    assert (answer.status_code, pointers(answer)) == (422, ["#/resolution"])


@pytest.mark.parametrize(
    ("classes", "label_map"),
    [
        (["tabby", "calico"], None),
        (["calico", "tabby"], None),
        (["calico"], None),
        (["tabby", "lynx"], {"lynx": "tabby"}),
        (["tabby", "lynx"], {"lynx": None}),
        (["lynx", "tiger"], {"lynx": "tabby", "tiger": "tabby"}),
        (["tabby", "calico"], {"tabby": "calico", "calico": "tabby"}),
    ],
)
def test_classes_are_matched_by_name(
    api: httpx.Client,
    publish: Publish,
    dataset: Put,
    classes: list[str],
    label_map: dict[str, str | None] | None,
) -> None:
    publish("tom", classes=["tabby", "calico"])
    dataset("ds-2", channels=3, classes=classes)
    answer = begin(api, "tom", "ds-2", label_map=label_map)
    assert answer.status_code == 202, answer.text
    assert answer.json()["input"]["label_map"] == label_map


@pytest.mark.parametrize(
    ("classes", "label_map", "pointer"),
    [
        (["tabby", "lynx"], None, "#/label_map/lynx"),
        (["tabby", "lynx"], {"lynx": "puma"}, "#/label_map/lynx"),
        (["tabby", "lynx"], {"linx": "tabby"}, "#/label_map/linx"),
        ([], None, "#/init_from"),
    ],
)
def test_classes_that_the_model_does_not_know_are_refused(
    api: httpx.Client,
    publish: Publish,
    dataset: Put,
    classes: list[str],
    label_map: dict[str, str | None] | None,
    pointer: str,
) -> None:
    publish("tom", classes=["tabby", "calico"])
    dataset("ds-2", channels=3, classes=classes)
    answer = begin(api, "tom", "ds-2", label_map=label_map)
    assert (answer.status_code, pointers(answer)) == (422, [pointer])


def test_retry_begins_with_the_model_again(
    api: httpx.Client, held: Services, publish: Publish
) -> None:
    model = publish("tom")
    job_id = begin(api, "tom").json()["id"]
    held.models.remove("tom", 1)
    held.jobs.ask(job_id, "cancel")
    again = api.post(f"/v1/jobs/{job_id}/retry").json()
    folder = held.jobs.home.job(again["id"]) / "init"
    assert (folder / "model.safetensors").read_bytes() == b"job-1"
    assert again["input"]["origin"]["digest"] == model.digest
