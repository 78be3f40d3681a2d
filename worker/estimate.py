"""What a training will take: tried for a second, and counted."""

import time
from collections.abc import Callable
from typing import Any

from worker import budgets
from worker.data import Dataset, Sampler
from worker.device import Device, synchronize
from worker.game import Game
from worker.gauge import SHARE
from worker.spec import TrainSpec
from worker.tasks import TASKS

SECONDS = 1.5  # of trying
WARM = 2  # steps before: the first ones build kernels


def estimate(
    spec: TrainSpec,
    data: Dataset,
    device: Device,
    *,
    clock: Callable[[], float] = time.perf_counter,
) -> dict[str, Any]:
    """Time, images, bytes and the networks' sizes, as JSON. A busy machine seems slower."""
    rate = speed(spec, data, device, clock) * (1 - SHARE)
    budget = spec.budget
    if budget.minutes is not None:
        images, seconds = rate * 60 * budget.minutes, 60 * budget.minutes
    else:
        a_step = spec.recipe.batch * spec.recipe.n_critic
        images = 1000 * budget.kimg if budget.kimg is not None else a_step * (budget.steps or 0)
        seconds = images / rate
    needed = budgets.need(spec)
    return {
        "seconds": round(seconds, 1),
        "images_per_second": round(rate, 1),
        "kimg": round(images / 1000, 3),
        "epochs": round(images / len(data), 2),
        "memory_bytes": needed.memory,
        "disk_bytes": needed.disk,
        "model_bytes": needed.model,
        "parameters": spec.parameters,
        "device": device.name,
    }


def speed(spec: TrainSpec, data: Dataset, device: Device, clock: Callable[[], float]) -> float:
    """Real images a second in steps of the game: whole intervals of the penalty."""
    game, sampler = Game(spec, device), Sampler(len(data), spec.seed)
    recipe = spec.recipe

    def play(steps: int) -> float:
        started = clock()
        for _ in range(steps):
            rows = (data.rows(sampler.take(recipe.batch)) for _ in range(recipe.n_critic))
            game.play([TASKS[spec.task].batch(each, game.rng) for each in rows], 0.5)
        synchronize(device.name)
        return clock() - started

    play(WARM)
    spent, steps = 0.0, 0
    while spent < SECONDS:
        spent += play(recipe.penalty_interval)
        steps += recipe.penalty_interval
    return steps * recipe.batch * recipe.n_critic / max(spent, 1e-9)
