"""All figures together, on drawn images: they order what is better and worse, floors included."""

import json
import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor

from core.evaluations import BETTER
from tests.worker.drawings import blurred, noisy, sprites, sprites_with
from worker.evaluation.metrics import Sides, measure, metrics
from worker.evaluation.path_length import path_length
from worker.evaluation.sides import FEWEST
from worker.evaluation.spaces import rand64

N = 160
CHEAP = [name for name in metrics() if name != "swd"]


def sides(
    real: np.ndarray, fake: np.ndarray, heldout: np.ndarray | None = None, seed: int = 0
) -> Sides:
    space = rand64()
    return Sides(
        real=space.features(real),
        fake=space.features(fake),
        real_images=real,
        fake_images=fake,
        heldout=None if heldout is None else space.features(heldout),
        heldout_images=heldout,
        space=space.name,
        seed=seed,
    )


@pytest.fixture(scope="module")
def honest() -> dict:
    """Figures of images of the same kind in place of fakes."""
    return measure(sides(sprites(0, N), sprites(N, N), sprites(2 * N, N)), CHEAP)


def test_every_metric_says_what_it_is_and_returns_its_own_name() -> None:
    both = sides(sprites(0, 40), sprites(N, 40))
    for name, metric in metrics().items():
        figures = metric.function(both)
        assert metric.name == name and metric.summary.endswith(".") and name in figures
        assert all(key.startswith(name) for key in figures)
        assert all(type(value) in (float, int, str) for value in figures.values())


def test_api_and_worker_agree_which_way_is_better() -> None:
    own = {name: metric.better for name, metric in metrics().items()}
    assert {name: BETTER.get(name) for name in own} == own


def test_measured_figures_are_flat_and_have_floors() -> None:
    done: list[float] = []
    found = measure(sides(sprites(0, 40), sprites(N, 40)), progress=done.append)
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    assert found["n_real"] == found["n_fake"] == 40 and found["space"] == "rand64-v1"
    for name in metrics():
        assert isinstance(found[name], float) and isinstance(found[f"{name}_floor"], float)
        assert found[f"{name}_sd"] >= 0 and found[f"{name}_floor_sd"] >= 0
    assert {"swd_64_sd", "swd_64_floor_sd", "swd_64_floor", "copied_rank_floor"} <= set(found)
    assert found["swd_n"] == 40 and "swd_n_floor" not in found
    assert done == sorted(done) and done[-1] == 1


def test_only_the_metrics_asked_for_are_measured() -> None:
    found = measure(sides(sprites(0, 40), sprites(N, 40)), ["kd"])
    said = {"space", "n_real", "n_fake", "floor_reference", "floor_n"}
    assert set(found) - said == {"kd", "kd_sd", "kd_floor", "kd_floor_sd"}


def test_floors_are_of_held_out_images_where_there_are_enough(honest: dict) -> None:
    assert (honest["floor_reference"], honest["floor_n"]) == ("held-out", N)
    assert honest["copied_reference"] == "held-out"
    few = measure(
        sides(sprites(0, 80), sprites(N, 80), sprites(2 * N, FEWEST - 1)), ["kd", "copied"]
    )
    assert (few["floor_reference"], few["floor_n"]) == ("halves", 40)
    assert few["copied_reference"] == "leave-one-out"


def test_the_floor_has_reals_and_held_out_images_in_the_proportion_of_reals_and_fakes() -> None:
    floor = sides(sprites(0, 120), sprites(N, 60), sprites(2 * N, 40)).floor()
    assert (len(floor.real), len(floor.fake)) == (80, 40)
    assert (len(floor.real_images), len(floor.fake_images)) == (80, 40)


def test_the_halves_of_a_floor_share_no_image() -> None:
    floor = sides(sprites(0, 61), sprites(N, 60)).floor()
    both = np.concatenate([floor.real, floor.fake])
    assert len(np.unique(both, axis=0)) == len(both) == 61
    np.testing.assert_array_equal(rand64().features(floor.fake_images), floor.fake)


def test_what_too_few_images_do_not_allow_is_none_with_a_reason() -> None:
    found = measure(sides(sprites(0, 8), sprites(N, 8)), ["kd", "recall"])
    assert isinstance(found["recall"], float)
    assert found["recall_floor"] is None and "6 images" in found["recall_floor_reason"]
    assert isinstance(found["kd_floor"], float)


def test_honest_images_are_near_the_floor(honest: dict) -> None:
    assert abs(honest["kd"] - honest["kd_floor"]) < 4 * honest["kd_sd"]
    for name, allowed in {
        "precision": 0.12,
        "recall": 0.12,
        "coverage": 0.12,
        "density": 0.3,
    }.items():
        assert honest[name] == pytest.approx(honest[f"{name}_floor"], abs=allowed), name
    assert honest["copied"] == pytest.approx(0.01, abs=0.03)
    assert honest["copied_floor"] == pytest.approx(0.01, abs=0.005)
    assert honest["copied_rank"] == pytest.approx(0.5, abs=0.1)
    assert honest["diversity"] == pytest.approx(1, abs=0.1)
    assert honest["authpct"] == pytest.approx(honest["authpct_floor"], abs=15)


