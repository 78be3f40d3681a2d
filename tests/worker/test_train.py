"""Training as a generator of events: what it yields, resumes, survives and learns."""

import errno
import itertools
import math
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from core.errors import BadSpec, Diverged
from models.registry import architectures
from tests.worker import datasets
from tests.worker.games import CPU, Folder, tiny_spec
from worker import checkpoint
from worker.checkpoint import State
from worker.data import Dataset
from worker.events import Alarm, Checkpoint, Event, Progress, Sample, Waiting
from worker.gauge import FEWEST
from worker.losses import losses, recipe_of
from worker.patience import Patience
from worker.penalties import penalties
from worker.run import Run
from worker.spec import Budget
from worker.train import AT_ONCE, played, train, unasked


def dataset(count: int = FEWEST - 1, **shape: Any) -> Dataset:
    """So few images that fakes are not compared with them, which takes as long as all the rest."""
    return datasets.dataset(count, **shape)


def ticking(seconds: float = 1.0):
    """A clock that advances with every look at it."""
    ticks = itertools.count()
    return lambda: next(ticks) * seconds


def final(events: Iterator[Event]) -> State:
    last = list(events)[-1]
    assert isinstance(last, Checkpoint)
    assert last.final
    return last.state


def same(one: State, other: State) -> bool:
    assert one.tensors.keys() == other.tensors.keys()
    return all(torch.equal(one.tensors[k], other.tensors[k]) for k in one.tensors)


@pytest.mark.parametrize("name", list(architectures()))
@pytest.mark.parametrize("classes", [(), ("a", "b")])
def test_every_architecture_trains(name: str, classes: tuple[str, ...], tmp_path: Path) -> None:
    spec = tiny_spec(name, classes=classes, budget=Budget(steps=3))
    sound(final(train(spec, dataset(classes=classes), device=CPU, save=Folder(tmp_path))))


@pytest.mark.parametrize("loss", list(losses()))
def test_every_loss_trains(loss: str, tmp_path: Path) -> None:
    spec = tiny_spec(loss=loss, **losses_recipe(loss), budget=Budget(steps=3))
    sound(final(train(spec, dataset(), device=CPU, save=Folder(tmp_path))))


@pytest.mark.parametrize(
    "recipe",
    [
        *({"penalty": name} for name in penalties()),
        {"penalty_sigma": 0.1},
        {"lecam": 0.3},
        {"spectral_norm": True},
        {"clip": 0.05},
        {"n_critic": 3},
    ],
)
def test_every_regulariser_trains(recipe: dict[str, Any], tmp_path: Path) -> None:
    spec = tiny_spec(**recipe, budget=Budget(steps=3))
    sound(final(train(spec, dataset(), device=CPU, save=Folder(tmp_path))))


def losses_recipe(loss: str) -> dict[str, Any]:
    return dict(recipe_of(losses()[loss]))


def sound(state: State) -> None:
    """Three steps were made, and everything is a number."""
    assert state.facts["step"] == 3
    assert all(torch.isfinite(t).all() for t in state.tensors.values() if t.is_floating_point())


def test_events_tell_progress_and_samples_and_end_with_a_checkpoint(tmp_path: Path) -> None:
    spec = tiny_spec(budget=Budget(kimg=0.04), channels=1, classes=("a", "b", "c"))
    data = dataset(channels=1, classes=("a", "b", "c"))
    events = list(train(spec, data, device=CPU, save=Folder(tmp_path), clock=ticking()))
    progress = [e for e in events if isinstance(e, Progress)]
    samples = [e for e in events if isinstance(e, Sample)]
    assert [p.step for p in progress] == sorted(p.step for p in progress)
    assert all(0 < p.fraction <= 1 for p in progress)
    assert {"D", "G", "accuracy", "augment_p"} <= progress[-1].losses.keys()
    assert samples[-1].grid.shape == (8 * 32, 8 * 32, 1)
    assert samples[-1].grid.dtype == "uint8"
    assert isinstance(events[-1], Checkpoint)
    assert events[-1].kimg == pytest.approx(0.04)


def test_same_seed_and_steps_give_identical_weights(tmp_path: Path) -> None:
    spec = tiny_spec()
    runs = [train(spec, dataset(), device=CPU, save=Folder(tmp_path)) for _ in range(2)]
    assert same(*(final(run) for run in runs))


