"""An evaluation as its supervisor sees it: figures, files, and every way it can end."""

import json
import shutil
from typing import Any

import numpy as np
import pytest
from PIL import Image

from core.files import write_json
from core.generation import Picture
from core.registry import ModelStore
from core.settings import Settings
from tests.worker import datasets
from tests.worker.evaluations import DATASET, Evaluating, EvaluationDesk, put_dataset
from tests.worker.test_generate import batch, opened, studio
from worker.channel import DONE, FAILED, RELEASED

pytestmark = pytest.mark.service
LONG = {"n": 50_000}  # takes minutes


def evaluated(desk: EvaluationDesk, fence: int = 1) -> tuple[dict[str, Any], Evaluating]:
    """The result of an attempt that nothing happens to."""
    with Evaluating(desk, fence) as attempt:
        assert attempt.end() == DONE, attempt.seen
    return desk.result(fence), attempt


def failed(desk: EvaluationDesk, fence: int = 1) -> dict[str, Any]:
    with Evaluating(desk, fence) as attempt:
        assert attempt.end() == FAILED, attempt.seen
    return attempt.of("error")[0]


@pytest.fixture
def desk(settings: Settings) -> EvaluationDesk:
    return EvaluationDesk(settings)


def test_figures_pictures_and_where_they_come_from(settings: Settings) -> None:
    data = datasets.dataset(count=90, classes=("cat", "dog"))  # too few for classifiers
    desk = EvaluationDesk(settings, data)
    rows = [{"file": f"{i}.png", "label": ("cat", "dog")[i % 2]} for i in range(90)]
    index = "".join(json.dumps(row) + "\n" for row in rows)
    (desk.home.dataset(DATASET) / "index.jsonl").write_text(index)
    desk.request(n=70)
    result, attempt = evaluated(desk)
    model, metrics = desk.model, result["metrics"]
    assert result["model"] == {"name": "tiny", "version": 1, "digest": model.digest}
    assert (result["dataset"]["id"], result["dataset"]["same_as_training"]) == (DATASET, True)
    assert (metrics["n_real"], metrics["n_fake"], metrics["n_heldout"]) == (70, 70, 0)
    for name in ("kd", "precision", "recall", "density", "coverage", "swd"):
        assert isinstance(metrics[name], float) and isinstance(metrics[f"{name}_floor"], float)
    assert metrics["kd"] > metrics["kd_floor"]  # random weights
    assert metrics["path_length"] > metrics["path_length_sd"] > 0 and metrics["path_length_n"] == 70
    assert (metrics["space"], len(metrics["space_sha256"])) == ("rand64-v1", 64)
    assert metrics["fid"] is None and "2048 images" in metrics["fid_reason"]
    assert metrics["gan_test"] is None and "needs >= 100" in metrics["gan_test_reason"]
    first = result["nearest"][0]
    assert (len(result["nearest"]), first["label"] in ("cat", "dog")) == (8, True)
    assert first["file"] == f"{first['index']}.png" and 5 <= first["seed"] < 75
    assert result["libraries"]["torch"] and result["seconds"] > 0
    assert result["pictures"] == ["samples", "reals", "nearest"]
    for name in result["pictures"]:
        Image.open(desk.folder / "publish-f1" / f"{name}.png").verify()
    phases = [told["phase"] for told in attempt.of("phase")]
    assert phases == [
        "opening the space",
        "reading reals",
        "real features",
        "generating",
        "fake features",
        "measuring",
        "path length",
        "classifying",
        "official figures",
        "pictures",
    ]
    values = [told["value"] for told in attempt.of("progress")]
    assert values == sorted(values) and values[0] >= 0 and values[-1] <= 1
    assert desk.leftovers() == []


def test_same_request_gives_the_same_figures_and_the_second_reads_the_cache(
    desk: EvaluationDesk,
) -> None:
    first, attempt = evaluated(desk, 1)
    kept = {path: path.stat().st_ino for path in desk.home.features.iterdir()}
    second, again = evaluated(desk, 2)
    for name in ("metrics", "nearest", "classes"):
        assert first[name] == second[name]
    assert "real features" in str(attempt.of("phase"))
    assert "real features" not in str(again.of("phase"))
    assert len(kept) == 1
    assert kept == {path: path.stat().st_ino for path in desk.home.features.iterdir()}


