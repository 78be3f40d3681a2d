"""GAN-train and GAN-test on drawn shapes; few steps are enough for these."""

from collections.abc import Iterator

import numpy as np
import pytest

from tests.worker.shapes import SHAPES, shapes
from worker.evaluation import classifier
from worker.evaluation.classifier import GanScores, Labelled, gan_scores, split

REAL, HELD_OUT = shapes(400, seed=0), shapes(200, seed=1)


@pytest.fixture(autouse=True)
def few_steps(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(classifier, "STEPS", 30)
    monkeypatch.setattr(classifier, "BATCH", 32)
    yield


def scored(fake: Labelled, heldout: Labelled = HELD_OUT, seed: int = 0) -> GanScores:
    return gan_scores(
        real=REAL,
        heldout=heldout,
        fake=fake,
        classes=SHAPES,
        seed=seed,
        progress=lambda done: None,
    )


def figure(scores: GanScores, name: str) -> float:
    value = scores.flat[name]
    assert isinstance(value, float)
    return value


def test_a_perfect_copy_of_held_out_images_scores_the_floor() -> None:
    scores = scored(HELD_OUT)
    assert scores.flat["gan_test"] == scores.flat["classifier_floor"]
    floor = figure(scores, "classifier_floor")
    assert floor > 0.9
    assert figure(scores, "classifier_floor_sd") == pytest.approx(
        (floor * (1 - floor) / 200) ** 0.5
    )


def test_fresh_images_of_the_same_kind_score_about_the_floor() -> None:
    scores = scored(shapes(400, seed=2))
    floor = figure(scores, "classifier_floor")
    assert abs(figure(scores, "gan_test") - floor) < 0.12
    assert abs(figure(scores, "gan_train") - floor) < 0.12
    means = [record["real"] for record in scores.classes.values()]
    assert list(scores.classes) == list(SHAPES) and min(v for v in means if v is not None) > 0.8
    assert sum(record["n"] or 0 for record in scores.classes.values()) == 400


def test_shuffled_labels_score_as_chance() -> None:
    fake = shapes(400, seed=2)
    order = np.random.default_rng(0).permutation(len(fake.labels))
    scores = scored(Labelled(images=fake.images, labels=fake.labels[order]))
    assert figure(scores, "gan_test") < 0.4
    assert figure(scores, "gan_train") < 0.55
    assert figure(scores, "classifier_floor") > 0.9


def test_a_class_that_is_never_made_is_seen_by_gan_train_only() -> None:
    fake = shapes(400, seed=2)
    scores = scored(fake.part(np.flatnonzero(fake.labels != 2)))
    ring = scores.classes["ring"]
    assert ring["gan_test"] is None and ring["n"] == 0
    assert ring["gan_train"] == 0.0
    assert figure(scores, "gan_test") > 0.9


def test_equal_seeds_give_equal_scores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(classifier, "STEPS", 4)
    fake = shapes(120, seed=2)
    once = scored(fake, seed=5)
    assert scored(fake, seed=5) == once != scored(fake, seed=6)


def test_images_without_a_class_are_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(classifier, "STEPS", 4)
    fake = shapes(150, seed=2)
    labels = np.concatenate([fake.labels, np.full(50, -1)])
    more = Labelled(images=np.concatenate([fake.images, fake.images[:50]]), labels=labels)
    assert scored(more) == scored(fake)


def test_what_cannot_be_scored_has_a_reason() -> None:
    few = scored(shapes(99, seed=2))
    assert few.flat["gan_test"] is None and ">= 100" in str(few.flat["gan_test_reason"])
    alone = scored(HELD_OUT, heldout=HELD_OUT.part(np.arange(0)))
    assert "held out" in str(alone.flat["classifier_floor_reason"])


def test_a_split_keeps_a_fifth_of_every_class_apart() -> None:
    data = shapes(400, seed=3)
    learnt, held_out = split(data, seed=0)
    assert len(learnt.labels) + len(held_out.labels) == 400
    counts = np.bincount(data.labels)
    assert np.array_equal(np.bincount(held_out.labels), counts // 5)
    again = split(data, seed=0)[1]
    assert np.array_equal(again.images, held_out.images)


@pytest.mark.parametrize("side", [16, 48, 128])
def test_other_sizes_and_colours_are_scored(side: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(classifier, "STEPS", 2)
    sides = [shapes(100, seed=k, side=side) for k in range(3)]
    real, heldout, fake = (
        Labelled(images=np.repeat(data.images, 3, 3), labels=data.labels) for data in sides
    )
    told: list[float] = []
    scores = gan_scores(
        real=real, heldout=heldout, fake=fake, classes=SHAPES, seed=0, progress=told.append
    )
    assert 0 <= figure(scores, "gan_test") <= 1
    assert len(told) == 4 and max(told) == 1.0
