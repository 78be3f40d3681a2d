"""Light evaluation while training: when it measures, what it finds, and what is chosen by it."""

from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from core.files import read_json
from core.registry import HEADER
from tests.worker.datasets import dataset
from tests.worker.games import CPU, Folder, tiny_game, tiny_spec
from worker import checkpoint
from worker.checkpoint import State, load_generator
from worker.data import Sampler
from worker.evaluation.distances import kernel_distance
from worker.events import Checkpoint, Progress, Pulse
from worker.gauge import FEWEST, SHARE, Figures, Gauge, selection
from worker.spec import Budget
from worker.tasks import TASKS, pixels
from worker.train import train

DATA = dataset(count=FEWEST * 2, classes=("a", "b"))
OFTEN: dict[str, Any] = {"measure_kimg": 0.012}  # every third step of four images


def figures(step: int, kd: float, sd: float = 0.01) -> Figures:
    return Figures(step=step, kimg=step / 100, kd=kd, kd_sd=sd, coverage=0.5, swd=10.0)


def measured(gauge: Gauge, paint: Any) -> Figures:
    measuring = gauge.measure(paint, 3, 0.012)
    try:
        while True:
            next(measuring)
    except StopIteration as ended:
        return ended.value


def noise(z: Tensor, c: Tensor | None) -> Tensor:
    return torch.rand(len(z), 3, 32, 32, generator=torch.Generator().manual_seed(0)) * 2 - 1


def reals(gauge: Gauge) -> Any:
    """A painter that knows the reals by heart."""
    images = iter(gauge.reference.images)
    return lambda z, c: pixels(torch.from_numpy(np.stack([next(images) for _ in z])))


def test_copies_of_the_reals_are_nearer_than_noise() -> None:
    gauge = Gauge(tiny_spec(classes=("a", "b"), **OFTEN), DATA)
    near, far = measured(gauge, reals(gauge)), measured(gauge, noise)
    assert near.kd < far.kd
    assert near.swd < far.swd
    assert near.coverage == 1 > far.coverage
    assert near.clearly_better(far)
    assert not far.clearly_better(near)


def test_noise_is_farther_than_a_trained_generator_which_is_farther_than_reals() -> None:
    spec = tiny_spec(classes=("a", "b"), measure_kimg=0.0)
    gauge, game = Gauge(spec, DATA), tiny_game(spec)
    sampler = Sampler(len(DATA), 1)
    for step in range(60):
        batch = TASKS["generate"].batch(DATA.rows(sampler.take(spec.recipe.batch)), game.rng)
        game.play([batch], step / 60)
    features = gauge.reference.features
    floor, _ = kernel_distance(features[::2], features[1::2])
    assert measured(gauge, noise).kd > measured(gauge, game.paint).kd > floor


def test_painter_is_asked_for_the_classes_of_the_reals() -> None:
    gauge, seen = Gauge(tiny_spec(classes=("a", "b"), **OFTEN), DATA), []

    def paint(z: Tensor, c: Tensor | None) -> Tensor:
        seen.append(c)
        return noise(z, c)

    measured(gauge, paint)
    assert torch.cat(seen).sum(0).tolist() == [FEWEST, FEWEST]


def test_too_few_images_are_not_measured(tmp_path: Path) -> None:
    spec = tiny_spec(**OFTEN)
    events = train(spec, dataset(count=FEWEST - 1), device=CPU, save=Folder(tmp_path))
    told = [event.figures for event in events if isinstance(event, Progress)]
    assert not any(told)


def test_measures_by_images_shown_and_at_the_end(tmp_path: Path) -> None:
    spec = tiny_spec(classes=("a", "b"), budget=Budget(steps=8), **OFTEN)
    events = train(spec, DATA, device=CPU, save=Folder(tmp_path), clock=lambda: 0.0)
    told = {e.step: e.figures for e in events if isinstance(e, Progress) and e.figures}
    assert list(told) == [3, 6, 8]
    own = {"diversity", "class_diversity", "authentic"}
    assert told[3].keys() == {"kd", "kd_sd", "coverage", "swd"} | own


