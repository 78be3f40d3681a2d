"""Losses and penalties against closed forms."""

import math

import pytest
import torch
from torch import nn

from worker.losses import gradient_penalty, losses


def test_rpgan_is_ln_2_for_both_when_the_logits_are_equal() -> None:
    logits = torch.randn(8)
    loss = losses()["rpgan"]
    assert float(loss.discriminator(logits, logits)) == pytest.approx(math.log(2))
    assert float(loss.generator(logits, logits)) == pytest.approx(math.log(2))


def test_bce_is_2_ln_2_and_ln_2_at_zero_logits() -> None:
    zero = torch.zeros(8)
    loss = losses()["bce"]
    assert float(loss.discriminator(zero, zero)) == pytest.approx(2 * math.log(2))
    assert float(loss.generator(zero, zero)) == pytest.approx(math.log(2))


def test_rpgan_depends_on_differences_only() -> None:
    real, fake = torch.randn(8), torch.randn(8)
    loss = losses()["rpgan"]
    shifted = loss.discriminator(real + 5, fake + 5)
    assert float(shifted) == pytest.approx(float(loss.discriminator(real, fake)), rel=1e-5)


@pytest.mark.parametrize("name", list(losses()))
def test_the_players_pull_the_fakes_apart(name: str) -> None:
    real, fake = torch.zeros(4), torch.zeros(4, requires_grad=True)
    (down,) = torch.autograd.grad(losses()[name].discriminator(real, fake), fake)
    (up,) = torch.autograd.grad(losses()[name].generator(real, fake), fake)
    assert (down > 0).all()
    assert (up < 0).all()


@pytest.mark.parametrize("name", list(losses()))
def test_large_logits_stay_finite(name: str) -> None:
    big = torch.full((4,), 1e4)
    loss = losses()[name]
    assert math.isfinite(float(loss.discriminator(-big, big)))
    assert math.isfinite(float(loss.generator(big, -big)))


def test_penalty_of_a_linear_discriminator_is_the_square_of_its_weights() -> None:
    D = nn.Linear(3 * 4 * 4, 1).double()
    penalty = gradient_penalty(lambda x: D(x.flatten(1).double()), torch.randn(5, 3, 4, 4))
    expected = float(D.weight.detach().square().sum())
    assert penalty.shape == (5,)
    assert penalty.tolist() == pytest.approx([expected] * 5, rel=1e-5)


def test_penalty_of_a_linear_discriminator_has_twice_its_weights_as_gradient() -> None:
    D = nn.Linear(3 * 4 * 4, 1)
    gradient_penalty(lambda x: D(x.flatten(1)), torch.randn(5, 3, 4, 4)).mean().backward()
    assert D.weight.grad is not None
    assert torch.allclose(D.weight.grad, 2 * D.weight, rtol=1e-5)


def test_penalty_is_exact_in_float32_inside_autocast() -> None:
    D = nn.Linear(3 * 4 * 4, 1)
    images = torch.randn(5, 3, 4, 4)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        mixed = gradient_penalty(lambda x: D(x.flatten(1)), images)
    assert torch.equal(mixed, gradient_penalty(lambda x: D(x.flatten(1)), images))