def test_another_seed_gives_other_weights(tmp_path: Path) -> None:
    specs = [tiny_spec(), replace(tiny_spec(), seed=2)]
    runs = [train(spec, dataset(), device=CPU, save=Folder(tmp_path)) for spec in specs]
    assert not same(*(final(run) for run in runs))


@pytest.mark.parametrize("name", list(architectures()))
def test_saved_in_the_middle_and_resumed_gives_identical_weights(name: str, tmp_path: Path) -> None:
    spec = tiny_spec(name, classes=("a", "b"), budget=Budget(steps=7))
    data = dataset(count=10, classes=("a", "b"))
    through = final(train(spec, data, device=CPU, save=Folder(tmp_path / "through")))
    run = train(spec, data, device=CPU, save=Folder(tmp_path / "cut"), clock=ticking(0.2))
    next(run)
    run.close()
    found = checkpoint.load(tmp_path / "cut")
    assert found is not None
    assert 0 < found[0].step < 7
    again = train(spec, data, device=CPU, save=Folder(tmp_path / "cut"), resume=found[1])
    assert same(through, final(again))


def test_closing_saves_the_last_whole_step_once(tmp_path: Path) -> None:
    save = Folder(tmp_path)
    run = train(tiny_spec(), dataset(), device=CPU, save=save, clock=ticking())
    event = next(run)
    run.close()
    assert not isinstance(event, Checkpoint)
    assert save.steps == [event.step]


def test_a_minute_passes_between_checkpoints(tmp_path: Path) -> None:
    save = Folder(tmp_path)
    spec = tiny_spec(budget=Budget(minutes=3.5))
    list(train(spec, dataset(), device=CPU, save=save, clock=ticking(0.2)))
    assert len(save.steps) == 5  # one early, three by the clock, one at the end


def test_the_period_of_checkpoints_can_be_set(tmp_path: Path) -> None:
    save = Folder(tmp_path)
    spec = tiny_spec(budget=Budget(steps=5))
    list(train(spec, dataset(), device=CPU, save=save, checkpoint_seconds=1e-9))
    assert save.steps == [1, 2, 3, 4, 5, 5]


def test_what_is_asked_for_comes_at_the_next_step(tmp_path: Path) -> None:
    wanted = iter([(), ("checkpoint",), (), ("sample", "checkpoint")])
    words: set[str] = set()
    save = Folder(tmp_path)

    def asked(word: str) -> bool:
        if word == "sample":  # the first question after a step
            words.update(next(wanted, ()))
        said = word in words
        words.discard(word)
        return said

    spec = tiny_spec(budget=Budget(steps=1000))
    events = train(spec, dataset(), device=CPU, save=save, asked=asked, clock=lambda: 0.0)
    told = [event for event in itertools.islice(events, 3)]
    events.close()
    assert [(type(e), e.step) for e in told] == [(Checkpoint, 2), (Sample, 4), (Checkpoint, 4)]
    assert save.steps == [2, 4]


def test_images_are_counted_and_old_checkpoints_know_their_batch(tmp_path: Path) -> None:
    spec = tiny_spec(budget=Budget(steps=3))
    state = final(train(spec, dataset(), device=CPU, save=Folder(tmp_path)))
    assert state.facts.pop("images") == 12
    more = replace(
        spec, budget=Budget(kimg=0.018), recipe=replace(spec.recipe, batch=2)
    )  # of which 12 images are shown
    last = final(train(more, dataset(), device=CPU, save=Folder(tmp_path), resume=state))
    assert (last.facts["images"], last.facts["step"]) == (18, 6)


class FullDisk(Folder):
    """A `save` that finds no room `times` times."""

    def __init__(self, path: Path, times: int) -> None:
        super().__init__(path)
        self.times = times

    def __call__(self, step: int, state: State) -> checkpoint.Committed:
        if self.times:
            self.times -= 1
            raise OSError(errno.ENOSPC, "injected")
        return super().__call__(step, state)


def test_waiting_for_the_disk_changes_neither_weights_nor_budget(tmp_path: Path) -> None:
    spec = tiny_spec(budget=Budget(minutes=0.1))  # six ticks of work
    now = [0.0]

    def wait(seconds: float) -> None:
        now[0] += seconds

    def work(word: str) -> bool:
        now[0] += 0.5 if word == "sample" else 0.0  # once a step
        return word == "checkpoint"

    def run(save: Folder) -> list[Event]:
        patience = Patience(seconds=100, clock=lambda: now[0], wait=wait)
        now[0] = 0.0
        return list(
            train(
                spec,
                dataset(),
                device=CPU,
                save=save,
                asked=work,
                patience=patience,
                clock=lambda: now[0],
            )
        )

    smooth, rough = run(Folder(tmp_path / "a")), run(FullDisk(tmp_path / "b", 5))
    assert same(final(iter(smooth)), final(iter(rough)))
    extra = [event for event in rough if isinstance(event, (Alarm, Waiting))]
    assert [type(event) for event in extra] == [Alarm] + [Waiting] * 20
    saves = [[e.step for e in run if isinstance(e, Checkpoint)] for run in (smooth, rough)]
    assert saves[0] == saves[1]


