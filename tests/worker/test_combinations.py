"""Trainings with attributes: what the networks are told, and which combinations a model keeps."""

import json
import math
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from core.errors import DatasetChanged
from core.files import read_json
from models.layers import Latent, Verdict
from models.registry import architectures
from tests.worker.datasets import dataset, folder
from tests.worker.games import CPU, Folder, tiny_spec
from tests.worker.trainings import Attempt, Desk
from worker import checkpoint, plan
from worker.combinations import MOST, combinations
from worker.data import open_dataset
from worker.events import Checkpoint
from worker.gauge import FEWEST, Gauge
from worker.presets import facts_of, resolve
from worker.samples import fixed_inputs
from worker.spec import Budget, read_spec
from worker.tasks import GENERATE, holding, signs
from worker.train import train

AB = ("hat", "smiling")


def test_combinations_are_counted_the_most_frequent_first() -> None:
    marks = np.array([[0, 1], [1, 1], [0, 1], [-1, -1], [0, 0], [0, 1], [0, 0]], np.int8)
    assert combinations(marks) == (((1,), 3), ((), 2), ((0, 1), 1))


def test_of_many_combinations_a_fair_sample_is_kept() -> None:
    random = np.random.default_rng(0)
    marks = (random.random((5000, 40)) < 0.3).astype(np.int8)
    found = combinations(marks)
    assert len(found) <= MOST == sum(count for _, count in found)
    share = sum(len(places) * count for places, count in found) / MOST / 40
    assert share == pytest.approx(0.3, abs=0.03)
    assert found == combinations(marks)


def test_where_nothing_is_known_nothing_is_asked_for() -> None:
    assert combinations(np.full((3, 2), -1, np.int8)) == (((), 1),)


def test_an_opened_set_has_its_attributes(tmp_path: Path) -> None:
    written = dataset(attributes=AB)
    opened = open_dataset(folder(tmp_path, written), 32, memory=10**9)
    assert (opened.classes, opened.labels, opened.attributes) == ((), None, AB)
    batch = GENERATE.batch(opened.rows(np.array([3, 0])), torch.Generator())
    root = 1 / math.sqrt(2)
    assert batch.condition is not None
    torch.testing.assert_close(batch.condition, torch.tensor([[root, root], [-root, -root]]))


@pytest.mark.parametrize("marks", [np.zeros((64, 3), np.int8), np.zeros((64, 2), np.uint8)])
def test_marks_that_do_not_fit_are_no_data_set(marks: np.ndarray, tmp_path: Path) -> None:
    where = folder(tmp_path, dataset(attributes=AB))
    np.save(where / "attributes.npy", marks)
    with pytest.raises(DatasetChanged, match="upload the data set again"):
        open_dataset(where, 32, memory=10**9)


def test_records_of_earlier_versions_have_no_attributes(tmp_path: Path) -> None:
    where = folder(tmp_path, dataset())
    card = read_json(where / "dataset.json")
    del card["attributes"]
    (where / "dataset.json").write_text(json.dumps(card))
    assert open_dataset(where, 32, memory=10**9).attributes == ()


@pytest.mark.parametrize("holds", [(), (0,), (0, 3, 5), tuple(range(8))])
def test_every_combination_is_embedded_with_the_variance_of_a_class(holds: tuple[int]) -> None:
    torch.manual_seed(0)
    latent, verdict = Latent(4096, 8), Verdict(4096, 8)
    assert latent.embed is not None and verdict.project is not None
    one_hot, many = torch.eye(8)[:1], holding([holds], 8)
    with torch.no_grad():
        embedded = latent(torch.zeros(1, 4096), many)[0, 4096:]
        one, other = verdict.project(one_hot), verdict.project(many)
    assert float(embedded.var()) == pytest.approx(1, rel=0.1)
    assert float(other.var()) == pytest.approx(float(one.var()), rel=0.15)


def test_unknown_marks_are_no_condition() -> None:
    assert signs(torch.tensor([[-1, -1]], dtype=torch.int8)).tolist() == [[0, 0]]


def test_sample_grids_show_a_frequent_combination_in_each_row() -> None:
    spec = replace(tiny_spec(attributes=AB), combinations=(((1,), 9), ((), 4)))
    _, c = fixed_inputs(spec)
    assert c is not None
    assert torch.equal(c[:16:8], holding([(1,), ()], 2))
    assert torch.equal(c[:16], c[16:32]) and torch.equal(c[0], c[7])


def test_measurements_ask_for_the_attributes_of_the_reals() -> None:
    data, seen = dataset(count=FEWEST * 2, attributes=AB), list[Tensor]()
    gauge = Gauge(tiny_spec(attributes=AB, measure_kimg=0.008), data)

    def paint(z: Tensor, c: Tensor | None) -> Tensor:
        assert c is not None
        seen.append(c)
        return torch.rand(len(z), 3, 32, 32) * 2 - 1

    for _ in (work := gauge.measure(paint, 1, 0.1)):
        pass
    work.close()
    assert gauge.last is not None and gauge.last.class_diversity is None
    assert sorted(torch.cat(seen).sign().unique(dim=0).tolist()) == [
        [-1, -1],
        [-1, 1],
        [1, -1],
        [1, 1],
    ]


@pytest.mark.parametrize("name", list(architectures()))
def test_every_architecture_trains_with_attributes(name: str, tmp_path: Path) -> None:
    spec = tiny_spec(name, attributes=AB, budget=Budget(steps=2))
    events = [*train(spec, dataset(attributes=AB), device=CPU, save=Folder(tmp_path))]
    last = [event for event in events if isinstance(event, Checkpoint)][-1]
    state = checkpoint.read(last.committed)
    assert all(torch.isfinite(value).all() for value in state.tensors.values())


def test_the_choice_of_a_training_knows_the_attributes() -> None:
    data = dataset(attributes=AB)
    spec = resolve({"budget": {"steps": 3}, "options": {}}, facts_of(data, CPU))
    assert (spec.classes, spec.attributes, spec.shape.c_dim) == ((), AB, 2)
    assert spec.combinations == data.combinations
    assert read_spec(json.loads(json.dumps(asdict(spec)))) == spec
    with pytest.raises(DatasetChanged):
        plan.require_same(replace(data, attributes=("hat", "sad")), spec)


@pytest.mark.service
def test_a_training_process_publishes_a_model_with_its_attributes(tmp_path: Path) -> None:
    desk = Desk(tmp_path, dataset(count=12, attributes=AB))
    desk.settle(2)
    desk.attempt(1)
    with Attempt(desk, 1) as attempt:
        assert attempt.end() == 0
    header = read_json(desk.weights(1).with_name("model.json"))
    assert (header["classes"], header["attributes"]) == ([], list(AB))
    assert header["combinations"] == [[[], 16], [[0], 16], [[0, 1], 16], [[1], 16]]
