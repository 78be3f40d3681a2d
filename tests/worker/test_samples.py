"""The sample grid: what the API says of its images is what they were made with."""

import pytest
import torch

from core.samples import labels_of_cells
from tests.worker.games import tiny_spec
from worker.samples import fixed_inputs
from worker.tasks import conditions, holding


@pytest.mark.parametrize("count", [2, 8, 10, 100])
def test_labels_of_classes_are_the_conditions_of_the_images(count: int) -> None:
    spec = tiny_spec(classes=tuple(f"class {n}" for n in range(count)))
    _, c = fixed_inputs(spec)
    told = labels_of_cells(spec.classes, (), ())
    assert told is not None and c is not None
    places = torch.tensor([spec.classes.index(label) for label in told])
    assert torch.equal(c, conditions(places, count))


def test_labels_of_attributes_are_the_conditions_of_the_images() -> None:
    spec = tiny_spec(attributes=("hat", "red", "tall"))
    _, c = fixed_inputs(spec)
    told = labels_of_cells((), spec.attributes, spec.combinations)
    assert told is not None and c is not None
    names = [[] if label == "none" else label.split(",") for label in told]
    places = [[spec.attributes.index(name) for name in row] for row in names]
    assert torch.equal(c, holding(places, 3))


def test_without_labels_there_is_nothing_to_tell() -> None:
    assert fixed_inputs(tiny_spec())[1] is None and labels_of_cells((), (), ()) is None
