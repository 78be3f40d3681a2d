"""Figures with official names: closed forms, and when there are none."""

import json
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch

from core.files import sha256_of
from tests.worker.random_weights import TINY, dino_tensors, inception_tensors
from worker.evaluation import official as module
from worker.evaluation.dinov2 import DinoSpace
from worker.evaluation.distances import frechet_distance, kernel_distance
from worker.evaluation.inception import InceptionSpace
from worker.evaluation.official import inception_score, official_metrics
from worker.evaluation.weights import DINO, INCEPTION

KEYS = {"fid", "kid", "kid_sd", "is", "is_sd", "fd_dinov2"}


def images(count: int, brightest: int = 256) -> np.ndarray:
    random = np.random.default_rng(brightest)
    return random.integers(0, brightest, (count, 8, 8, 3), dtype=np.uint8)


def provide(folder: Path, source_sha256: str) -> None:
    path = folder / f"{INCEPTION.name}.safetensors"
    safetensors.torch.save_file(inception_tensors(), path)
    record = {"source_sha256": source_sha256, "tensors_sha256": sha256_of(path)}
    (folder / f"{INCEPTION.name}.json").write_text(json.dumps(record))


def test_inception_score_of_equal_answers_is_one() -> None:
    assert inception_score(np.zeros((100, 7))) == pytest.approx((1.0, 0.0))


def test_inception_score_of_k_classes_told_for_sure_is_k() -> None:
    answers = 50.0 * np.eye(5).repeat(8, axis=0)
    assert inception_score(answers, splits=1)[0] == pytest.approx(5.0)


def test_inception_score_is_that_of_its_definition() -> None:
    logits = np.random.default_rng(0).normal(size=(40, 6))
    p = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    divergence = (p * np.log(p / p.mean(0))).sum(1).mean()
    assert inception_score(logits, splits=1)[0] == pytest.approx(np.exp(divergence))
    mean, deviation = inception_score(logits)
    assert 1 < mean < 6 and deviation > 0


def test_without_weights_every_figure_has_a_reason(tmp_path: Path) -> None:
    told: list[float] = []
    found = official_metrics(images(2048), images(2048), tmp_path, told.append)
    assert {name for name in found if found[name] is None} == KEYS
    for name in KEYS:
        assert "weights not found" in found[f"{name}_reason"]
    assert told == [1.0]


def test_too_few_images_are_a_reason(tmp_path: Path) -> None:
    found = official_metrics(images(2048), images(2047), tmp_path, lambda done: None)
    assert found["fid"] is None and found["fid_reason"] == "needs >= 2048 images"
    assert found["fd_dinov2_reason"] == "needs >= 2048 images"
    assert "weights not found" in found["kid_reason"]
    few = official_metrics(images(99), images(99), tmp_path, lambda done: None)
    assert few["kid_sd_reason"] == few["is_reason"] == "needs >= 100 images"


def test_random_weights_are_never_called_fid(tmp_path: Path) -> None:
    provide(tmp_path, "0" * 64)
    found = official_metrics(images(2048), images(2048), tmp_path, lambda done: None)
    for name in ("fid", "kid", "is"):
        assert found[name] is None and "unknown hash" in found[f"{name}_reason"]


def few(monkeypatch: pytest.MonkeyPatch, *names: str) -> None:
    """A handful of images are enough for these figures, and none for others."""
    monkeypatch.setattr(module, "FEWEST", {n: 3 if n in names else 9999 for n in module.FEWEST})
    monkeypatch.setattr(module, "SPLITS", 1)


def test_kid_and_is_are_those_of_the_features(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Here random weights pass for official ones."""
    few(monkeypatch, "kid", "is")
    provide(tmp_path, INCEPTION.sha256)
    real, fake = images(3), images(3, brightest=128)
    told: list[float] = []
    found = official_metrics(real, fake, tmp_path, told.append, (INCEPTION,))
    space = InceptionSpace(inception_tensors(), "0" * 64)
    one, other = space.features(real), space.features(fake)
    assert (found["kid"], found["kid_sd"]) == pytest.approx(kernel_distance(one, other), rel=1e-3)
    assert found["is"] == pytest.approx(inception_score(space.logits(other), 1)[0], rel=1e-4)
    assert found["is_sd"] == 0.0 and found["fid"] is None
    assert told == sorted(told) and told[-1] == 1.0


def test_frechet_distances_are_those_of_the_features(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Here a tiny network passes for the official one."""
    few(monkeypatch, "fd_dinov2")
    saved = tmp_path / f"{DINO.name}.safetensors"
    safetensors.torch.save_file(dino_tensors(), saved)
    record = {"source_sha256": DINO.sha256, "tensors_sha256": sha256_of(saved)}
    (tmp_path / f"{DINO.name}.json").write_text(json.dumps(record))
    tiny = replace(DINO, space=partial(DinoSpace, sizes=TINY))
    real, fake = images(6), images(9, brightest=128)
    found = official_metrics(real, fake, tmp_path, lambda done: None, (tiny,))
    space = DinoSpace(dino_tensors(), "0" * 64, TINY)
    expected = frechet_distance(space.features(real), space.features(fake))
    assert found == {"fd_dinov2": pytest.approx(expected, rel=1e-4)}
