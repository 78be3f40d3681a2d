"""The frozen seed mapping. If one of these numbers changes, every published seed changes."""

import hashlib
import struct

import numpy as np
import pytest

from core.errors import Invalid
from core.generation import Picture, Point
from worker.latents import blend, latent, latents, points, slerp

GOLDEN = {
    0: [1.764052391052246, 0.40015721321105957, 0.978738009929657, 2.2408931255340576],
    42: [0.49671414494514465, -0.13826429843902588, 0.6476885676383972, 1.5230298042297363],
    4294967295: [0.6484086513519287, 0.6693235039710999, -1.0805437564849854, 0.2845010459423065],
    "": [-0.12810605764389038, -1.358779788017273, -0.27581587433815, -0.35805878043174744],
    "alice": [0.818740963935852, -1.9951821565628052, -0.866736650466919, -0.22334988415241241],
    "42": [-1.4739831686019897, 1.3756085634231567, -0.2454989105463028, 0.6357322335243225],
}


@pytest.mark.parametrize("seed", list(GOLDEN))
def test_golden_latents(seed: int | str) -> None:
    assert latent(seed, 64)[:4].tolist() == GOLDEN[seed]


def test_integers_follow_the_documented_mapping() -> None:
    expected = np.random.RandomState(42).randn(1, 100).astype(np.float32)[0]
    assert np.array_equal(latent(42, 100), expected)


def test_strings_follow_the_documented_mapping() -> None:
    low, high = struct.unpack("<QQ", hashlib.sha256("Ä".encode()).digest()[:16])
    philox = np.random.Philox(key=low + (high << 64))
    expected = np.random.Generator(philox).standard_normal(8).astype(np.float32)
    assert np.array_equal(latent("Ä", 8), expected)


def test_a_number_and_its_digits_are_different_seeds() -> None:
    assert not np.array_equal(latent(7, 8), latent("7", 8))


@pytest.mark.parametrize("seed", [-1, 2**32])
def test_integers_outside_32_bits_are_refused(seed: int) -> None:
    with pytest.raises(Invalid, match=r"0\.\.4294967295"):
        latent(seed, 8)


def test_latents_do_not_depend_on_their_company() -> None:
    many = latents(range(5), 8)
    assert many.dtype == np.float32
    assert np.array_equal(many[3], latent(3, 8))


def test_blend_is_a_draw_of_the_same_distribution() -> None:
    parts = [latent(seed, 4096) for seed in (1, "alice", 3)]
    made = blend(parts, (0.5, -2.0, 1.0))
    expected = (0.5 * parts[0] - 2 * parts[1] + parts[2]) / np.sqrt(5.25)
    assert np.allclose(made, expected, atol=1e-6)
    assert (made.std(), made.mean()) == (pytest.approx(1, abs=0.05), pytest.approx(0, abs=0.05))


@pytest.mark.parametrize("weight", [1.0, 4.0, -0.25])
def test_blend_of_one_seed_is_that_seed_or_its_opposite(weight: float) -> None:
    whole = latent(42, 64)
    assert np.array_equal(blend([whole], (weight,)), np.sign(weight) * whole)


@pytest.mark.parametrize("t", [0.0, 0.25, 0.5, 1.0])
def test_slerp_turns_evenly_and_changes_its_length_evenly(t: float) -> None:
    a, b = 2 * latent(1, 64).astype(float), latent("b", 64).astype(float)
    made = slerp(a, b, t).astype(float)
    whole = angle(a, b)
    assert (angle(a, made), angle(made, b)) == pytest.approx((t * whole, (1 - t) * whole), abs=1e-3)
    expected = (1 - t) * np.linalg.norm(a) + t * np.linalg.norm(b)
    assert np.linalg.norm(made) == pytest.approx(expected, rel=1e-6)


def test_ends_of_an_arc_are_exact() -> None:
    a, b = latent(1, 64), latent(2, 64)
    assert np.array_equal(slerp(a, b, 0.0), a) and np.array_equal(slerp(a, b, 1.0), b)
    assert np.allclose(slerp(np.eye(2)[0], np.eye(2)[1], 0.5), np.sqrt([0.5, 0.5]))


@pytest.mark.parametrize("factor", [1, 3, -1])
def test_where_there_is_no_one_arc_the_way_is_straight(factor: float) -> None:
    a = latent(1, 64)
    assert np.allclose(slerp(a, factor * a, 0.5), (1 + factor) / 2 * a, atol=1e-6)
    assert np.array_equal(slerp(a, factor * a, 0.0), a)


def angle(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.arccos(np.clip(a @ b / np.linalg.norm(a) / np.linalg.norm(b), -1, 1)))


def test_frames_of_a_strip_are_those_of_single_points() -> None:
    strip = points(Picture(seeds=(1, 2), point=Point(frames=5)), 8)
    alone = [points(Picture(seeds=(1, 2), point=Point(t=k / 4)), 8)[0] for k in range(5)]
    assert [seed for seed, _ in strip] == [1] * 5
    assert all(np.array_equal(a, b) for (_, a), (_, b) in zip(strip, alone, strict=True))


def test_points_of_a_picture_go_with_the_seeds_that_mean_their_labels() -> None:
    plain, blended = Picture(seeds=(1, "x")), Picture(seeds=(1, "x"), point=Point(weights=(1, 1)))
    assert [seed for seed, _ in points(plain, 8)] == [1, "x"]
    ((seed, z),) = points(blended, 8)
    assert seed == 1
    assert np.array_equal(z, blend([latent(1, 8), latent("x", 8)], (1, 1)))
