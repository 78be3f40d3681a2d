"""Losses against closed forms."""

import math

import pytest
import torch

from worker.losses import LeCam, bounded, losses


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
    real, fake = torch.full((4,), 0.5), torch.full((4,), 0.5, requires_grad=True)
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


def test_the_kullback_leibler_bound_is_tight_for_the_best_discriminator() -> None:
    """For P = N(1, 1), Q = N(0, 1): T = 1 + ln p/q = x + 1/2, and KL(P || Q) = 1/2."""
    rng = torch.Generator().manual_seed(0)
    p, q = torch.randn(200_000, generator=rng) + 1, torch.randn(200_000, generator=rng)
    kl = losses()["kl"]
    assert -float(kl.discriminator(p + 0.5, q + 0.5)) == pytest.approx(0.5, abs=0.02)
    for worse in (0.0, 1.0):
        assert -float(kl.discriminator(p + worse, q + worse)) < 0.45


def test_the_bound_of_a_divergence_is_smooth_and_rises_everywhere() -> None:
    t = torch.linspace(-20, 1e4, 100_000, requires_grad=True)
    (slope,) = torch.autograd.grad(bounded(t).sum(), t)
    assert (slope > 0).all() and (slope <= 1).all() and float(bounded(t).detach().max()) < 20


def test_least_squares_and_hinge_are_zero_where_they_want_the_logits() -> None:
    one = torch.ones(4)
    assert float(losses()["lsgan"].discriminator(one, 0 * one)) == 0
    assert float(losses()["lsgan"].generator(one, one)) == 0
    assert float(losses()["hinge"].discriminator(one, -one)) == 0
    assert float(losses()["hinge"].discriminator(-one, one)) == 4


def test_a_critic_measures_a_shift_by_its_length() -> None:
    real = torch.randn(8)
    assert float(losses()["wgan"].discriminator(real, real - 3)) == pytest.approx(-3)


def test_minimax_stalls_where_bce_does_not() -> None:
    sure = torch.full((4,), -8.0, requires_grad=True)  # found out as fakes
    slopes = {
        name: float(torch.autograd.grad(losses()[name].generator(sure, sure), sure)[0].abs().sum())
        for name in ("bce", "minimax")
    }
    assert slopes["bce"] > 0.99 and slopes["minimax"] < 0.001


def test_lecam_pulls_only_what_runs_away() -> None:
    pull = LeCam(weight=0.5, of_real=2.0, of_fake=-1.0)
    calm = float(pull.of(torch.tensor([-2.0]), torch.tensor([3.0])))
    far = float(pull.of(torch.tensor([2.0]), torch.tensor([-1.0])))
    assert (calm, far) == (0.0, 0.5 * (9 + 9))
    pull.observe(torch.tensor(3.0), torch.tensor(-1.0))
    assert pull.of_real == pytest.approx(2.01) and pull.of_fake == -1.0
