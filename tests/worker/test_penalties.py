"""Gradient penalties against closed forms."""

import math

import pytest
import torch
from torch import Tensor, nn

from worker.penalties import penalties, squared_gradient

IMAGES = torch.randn(5, 3, 4, 4, generator=torch.Generator().manual_seed(1))


def rng() -> torch.Generator:
    return torch.Generator().manual_seed(2)


def linear() -> tuple[nn.Linear, float]:
    """A discriminator, and the square of its slope."""
    with torch.random.fork_rng():
        torch.manual_seed(3)
        D = nn.Linear(3 * 4 * 4, 1)
    return D, float(D.weight.detach().square().sum())


def test_of_a_linear_discriminator_it_is_the_square_of_its_weights() -> None:
    D, square = linear()
    found = squared_gradient(lambda x: D(x.flatten(1)), IMAGES, 0.0, rng())
    assert found.shape == (5,) and found.tolist() == pytest.approx([square] * 5, rel=1e-5)


def test_its_gradient_is_twice_the_weights() -> None:
    D, _ = linear()
    squared_gradient(lambda x: D(x.flatten(1)), IMAGES, 0.0, rng()).mean().backward()
    assert D.weight.grad is not None
    assert torch.allclose(D.weight.grad, 2 * D.weight, rtol=1e-5)


def test_it_is_exact_in_float32_inside_autocast() -> None:
    D, _ = linear()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        mixed = squared_gradient(lambda x: D(x.flatten(1)), IMAGES, 0.0, rng())
    assert torch.equal(mixed, squared_gradient(lambda x: D(x.flatten(1)), IMAGES, 0.0, rng()))


def test_differences_have_the_exact_penalty_as_their_mean() -> None:
    D, square = linear()
    many = IMAGES[:1].expand(20_000, -1, -1, -1)
    found = squared_gradient(lambda x: D(x.flatten(1)), many, 0.01, rng())
    assert float(found.detach().mean()) == pytest.approx(
        square, rel=0.05
    )  # deviation sqrt(2 / n) of it


def test_differences_of_a_curved_discriminator_agree_for_small_steps() -> None:
    D = nn.Sequential(nn.Flatten(), nn.Linear(48, 32), nn.Tanh(), nn.Linear(32, 1))
    exact = squared_gradient(lambda x: D(x)[:, 0], IMAGES, 0.0, rng()).mean()
    many = IMAGES.repeat(4000, 1, 1, 1)
    near = squared_gradient(lambda x: D(x)[:, 0], many, 0.01, rng()).mean()
    assert float(near.detach()) == pytest.approx(float(exact.detach()), rel=0.05)


def test_both_ends_of_a_difference_are_augmented_alike() -> None:
    """A discriminator that sees nothing but its own random numbers has no slope."""
    random = rng()

    def judge(images: Tensor) -> Tensor:
        return torch.rand(len(images), generator=random)

    assert squared_gradient(judge, IMAGES, 0.1, random).tolist() == [0.0] * 5


@pytest.mark.parametrize(("name", "told"), [("r1", {"R1"}), ("r2", {"R2"}), ("r1r2", {"R1", "R2"})])
def test_sides_are_penalised_by_name(name: str, told: set[str]) -> None:
    def judge(images: Tensor) -> Tensor:
        return images.square().sum((1, 2, 3)) / 2  # whose gradient is the image

    found = penalties()[name](0.0).of(judge, IMAGES, 2 * IMAGES, rng())
    square = float(IMAGES.square().sum((1, 2, 3)).mean())
    expected = {"R1": square, "R2": 4 * square}
    seen = {name: float(value.detach()) for name, value in found.items()}
    assert seen == pytest.approx({name: expected[name] for name in told})


def test_wgan_gp_wants_a_slope_of_one() -> None:
    D, square = linear()
    found = penalties()["wgan-gp"](0.0).of(lambda x: D(x.flatten(1)), IMAGES, -IMAGES, rng())
    assert float(found["GP"].detach()) == pytest.approx((math.sqrt(square) - 1) ** 2, rel=1e-4)


def test_wgan_gp_of_a_flat_discriminator_has_a_finite_gradient() -> None:
    D, _ = linear()
    nn.init.zeros_(D.weight)
    penalties()["wgan-gp"](0.0).of(lambda x: D(x.flatten(1)), IMAGES, IMAGES, rng())[
        "GP"
    ].backward()
    assert D.weight.grad is not None and torch.isfinite(D.weight.grad).all()
