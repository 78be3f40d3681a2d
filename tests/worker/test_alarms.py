"""Alarms, provoked: by figures, and in whole small trainings that go wrong."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tests.worker.datasets import dataset
from tests.worker.games import CPU, Folder, tiny_spec
from worker import alarms, checkpoint, rescue
from worker.alarms import FEWEST, FIRMER, Watch
from worker.augment import MAX_PROBABILITY
from worker.data import Dataset
from worker.events import Alarm, Checkpoint, Event
from worker.game import Game
from worker.gauge import Figures
from worker.oddities import oddities
from worker.spec import Budget, Recipe, TrainSpec
from worker.train import train

CALM = {"D": 0.6, "G": 0.8, "R1": 0.02, "accuracy": 0.8}


def watch(**recipe: Any) -> Watch:
    return Watch(Recipe(**recipe))


def windows(
    rules: Watch, means: dict[str, float], count: int, *, p: float = 0.0, end: float = 1.0
) -> list[str]:
    """The kinds of alarms that so many equal windows give rise to, spread up to `end`."""
    found = (rules.window(means, end * k / count, p) for k in range(count))
    return [finding.kind for findings in found for finding in findings]


def figures(step: int, kd: float, **more: float | None) -> Figures:
    honest = {"diversity": 1.0, "class_diversity": 1.0, "authentic": 50.0}
    values: dict[str, Any] = {"kd_sd": 0.01, "coverage": 0.5, "swd": 10.0} | honest | more
    return Figures(step=step, kimg=step / 100, kd=kd, **values)


def compared(rules: Watch, *kds: float, begin: float = 0.2, **more: float | None) -> list[str]:
    """The kinds of alarms of these comparisons, spread from `begin` to the end."""
    all_of_them = [figures(k, kd, **more) for k, kd in enumerate(kds)]
    kinds: list[str] = []
    for k, now in enumerate(all_of_them):
        best = min(all_of_them[: k + 1], key=lambda one: one.kd)
        fraction = begin + (1 - begin) * k / len(kds)
        kinds += [finding.kind for finding in rules.measured(now, best, fraction)]
    return kinds


def test_a_calm_training_has_no_alarms() -> None:
    rules = watch()
    assert windows(rules, CALM, 200) == []
    assert compared(rules, 3.0, 2.0, 1.0, 0.5, 0.3, 0.2, 0.15, 0.12) == []


@pytest.mark.parametrize("name", ["D", "G", "R1"])
def test_a_loss_that_leaps_for_long_is_a_divergence(name: str) -> None:
    rules = watch()
    windows(rules, CALM, FEWEST)
    leap = CALM | {name: 20.0}
    assert windows(rules, leap, 2) == []
    assert windows(rules, CALM, 1) == []  # it was passing
    assert windows(rules, leap, 3) == ["divergence"]


def test_a_discriminator_that_wins_for_long_is_held_back_some_times() -> None:
    rules, certain = watch(adaptive=False), CALM | {"accuracy": 0.999}
    found = windows(rules, certain, 400)
    assert found == ["overfitting"] * min(FIRMER + 1, 4)
    assert windows(watch(adaptive=True), certain, 100) == []  # augmentation rises by itself
    kinds = windows(watch(adaptive=True), certain, 100, p=MAX_PROBABILITY)
    assert kinds[0] == "augmentation" and "overfitting" in kinds


def test_a_discriminator_that_guesses_is_told_once() -> None:
    assert windows(watch(), CALM | {"accuracy": 0.5}, 200) == ["blind"]


def test_equal_images_are_a_collapse_and_similar_ones_a_word() -> None:
    assert compared(watch(), 3.0, 1.0, 0.5, diversity=0.05) == ["diversity", "collapse"]
    assert compared(watch(), 3.0, 1.0, 0.5, diversity=0.4) == ["diversity"]
    assert compared(watch(), 3.0, 1.0, 0.5, begin=-0.5, diversity=0.05) == ["diversity"]
    assert compared(watch(), 3.0, 1.0, 0.5, class_diversity=0.05) == ["class_collapse"]


def test_images_that_get_worse_and_stay_so_end_the_training() -> None:
    rules = watch()
    assert compared(rules, 1.0, 0.2, 0.9, 0.19) == []
    assert "decline" in compared(rules, 1.0, 0.2, 0.9, 0.8, 0.9)
    action = [f.action for f in rules.measured(figures(9, 0.9), figures(1, 0.2), 0.9)]
    assert action == []  # three in a row are counted anew


def test_copies_are_told_once() -> None:
    assert compared(watch(), 1.0, 0.5, 0.3, authentic=25.0) == ["copies"]
    assert compared(watch(), 1.0, 0.5, 0.3, authentic=5.0) == ["memorisation"]


def test_a_plateau_is_told_and_ends_the_training_where_that_is_wanted() -> None:
    flat = (1.0, *([0.5] * 12))
    assert compared(watch(), *flat) == ["plateau"]
    rules = watch(stop_early=True)
    found = [rules.measured(figures(k, 0.5), figures(0, 0.5), 0.3 + k / 20) for k in range(12)]
    assert [f.action for findings in found for f in findings if f.kind == "plateau"] == ["stop"]


def test_rules_go_on_from_their_state() -> None:
    one, other = watch(adaptive=False), watch(adaptive=False)
    leap = CALM | {"D": 20.0, "accuracy": 0.999}
    for rules in (one, other):
        windows(rules, CALM, FEWEST)
        windows(rules, leap, 2)
    again = watch(adaptive=False)
    again.restore(one.state())
    assert windows(again, leap, 50) == windows(other, leap, 50)


def test_odd_data_is_told_before_the_start() -> None:
    rng = np.random.Generator(np.random.Philox(key=1))
    images = rng.integers(0, 256, (40, 32, 32, 3), dtype=np.uint8)
    labels = np.zeros(40, np.int64)
    labels[0] = 1
    marks = np.array([[1, 0], [-1, -1], *[[1, 1], [1, 0]] * 19], np.int8)
    good = Dataset(images=images, labels=None, classes=(), sha256="0" * 64)
    assert oddities(good) == []
    grey = np.full_like(images, 128)
    grey[:, 0, 0, 0] += np.arange(40, dtype=np.uint8)
    cases = {
        "differ": replace(good, images=images[:10].repeat(4, axis=0)),
        "one colour": replace(good, images=grey),
        "are cat": replace(good, labels=labels, classes=("cat", "dog")),
        "have hat": replace(good, marks=marks, attributes=("hat", "sad")),
    }
    for words, data in cases.items():
        (finding,) = oddities(data)
        assert words in finding.message and finding.kind == "data"


def alarms_of(spec: TrainSpec, data: Dataset, folder: Path) -> tuple[list[Alarm], Checkpoint]:
    events: Iterator[Event] = train(spec, data, device=CPU, save=Folder(folder))
    seen = list(events)
    assert isinstance(seen[-1], Checkpoint)
    return [event for event in seen if isinstance(event, Alarm)], seen[-1]


def test_far_too_large_steps_are_taken_back(tmp_path: Path) -> None:
    spec = tiny_spec(lr=1.0, lr_final=1.0, budget=Budget(steps=40), measure_kimg=0.04)
    told, last = alarms_of(spec, dataset(count=64), tmp_path)
    kinds = {alarm.kind for alarm in told}
    assert kinds & {"divergence", "not_finite"}
    assert all(
        torch.isfinite(t).all() for t in last.state.tensors.values() if t.is_floating_point()
    )


def test_a_generator_that_does_not_learn_is_noticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    advance = Game.advance
    monkeypatch.setattr(Game, "advance", lambda game, who: who == "D" and advance(game, who))
    spec = tiny_spec(budget=Budget(steps=48), measure_kimg=0.04, adaptive=False)
    told, _ = alarms_of(spec, dataset(count=64), tmp_path)
    assert "stuck" in {alarm.kind for alarm in told}


def test_twenty_images_shown_for_long_make_the_discriminator_sure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rescue, "WINDOW", 8)
    few = dataset(count=20)
    weak: dict[str, Any] = {"gamma": 0.001, "gamma_final": 0.001, "n_critic": 8, "lr": 2e-3}
    spec = tiny_spec(budget=Budget(steps=64), adaptive=False, augment_p=0.0, **weak)
    told, last = alarms_of(spec, few, tmp_path)
    told = [alarm for alarm in told if alarm.kind == "overfitting"]
    assert told and told[0].message.endswith("The penalty counts 2 times from here on.")
    assert last.state.facts["gamma_scale"] >= 2


def test_interrupted_between_two_windows_the_alarms_are_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(alarms, "CERTAIN", 0.5)  # or it would take long
    monkeypatch.setattr(rescue, "WINDOW", 16)
    recipe: dict[str, Any] = {"adaptive": False, "augment_p": 0.0, "gamma": 0.01}
    recipe |= {"gamma_final": 0.01, "measure_kimg": 0.0, "lr_final": 1e-3, "beta2_final": 0.9}
    spec, data = tiny_spec(**recipe, budget=Budget(steps=66)), dataset(count=20)
    through, last = alarms_of(spec, data, tmp_path / "through")
    assert {alarm.kind for alarm in through if alarm.step > 56}
    run = train(spec, data, device=CPU, save=Folder(tmp_path / "cut"), checkpoint_seconds=1e-9)
    first: list[Alarm] = []
    for event in run:
        first += [event] if isinstance(event, Alarm) else []
        if isinstance(event, Checkpoint) and event.step == 56:
            break
    run.close()
    found = checkpoint.load(tmp_path / "cut")
    assert found is not None and found[0].step == 56
    rest = train(spec, data, device=CPU, save=Folder(tmp_path / "cut"), resume=found[1])
    seen = list(rest)
    second = [event for event in seen if isinstance(event, Alarm)]
    assert [(a.step, a.kind) for a in first + second] == [(a.step, a.kind) for a in through]
    final = seen[-1]
    assert isinstance(final, Checkpoint)
    same = last.state.tensors
    assert all(torch.equal(final.state.tensors[k], same[k]) for k in same if k.startswith("ema."))
