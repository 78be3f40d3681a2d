"""Data sets and models on disk, and the frames that carry images."""

import json
from pathlib import Path
from typing import Any, cast

import pytest

from core.datasets import DatasetStore, sample_id, sample_request
from core.errors import Conflict, NotFound, NotReady
from core.evaluations import evaluations_of
from core.files import write_json
from core.generation import Picture, Point, pack_reply, unpack_reply
from core.registry import ModelStore
from core.settings import Settings

SHAPE = {"resolution": 32, "channels": 3, "z_dim": 8, "c_dim": 0}
HEADER = {"architecture": "r3", "shape": SHAPE, "classes": []}


@pytest.fixture(autouse=True)
def jobs_that_publish(settings: Settings) -> None:
    for name in ("job-1", "job-2"):
        settings.folders.job(name).mkdir()


def weights(folder: Path, content: bytes = b"w") -> Path:
    folder.mkdir(parents=True)
    (folder / "model.safetensors").write_bytes(content)
    write_json(folder / "model.json", HEADER)
    return folder


def test_data_set_is_preparing_then_ready_then_gone(settings: Settings) -> None:
    store = DatasetStore(settings.folders)
    dataset_id, folder = store.begin("Cats")
    store.attach(dataset_id, "job-1")
    assert (store.get(dataset_id).state, store.get(dataset_id).job) == ("preparing", "job-1")
    workspace = store.workspace(dataset_id, "job-1", 1)
    workspace.mkdir()
    write_json(workspace / "dataset.json", {"images": 3})
    ready = store.publish(workspace, dataset_id, "Cats", "job-1")
    store.discard(dataset_id)
    assert (ready.state, ready.images, folder.exists()) == ("ready", 3, False)
    assert store.find("Cats").id == dataset_id
    assert [dataset.id for dataset in store.all()] == [dataset_id]
    store.remove(dataset_id)
    with pytest.raises(NotFound):
        store.get(dataset_id)


def test_two_attempts_at_one_data_set_do_not_touch_each_other(settings: Settings) -> None:
    store = DatasetStore(settings.folders)
    first, second = (store.workspace("sample-1", job, 1) for job in ("job-1", "job-2"))
    assert first != second
    for number, folder in enumerate((first, second)):
        folder.mkdir()
        write_json(folder / "dataset.json", {"images": number})
    kept = store.publish(first, "sample-1", "sample", None)
    assert store.publish(second, "sample-1", "sample", None) == kept
    assert [entry.name for entry in settings.folders.datasets.iterdir()] == ["sample-1"]


@pytest.mark.parametrize("content", ["{", "[]", '{"name": "cats"}'])
def test_damaged_version_does_not_hide_the_others(settings: Settings, content: str) -> None:
    store = ModelStore(settings.folders)
    store.publish(weights(settings.home / "a"), "cats", {"job": "job-1"})
    (settings.folders.model("cats") / "1" / "card.json").write_text(content)
    store.publish(weights(settings.home / "b", b"v"), "dogs", {"job": "job-2"})
    assert [model.name for model in ModelStore(settings.folders).all()] == ["dogs"]


EVALUATION: dict[str, Any] = {
    "job": "job-bad",
    "created_at": "2026-01-01T00:00:00+00:00",
    "seconds": 1.0,
    "model": {},
    "dataset": {},
    "seed": 0,
    "metrics": {},
}


