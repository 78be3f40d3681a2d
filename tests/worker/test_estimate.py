"""What a training will take: counted from steps that are tried."""

from dataclasses import replace

import pytest

from tests.worker.datasets import dataset
from tests.worker.games import CPU, tiny_spec
from worker.budgets import need
from worker.estimate import SECONDS, estimate
from worker.gauge import SHARE
from worker.spec import Budget

SPEC = tiny_spec()  # 4 images a step, penalties every second step
TICK = SECONDS / 2  # the clock of these tests goes on by so much when it is looked at
RATE = 2 * 4 / TICK * (1 - SHARE)  # two steps between two looks


def ticking():
    now = [0.0]

    def clock() -> float:
        now[0] += TICK
        return now[0]

    return clock


@pytest.mark.parametrize(
    ("budget", "images", "seconds"),
    [
        (Budget(minutes=2), 120 * RATE, 120),
        (Budget(kimg=1), 1000, 1000 / RATE),
        (Budget(steps=50), 200, 200 / RATE),
    ],
)
def test_time_and_images_follow_from_the_speed(
    budget: Budget, images: float, seconds: float
) -> None:
    found = estimate(replace(SPEC, budget=budget), dataset(count=64), CPU, clock=ticking())
    assert found["images_per_second"] == pytest.approx(RATE, abs=0.05)
    assert found["seconds"] == pytest.approx(seconds, abs=0.1)
    assert found["kimg"] == pytest.approx(images / 1000, abs=1e-3)
    assert found["epochs"] == pytest.approx(images / 64, abs=0.01)


def test_bytes_are_those_that_a_training_is_refused_by() -> None:
    found, needed = estimate(SPEC, dataset(count=64), CPU, clock=ticking()), need(SPEC)
    assert (found["memory_bytes"], found["disk_bytes"]) == (needed.memory, needed.disk)