class Clock:
    """Moves on by a second whenever it is read, and when it is told to."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        self.now += 1.0
        return self.now


def test_a_budget_of_minutes_is_not_spent_on_measuring_also_when_it_goes_on(tmp_path: Path) -> None:
    spec = tiny_spec(classes=("a", "b"), budget=Budget(minutes=10), **OFTEN)
    clock, save, spent = Clock(), Folder(tmp_path), 0.0
    begun: list[tuple[float, float]] = []  # of each measurement: seconds of training, of measuring
    resume, before = None, 0.0
    for attempt in range(3):
        start = clock.now - before
        run = train(spec, DATA, device=CPU, save=save, resume=resume, clock=clock)
        for event in run:
            if isinstance(event, Pulse):
                clock.now += 1.0
            if isinstance(event, Progress) and event.figures and event.fraction < 1:
                measuring = 1.0 * -(-len(DATA) // 32) + 1.0
                begun.append((clock.now - measuring - start, spent))
                spent += measuring
                if attempt < 2 and len(begun) == 2 * (attempt + 1):
                    run.close()
        found = checkpoint.load(tmp_path)
        assert found is not None
        resume, before = found[1], found[1].facts["seconds"]
        assert resume.facts["measuring"] >= spent
    assert len(begun) >= 5
    assert all(earlier <= SHARE * seconds for seconds, earlier in begun)


def test_a_budget_of_steps_is_measured_by_images_alone(tmp_path: Path) -> None:
    spec = tiny_spec(classes=("a", "b"), budget=Budget(steps=9), **OFTEN)
    clock, told = Clock(), []
    for event in train(spec, DATA, device=CPU, save=Folder(tmp_path), clock=clock):
        if isinstance(event, Pulse):
            clock.now += 100.0
        if isinstance(event, Progress) and event.figures:
            told.append(event.step)
    assert told == [3, 6, 9]


def test_measuring_changes_no_weight(tmp_path: Path) -> None:
    without = tiny_spec(classes=("a", "b"), budget=Budget(steps=5), measure_kimg=0.0)
    often = replace(without, recipe=replace(without.recipe, **OFTEN))
    states = [last(spec, tmp_path / str(i)) for i, spec in enumerate((without, often))]
    names = [name for name in states[0].tensors if not name.startswith("best.")]
    assert all(torch.equal(states[0].tensors[n], states[1].tensors[n]) for n in names)


def last(spec: Any, folder: Path) -> State:
    events = list(train(spec, DATA, device=CPU, save=Folder(folder)))
    assert isinstance(events[-1], Checkpoint)
    return events[-1].state


@pytest.mark.parametrize("pulse", [1, 2, 3, 4])
def test_left_while_measuring_and_resumed_the_choice_is_the_same(
    pulse: int, tmp_path: Path
) -> None:
    spec = tiny_spec(classes=("a", "b"), budget=Budget(steps=8), **OFTEN)
    through = last(spec, tmp_path / "through")
    run = train(spec, DATA, device=CPU, save=Folder(tmp_path / "cut"), clock=lambda: 0.0)
    pulses = (event for event in run if isinstance(event, Pulse))
    for _ in range(pulse):
        assert next(pulses).step in (3, 6)
    run.close()
    found = checkpoint.load(tmp_path / "cut")
    assert found is not None
    again = list(train(spec, DATA, device=CPU, save=Folder(tmp_path / "cut"), resume=found[1]))[-1]
    assert isinstance(again, Checkpoint)
    facts = ("gauge", "selected")
    assert {k: again.state.facts[k] for k in facts} == {k: through.facts[k] for k in facts}
    assert all(torch.equal(again.state.tensors[k], v) for k, v in through.tensors.items())


@pytest.mark.parametrize(
    ("best", "at_last", "chosen"),
    [
        (figures(10, 0.1), figures(20, 0.2), "best"),
        (figures(10, 0.1, 0.05), figures(20, 0.2, 0.05), "last"),  # within the noise
        (figures(20, 0.1), figures(20, 0.1), "last"),
        (None, None, "last"),
    ],
)
def test_an_earlier_state_must_be_clearly_better(
    best: Figures | None, at_last: Figures | None, chosen: str
) -> None:
    assert selection(best, at_last)["from"] == chosen


def test_the_best_weights_become_the_model_when_they_are_selected(tmp_path: Path) -> None:
    state = last(tiny_spec(classes=("a", "b"), budget=Budget(steps=4)), tmp_path / "run")
    best = {n: t + 1 for n, t in state.tensors.items() if n.startswith("ema.")}
    tensors = state.tensors | {n.replace("ema.", "best."): t for n, t in best.items()}
    chosen = selection(figures(2, 0.1), figures(4, 0.5))
    facts = state.facts | {"selected": chosen}
    worse = State(tensors=tensors, facts=facts)
    checkpoint.publish(tmp_path / "model", worse, select=True)
    checkpoint.publish(tmp_path / "snapshot", worse)
    G, header = load_generator(tmp_path / "model")
    assert all(torch.equal(v, best[f"ema.{k}"]) for k, v in G.state_dict().items())
    assert (header["steps"], header["selected"]) == (2, chosen)
    now, header = load_generator(tmp_path / "snapshot")
    assert all(torch.equal(v, state.tensors[f"ema.{k}"]) for k, v in now.state_dict().items())
    assert header["steps"] == 4
    assert "selected" not in read_json(tmp_path / "snapshot" / HEADER)


def test_figures_are_kept_as_json() -> None:
    gauge = Gauge(tiny_spec(**OFTEN), DATA)
    gauge.best, gauge.last = figures(1, 0.1), figures(2, 0.2)
    other = Gauge(tiny_spec(**OFTEN), DATA)
    other.restore(gauge.state())
    assert (other.best, other.last, other.next) == (gauge.best, gauge.last, gauge.next)
    other.restore({})
    assert (other.best, other.last) == (None, None)
    assert asdict(figures(1, 0.1))["kd"] == 0.1