@pytest.mark.parametrize(
    "content",
    [
        b"{",
        b"[]",
        b"\xff\xfe",
        json.dumps({"job": "job-bad", "metrics": {}}).encode(),
        json.dumps(EVALUATION | {"created_at": 1767225600}).encode(),
        json.dumps(EVALUATION | {"metrics": None}).encode(),
        json.dumps(EVALUATION | {"job": "../../../secrets"}).encode(),
    ],
)
def test_damaged_evaluation_hides_neither_the_model_nor_other_evaluations(
    settings: Settings, content: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    store = ModelStore(settings.folders)
    model = store.publish(weights(settings.home / "a"), "cats", {"job": "job-1"})
    for job, text in (("job-bad", content), ("job-2", None)):
        folder = store.folder(model) / "evaluations" / job
        folder.mkdir(parents=True)
        whole = json.dumps(EVALUATION | {"job": job}).encode()
        (folder / "evaluation.json").write_bytes(text or whole)
    for _ in range(2):
        (found,) = ModelStore(settings.folders).all()
        assert found.evaluation is not None and found.evaluation["job"] == "job-2"
    assert [result["job"] for result in evaluations_of(store.folder(model))] == ["job-2"]
    assert caplog.text.count("cannot be read") == 1


def test_what_is_no_id_is_not_found(settings: Settings) -> None:
    store = DatasetStore(settings.folders)
    for wrong in (5, None, ["ds-1"], {"id": "ds-1"}):
        with pytest.raises(NotFound):
            store.get(cast(str, wrong))
        with pytest.raises(NotFound):
            store.find(cast(str, wrong))


def test_file_among_the_data_sets_is_none(settings: Settings) -> None:
    store = DatasetStore(settings.folders)
    dataset_id, _ = store.begin("Cats")
    (settings.folders.datasets / "notes").write_text("mine")
    assert [dataset.id for dataset in store.all()] == [dataset_id]
    with pytest.raises(NotFound):
        store.get("notes")


def test_name_of_two_data_sets_needs_an_id(settings: Settings) -> None:
    store = DatasetStore(settings.folders)
    for _ in range(2):
        store.begin("Cats")
    with pytest.raises(Conflict, match="use an id"):
        store.find("Cats")


def test_sample_reference() -> None:
    request = sample_request("sample:sprites", 32)
    assert request is not None and sample_id(request) == "sample-sprites-32-n4000-s0"
    assert sample_request("cats", None) is None
    with pytest.raises(NotFound, match="sprites"):
        sample_request("sample:dogs", None)


def test_models_get_versions_and_are_found_by_reference(settings: Settings) -> None:
    store = ModelStore(settings.folders)
    with pytest.raises(NotReady):
        store.resolve(None)
    first = store.publish(weights(settings.home / "a"), "cats", {"job": "job-1"})
    again = store.publish(weights(settings.home / "b"), "cats", {"job": "job-1"})
    second = store.publish(weights(settings.home / "c", b"v"), "cats", {"job": "job-2"})
    assert (first.version, again.version, second.version) == (1, 1, 2)
    assert first.digest != second.digest
    found = {text: store.resolve(text) for text in ("cats", "cats@latest", "cats@1")}
    assert [ref.model.version for ref in found.values()] == [2, 2, 1]
    assert [ref.pinned for ref in found.values()] == [False, False, True]
    newest = store.resolve(None)
    assert newest.model == second and (newest.folder / "model.safetensors").read_bytes() == b"v"


def test_number_of_a_removed_version_is_not_given_again(settings: Settings) -> None:
    store = ModelStore(settings.folders)
    store.publish(weights(settings.home / "a"), "cats", {"job": "job-1"})
    store.remove("cats", 1)
    again = store.publish(weights(settings.home / "b", b"v"), "cats", {"job": "job-2"})
    assert again.version == 2


def test_other_processes_see_new_and_removed_models(settings: Settings) -> None:
    writer, reader = ModelStore(settings.folders), ModelStore(settings.folders)
    assert reader.all() == []
    writer.publish(weights(settings.home / "a"), "cats", {"job": "job-1"})
    assert [model.name for model in reader.all()] == ["cats"]
    writer.remove("cats", 1)
    assert reader.all() == []


@pytest.mark.parametrize("reference", ["dogs", "cats@2", "cats@x", "cats@-1", "../cats", "cats@²"])
def test_unknown_references_are_not_found(settings: Settings, reference: str) -> None:
    store = ModelStore(settings.folders)
    store.publish(weights(settings.home / "a"), "cats", {"job": "job-1"})
    with pytest.raises(NotFound):
        store.resolve(reference)


def test_etag_depends_on_everything_that_decides_the_bytes(settings: Settings) -> None:
    store = ModelStore(settings.folders)
    model = store.publish(weights(settings.home / "a"), "cats", {"job": "job-1"})
    renamed = model.model_copy(update={"name": "dogs"})
    retrained = model.model_copy(update={"digest": "0" * 64})
    others = [{"seeds": (2,)}, {"seeds": ("1",)}, {"psi": 0.5}, {"size": 32}, {"format": "webp"}]
    points = [{"weights": (1,)}, {"weights": (2,)}, {"mix": 2}, {"mix": "2"}]
    points += [{"mix": 2, "mix_from": 8}, {"direction": 1, "amount": 2}]
    others += [{"point": Point.model_validate(point)} for point in points]
    tags = {Picture(**({"seeds": (1,)} | other)).etag(model) for other in others}
    picture = Picture(seeds=(1,))
    tags |= {picture.etag(named) for named in (model, renamed, retrained)}
    assert len(tags) == len(others) + 3
    assert picture.etag(model) == Picture(seeds=(1,)).etag(model)
    silent = Picture(seeds=(1,), metadata=False)  # the name is not in the file
    assert silent.etag(model) == silent.etag(renamed) != silent.etag(retrained)


def test_reply_frames_carry_bytes_unchanged() -> None:
    images = [b"\x00\xff" * 1000, b"", b"x"]
    head, back = unpack_reply(pack_reply({"id": "b", "ok": True}, images))
    assert (head["id"], back) == ("b", images)