def test_closing_while_the_disk_is_full_ends_without_a_word(tmp_path: Path) -> None:
    patience = Patience(seconds=100, wait=lambda seconds: None)
    events = train(
        tiny_spec(),
        dataset(),
        device=CPU,
        save=FullDisk(tmp_path, 1000),
        patience=patience,
        checkpoint_seconds=1e-9,
    )
    assert any(isinstance(event, Waiting) for event in itertools.islice(events, 5))
    events.close()


def test_a_budget_of_minutes_counts_earlier_attempts(tmp_path: Path) -> None:
    spec = tiny_spec(budget=Budget(minutes=1))
    run = train(spec, dataset(), device=CPU, save=Folder(tmp_path), clock=ticking())
    resume = final(run)
    again = train(spec, dataset(), device=CPU, save=Folder(tmp_path), resume=resume)
    assert final(again).facts["step"] == resume.facts["step"]


def test_a_checkpoint_of_another_data_set_is_refused(tmp_path: Path) -> None:
    state = final(train(tiny_spec(), dataset(), device=CPU, save=Folder(tmp_path)))
    other = replace(tiny_spec(), dataset={"sha256": "1" * 64, "images": 64})
    with pytest.raises(BadSpec, match="another data set"):
        next(train(other, dataset(), device=CPU, save=Folder(tmp_path), resume=state))


def test_weights_that_are_not_numbers_are_rolled_back_and_never_saved(tmp_path: Path) -> None:
    save = Folder(tmp_path)
    spec = tiny_spec(lr=1e30, lr_final=1e30, budget=Budget(steps=1000))
    alarms = []
    with pytest.raises(Diverged, match="after 3 retries"):
        for event in train(spec, dataset(), device=CPU, save=save, clock=ticking()):
            if isinstance(event, Alarm):
                alarms.append(event)
    assert [alarm.kind for alarm in alarms] == ["not_finite"] * 3
    assert save.steps == []


def test_a_training_that_diverges_late_ends_with_what_it_had(tmp_path: Path) -> None:
    save, alarms, last = Folder(tmp_path), list[Alarm](), None
    spec = tiny_spec(budget=Budget(steps=1000))
    run = Run(spec, dataset(), CPU, save, unasked, AT_ONCE, ticking())
    run.begin(None, {}, checkpoint_seconds=5)
    for event in played(run):
        if isinstance(event, Checkpoint) and not event.final:
            broken = next(run.game.D.parameters())
            broken.data.fill_(math.nan)
        alarms += [event] if isinstance(event, Alarm) else []
        last = event
    assert [alarm.kind for alarm in alarms] == ["not_finite"] * 4
    assert [alarm.action for alarm in alarms] == ["back", "back", "back", "stop"]
    assert alarms[-1].message.endswith(f"the training ends at step {save.steps[-1]}.")
    assert isinstance(last, Checkpoint) and last.final and last.step == save.steps[-1] > 0
    assert last.state.facts["ended"] == "diverged"
    assert all(
        torch.isfinite(t).all() for t in last.state.tensors.values() if t.is_floating_point()
    )


def test_a_short_training_comes_nearer_to_the_data(tmp_path: Path) -> None:
    data = dataset(count=64, channels=1)
    spec = tiny_spec(
        budget=Budget(steps=120), channels=1, batch=8, lr=2e-3, ema_kimg=0.2, augment_p=0.0
    )
    mean = torch.from_numpy(data.images.copy()).float().mean(0)[..., 0]

    def distance(sample: Sample) -> float:
        images = torch.from_numpy(sample.grid).float().view(8, 32, 8, 32)
        return float((images.mean((0, 2)) - mean).square().mean())

    events = train(spec, data, device=CPU, save=Folder(tmp_path), clock=ticking(0.3))
    samples = [event for event in events if isinstance(event, Sample)]
    assert distance(samples[-1]) < 0.3 * distance(samples[0])
    assert math.isfinite(distance(samples[-1]))