def test_damage_is_seen(honest: dict) -> None:
    base = sprites(N, N)
    names = ["kd", "fd", "precision", "coverage"]
    blurs = [measure(sides(sprites(0, N), blurred(base, s)), names) for s in (0.7, 1.5, 3)]
    noise = measure(sides(sprites(0, N), noisy(base, 60)), names)
    distances = [honest["kd"], *(found["kd"] for found in blurs)]
    assert distances == sorted(distances)
    assert noise["kd"] > blurs[0]["kd"] and noise["fd"] > blurs[0]["fd"] > honest["fd"]
    for worst in (noise, blurs[2]):
        assert worst["precision"] < honest["precision"] - 0.3
        assert worst["coverage"] < honest["coverage"] - 0.3


@pytest.mark.parametrize(("factor", "left"), [("colour", 4), ("background", 3)])
def test_what_is_missing_costs_recall_not_precision(honest: dict, factor: str, left: int) -> None:
    some = sprites_with(factor, left, N, 2 * N)
    found = measure(sides(sprites(0, len(some)), some), ["recall", "precision"])
    assert found["recall"] < honest["recall"] - 0.3
    assert found["precision"] > honest["precision"] - 0.1


def test_copies_are_found_exact_ones_and_damaged_ones() -> None:
    train, heldout = sprites(0, N), sprites(2 * N, N)
    exact = measure(sides(train, train, heldout), ["copied", "authpct"])
    assert exact["copied"] == 1 and exact["copied_rank"] == 1 and exact["authpct"] == 0
    assert measure(sides(train, train), ["copied"])["copied"] == 1  # without a held-out split
    damaged = measure(sides(train, noisy(train, 1), heldout), ["copied"])
    assert damaged["copied"] > 0.5


def test_copies_are_looked_for_among_all_training_images() -> None:
    space, train = rand64(), sprites(0, N)
    both = sides(train[: N // 2], train[N // 2 :], sprites(2 * N, N))
    assert measure(both, ["copied"])["copied"] < 0.1
    found = measure(replace(both, train=space.features(train)), ["copied"])
    assert found["copied"] == 1 and found["copied_floor"] < 0.05


def test_fakes_that_are_all_alike_are_not_diverse(honest: dict) -> None:
    found = measure(
        sides(sprites(0, N), noisy(sprites(0, 2).repeat(50, 0), 4)), ["ms_ssim", "diversity"]
    )
    assert found["ms_ssim"] > honest["ms_ssim"] + 0.2 and found["ms_ssim_scales"] == 3
    assert found["diversity"] < 0.8


def test_the_order_of_images_changes_no_figure_of_features(honest: dict) -> None:
    names = [name for name, metric in metrics().items() if metric.needs == "features"]
    found = measure(sides(sprites(0, N)[::-1], sprites(N, N)[::-1], sprites(2 * N, N)), names)
    for name in names:
        assert found[name] == pytest.approx(honest[name], abs=1e-6), name


def test_figures_are_repeatable_and_floors_follow_the_seed() -> None:
    real, fake, names = sprites(0, 60), sprites(N, 60), ["kd", "copied", "diversity"]
    one, again, other = (measure(sides(real, fake, seed=s), names) for s in (0, 0, 1))
    assert one == again
    assert one["kd"] == other["kd"] and one["kd_floor"] != other["kd_floor"]


def test_path_length_of_a_linear_generator_is_its_squared_norm() -> None:
    matrix = torch.linspace(-1, 1, 48).view(4, 12)
    found = path_length(lambda z: z @ matrix, 4, count=4000, batch=500)
    expected = float(matrix.square().sum())
    error = 4 * found["path_length_sd"]
    assert found["path_length"] == pytest.approx(expected, abs=error + 0.06 * expected)  # trimmed
    assert 0 < found["path_length_sd"] < 0.05 * expected


def test_path_length_hardly_depends_on_epsilon_and_grows_with_what_moves() -> None:
    waves = torch.randn(8, 3 * 64 * 64, generator=torch.Generator().manual_seed(0)) / math.sqrt(8)

    def look(z: Tensor, contrast: float = 1.0) -> Tensor:
        return rand64().features_of(contrast * torch.sin(z @ waves).view(-1, 3, 64, 64))

    lengths = [
        path_length(look, 8, count=64, epsilon=e)["path_length"] for e in (0.02, 0.01, 0.005)
    ]
    assert lengths == pytest.approx([lengths[1]] * 3, rel=0.02)
    pale = path_length(lambda z: look(z, 0.3), 8, count=64)
    assert pale["path_length"] < 0.5 * lengths[1]
