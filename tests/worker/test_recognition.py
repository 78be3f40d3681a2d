"""What the classifiers are given: the classes that model and data set have in common."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.worker import datasets
from worker.evaluation import classifier, recognition
from worker.evaluation.classifier import GanScores
from worker.evaluation.fakes import Fakes
from worker.evaluation.reals import Reals
from worker.evaluation.recognition import scores_of, taken


class Named:
    """A model of which only the classes matter."""

    chunk = 1

    def __init__(self, *classes: str) -> None:
        self.classes = classes

    def __call__(self, seeds: Sequence[int], labels: Sequence[str | None]) -> np.ndarray:
        raise AssertionError("the images are already made")


def reals(count: int = 200, classes: tuple[str, ...] = ("a", "b"), heldout: int = 0) -> Reals:
    data = datasets.dataset(count, classes=classes)
    return Reals(
        folder=Path(),
        sha256="0" * 64,
        classes=classes,
        images=data.images,
        labels=data.labels,
        heldout=data.images[:heldout],
        heldout_labels=data.labels[:heldout] if heldout and data.labels is not None else None,
    )


def fakes(labels: np.ndarray | None, count: int = 200) -> Fakes:
    return Fakes(images=datasets.images(count, 32, 3), seeds=list(range(count)), labels=labels)


def ended(*arguments: Any) -> GanScores:
    work = scores_of(*arguments, seed=0)
    while True:
        try:
            assert 0 <= next(work) <= 1
        except StopIteration as end:
            return end.value


@pytest.mark.parametrize(
    ("data", "made", "names", "reason"),
    [
        (reals(classes=()), fakes(np.zeros(200, np.int64)), ("a",), "the data set has no classes"),
        (reals(), fakes(None), (), "the model has no classes"),
        (reals(), fakes(np.zeros(200, np.int64)), ("x",), "no class of the same name"),
    ],
    ids=["data set", "model", "names"],
)
def test_without_common_classes_there_is_a_reason(
    data: Reals, made: Fakes, names: tuple[str, ...], reason: str
) -> None:
    scores = ended(data, made, Named(*names))
    assert scores.flat["gan_test"] is None and reason in str(scores.flat["gan_test_reason"])


@pytest.mark.parametrize("heldout", [0, 60])
def test_classes_meet_by_name(heldout: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(classifier, "STEPS", 2)
    scores = ended(reals(heldout=heldout), fakes(np.arange(200) % 2), Named("b", "a"))
    assert all(isinstance(scores.flat[name], float) for name in ("gan_test", "gan_train"))
    assert set(scores.classes) == {"a", "b"}


def test_no_more_images_are_taken_than_memory_allows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recognition, "BYTES", 10 * 32 * 32 * 3)
    found = taken(datasets.images(50, 32, 3), np.arange(50))
    assert (len(found.images), found.labels[0], found.labels[-1]) == (10, 0, 49)