def test_images_are_those_that_are_served(desk: EvaluationDesk) -> None:
    evaluated(desk)
    sheet = np.asarray(Image.open(desk.folder / "publish-f1" / "samples.png"))
    pictures = [Picture(seeds=(seed,)) for seed in range(5, 21)]  # the request's seed is 5
    images = studio(desk.settings).serve(batch(desk.model, *pictures))[0]
    for place, data in enumerate(images):
        row, column = (32 * part for part in divmod(place, 8))
        shown = sheet[row : row + 32, column : column + 32]
        assert np.array_equal(shown, np.asarray(opened(data)))


def test_held_out_images_make_the_floor(desk: EvaluationDesk) -> None:
    heldout = datasets.images(40, 32, 3)[::-1]
    np.save(desk.home.dataset(DATASET) / "heldout-32.npy", heldout)
    metrics = evaluated(desk)[0]["metrics"]
    assert (metrics["n_heldout"], metrics["floor_reference"]) == (40, "held-out")
    assert len(list(desk.home.features.iterdir())) == 2


def test_what_killed_attempts_left_is_removed_and_the_work_done_again(
    desk: EvaluationDesk,
) -> None:
    with Evaluating(desk, 1, crash_at="evaluation.measured") as attempt:
        assert attempt.end() == -9
    (desk.folder / ".scratch-f1.tmp").mkdir()
    assert desk.result(1)
    second, _ = evaluated(desk, 2)
    assert second["metrics"]["kd"] is not None
    assert not (desk.folder / "publish-f1").exists() and desk.leftovers() == []


def test_result_that_is_published_already_is_not_made_again(desk: EvaluationDesk) -> None:
    evaluated(desk)
    store = ModelStore(desk.home)
    store.add_evaluation(desk.model, desk.folder / "publish-f1", desk.folder.name)
    with Evaluating(desk, 2) as attempt:
        assert attempt.end() == DONE
    assert attempt.of("phase") == [] and attempt.of("result") == [{"cancelled": False}]


@pytest.mark.parametrize(("word", "code"), [("cancel", DONE), ("", RELEASED)])
def test_it_leaves_soon_when_it_is_told_to(desk: EvaluationDesk, word: str, code: int) -> None:
    desk.request(**LONG)
    with Evaluating(desk, 1) as attempt:
        attempt.until("phase", phase="generating")
        assert attempt.process.stdin is not None
        attempt.say(word) if word else attempt.process.stdin.close()
        assert attempt.end() == code, attempt.seen
    assert attempt.of("result") == ([{"cancelled": True}] if word else [])
    assert desk.leftovers() == [] and not (desk.folder / "publish-f1").exists()


def test_deadline_ends_it_with_what_to_do(desk: EvaluationDesk) -> None:
    desk.request(**LONG, deadline_minutes=0.05)
    error = failed(desk)
    assert error["code"] == "deadline_exceeded"
    assert "not done after 0.05 minutes; it was at: " in error["detail"]
    assert desk.leftovers() == []


def test_a_replaced_attempt_leaves_without_a_result(desk: EvaluationDesk) -> None:
    desk.request(**LONG)
    record = {"fence": 2, "attempt": 2, "shrink": 0, "version": 0}
    with Evaluating(desk, 1) as attempt:
        attempt.until("phase", phase="generating")
        write_json(desk.folder / "attempt.json", record)
        assert attempt.end() == RELEASED
    assert attempt.of("result") == attempt.of("error") == []


def test_model_or_images_that_have_gone_are_told(desk: EvaluationDesk) -> None:
    shutil.copytree(desk.home.dataset(DATASET), desk.home.dataset("kept"))
    shutil.rmtree(desk.home.dataset(DATASET))
    assert failed(desk)["code"] == "dataset_changed"
    desk.request(dataset_id="kept", dataset_sha256="1" * 64)
    assert failed(desk, 2)["code"] == "dataset_changed"
    desk.request(digest="0" * 64)
    assert "other weights" in failed(desk, 3)["detail"]
    ModelStore(desk.home).remove(desk.model.name, desk.model.version)
    assert failed(desk, 4)["code"] == "not_found"


def test_another_data_set_is_noted(desk: EvaluationDesk) -> None:
    other = datasets.Dataset(
        images=datasets.images(60, 32, 3), labels=None, classes=(), sha256="7" * 64
    )
    put_dataset(desk.home, other, "other")
    desk.request(dataset_id="other", dataset_sha256=other.sha256)
    assert evaluated(desk)[0]["dataset"]["same_as_training"] is False
