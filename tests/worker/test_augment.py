"""Augmentation: identity when off, exact where geometry is exact, differentiable twice."""

import pytest
import torch

from worker.augment import (
    MAX_PROBABILITY,
    Augment,
    blurred,
    mirrored,
    moved,
    operations,
    resampling,
)

IMAGES = torch.rand(8, 3, 16, 16, generator=torch.Generator().manual_seed(0)) * 2 - 1


def rng() -> torch.Generator:
    return torch.Generator().manual_seed(1)


@pytest.mark.parametrize("name", list(operations()))
def test_probability_zero_is_the_identity(name: str) -> None:
    assert torch.equal(Augment(names=(name,), p=0.0)(IMAGES, rng()), IMAGES)


@pytest.mark.parametrize("name", list(operations()))
def test_images_that_are_not_chosen_stay_as_they_are(name: str) -> None:
    many = IMAGES.repeat(8, 1, 1, 1)
    changed = Augment(names=(name,), p=0.3)(many, rng())
    same = (changed == many).flatten(1).all(1)
    assert 0.5 < same.float().mean() < 0.9
    everywhere = Augment(names=(name,), p=1.0)(many, rng())
    assert torch.allclose(changed[~same], everywhere[~same], atol=1e-6)


@pytest.mark.parametrize("name", list(operations()))
def test_probability_one_changes_images_the_same_way_for_the_same_seed(name: str) -> None:
    augment = Augment(names=(name,), p=1.0)
    changed = augment(IMAGES, rng())
    assert changed.shape == IMAGES.shape
    assert not torch.equal(changed, IMAGES)
    assert torch.equal(changed, augment(IMAGES, rng()))


def test_every_operation_can_be_differentiated_twice() -> None:
    augment = Augment(names=tuple(operations()), p=1.0)
    x = IMAGES.double().requires_grad_()
    (gradient,) = torch.autograd.grad(augment(x, rng()).pow(3).sum(), x, create_graph=True)
    (second,) = torch.autograd.grad(gradient.square().sum(), x)
    assert torch.isfinite(second).all()
    assert second.any()


def test_a_whole_pixel_shift_moves_pixels_exactly_and_fills_with_grey() -> None:
    one, two = torch.ones(8, 1), torch.full((8, 1), 2.0)
    result = moved(IMAGES, resampling(16, one, two), resampling(16, one, torch.zeros(8, 1)))
    assert torch.allclose(result[:, :, :-2], IMAGES[:, :, 2:], atol=1e-6)
    assert not result[:, :, -2:].any()


def test_scale_minus_one_is_a_reflection() -> None:
    matrix = resampling(16, -torch.ones(8, 1), torch.zeros(8, 1))
    same = resampling(16, torch.ones(8, 1), torch.zeros(8, 1))
    assert torch.allclose(moved(IMAGES, same, matrix), IMAGES.flip(3), atol=1e-6)


def test_mirrored_turns_the_chosen_images_and_nothing_else() -> None:
    many = IMAGES[:1].repeat(400, 1, 1, 1)
    chosen = torch.rand(400, generator=rng()) < 0.5
    result = mirrored(many, chosen)
    assert torch.equal(result[chosen], many[chosen].flip(3))
    assert torch.equal(result[~chosen], many[~chosen])


def test_blur_keeps_flat_images_and_takes_the_variance_of_noise() -> None:
    flat = torch.full((1, 1, 32, 32), 0.5)
    assert torch.allclose(blurred(flat, 2.0), flat)
    noise = torch.randn(64, 1, 32, 32, generator=rng())
    inside = blurred(noise, 2.0)[:, :, 8:24, 8:24]
    # White noise behind a Gaussian of width s has the variance 1 / (4 pi s^2).
    assert float(inside.var()) == pytest.approx(1 / (4 * torch.pi * 4), rel=0.15)
    assert blurred(noise, 0.0) is noise


def test_probability_rises_while_every_pair_is_told_apart_and_stops_at_the_cap() -> None:
    augment = Augment(names=("colour",), ramp_kimg=1.0)
    for _ in range(16):
        augment.observe(16.0, 16)
    assert augment.p == pytest.approx(16 * 16 / 1000)
    for _ in range(160):
        augment.observe(16.0, 16)
    assert augment.p == MAX_PROBABILITY


def test_probability_falls_back_to_zero_when_pairs_cannot_be_told() -> None:
    augment = Augment(names=("colour",), p=0.1, ramp_kimg=1.0)
    for _ in range(16):
        augment.observe(0.0, 16)
    assert augment.p == 0.0
