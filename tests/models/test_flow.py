"""The flow: what it makes it can take back, and its likelihoods are those of probability theory."""

import math

import pytest
import torch
from torch import Tensor

from models.couplings import Level
from models.flow import FlowOptions, Generator, dequantised, discriminator, noise_length
from models.registry import Shape


def shape_of(resolution: int, channels: int, c_dim: int = 0) -> Shape:
    z_dim = noise_length(resolution, channels)
    return Shape(resolution=resolution, channels=channels, z_dim=z_dim, c_dim=c_dim)


def tiny(resolution: int = 4, channels: int = 1, c_dim: int = 0, spread: float = 0.02) -> Generator:
    """A flow away from its quiet beginning."""
    torch.manual_seed(0)
    G = Generator(shape_of(resolution, channels, c_dim), FlowOptions(width=8, max_width=16))
    with torch.no_grad():
        for p in G.parameters():
            p.add_(torch.randn_like(p) * spread)
    return G.eval().requires_grad_(False)


@pytest.mark.parametrize(
    ("resolution", "channels", "c_dim"), [(4, 1, 0), (8, 3, 2), (16, 1, 3), (32, 3, 0), (32, 1, 2)]
)
def test_an_image_gives_back_its_noise(resolution: int, channels: int, c_dim: int) -> None:
    G = tiny(resolution, channels, c_dim)
    z = torch.randn(3, noise_length(resolution, channels))
    c = torch.eye(c_dim)[torch.tensor([0, 1, 0])] if c_dim else None
    images = G(z, c)
    torch.testing.assert_close(G.invert(images, c), z, atol=1e-3, rtol=0)
    torch.testing.assert_close(G(G.invert(images, c), c), images, atol=1e-4, rtol=0)


@pytest.mark.parametrize("c_dim", [0, 2])
def test_densities_are_those_of_the_change_of_variables(c_dim: int) -> None:
    G = tiny(c_dim=c_dim).double()
    c = torch.eye(c_dim)[:1].double() if c_dim else None
    z = torch.randn(1, 16, dtype=torch.float64)

    def made(z: Tensor) -> Tensor:
        return G(z, c).flatten()

    step = 1e-5
    steps = torch.eye(16, dtype=torch.float64) * step
    jacobian = torch.stack([(made(z + s) - made(z - s)) / (2 * step) for s in steps], dim=1)
    normal = -(z.square() + math.log(2 * math.pi)).sum() / 2
    expected = normal - torch.linalg.slogdet(jacobian).logabsdet
    torch.testing.assert_close(G.log_density(G(z, c), c)[0], expected, atol=1e-6, rtol=0)


def test_a_density_of_two_numbers_integrates_to_one() -> None:
    torch.manual_seed(0)
    level = Level(2, 8, 0, 4).requires_grad_(False)
    for p in level.parameters():
        p.add_(torch.randn_like(p) * 0.3)
    side, step = torch.linspace(-12, 12, 481), 0.05
    grid = torch.cartesian_prod(side, side)[:, :, None, None]
    z, log_det = level.invert(grid, None)
    log_p = log_det - z.square().sum((1, 2, 3)) / 2 - math.log(2 * math.pi)
    assert float(log_p.exp().sum() * step**2) == pytest.approx(1, abs=1e-3)


def test_all_levels_together_are_no_more_likely_than_certain() -> None:
    # Where only one of four numbers varies, the sum over its levels stays below one.
    G = tiny(2)
    images = torch.zeros(256, 1, 2, 2)
    images[:, 0, 0, 0] = torch.arange(256) / 127.5 - 1
    assert 0 < float(G.log_likelihood(images).exp().sum()) < 1


def test_rounding_undoes_the_noise_that_makes_levels_continuous() -> None:
    levels = torch.arange(256).repeat(12).view(3, 1, 32, 32)
    images = levels / 127.5 - 1
    spread = dequantised(images)
    assert torch.equal(((spread + 1) * 127.5).round().long(), levels)
    within = (spread + 1) * 127.5 - levels
    assert float(within.mean()) == pytest.approx(0, abs=0.02)
    assert float(within.std()) == pytest.approx(12**-0.5, abs=0.02)


def test_a_likelihood_is_the_same_in_every_batch_and_draws_nothing_from_others() -> None:
    G = tiny(8)
    images = (torch.rand(4, 1, 8, 8) * 255).round() / 127.5 - 1
    state = torch.get_rng_state()
    together = G.log_likelihood(images)
    assert torch.equal(torch.get_rng_state(), state)
    assert not torch.equal(dequantised(images)[0] - images[0], dequantised(images)[1] - images[1])
    torch.testing.assert_close(G.log_likelihood(images[2:3]), together[2:3])


def test_unlikely_images_have_finite_likelihoods() -> None:
    G = tiny(8)
    images = torch.stack([torch.full((1, 8, 8), level) for level in (-1.0, 1.0, 0.0, 5.0)])
    assert torch.isfinite(G.log_likelihood(images)).all()


def test_few_lessons_make_reals_more_likely() -> None:
    torch.manual_seed(0)
    options, shape = FlowOptions(width=8, max_width=16, likelihood=1.0), shape_of(8, 1)
    G, D = Generator(shape, options), discriminator(shape, options)
    images = (torch.linspace(-1, 0, 64).view(1, 1, 8, 8) + torch.rand(16, 1, 8, 8) * 0.2).clamp(-1)
    adam = torch.optim.Adam(G.parameters(), lr=3e-3)
    told = []
    for _ in range(30):
        loss = G.lesson(images, None, D)
        adam.zero_grad()
        loss.backward()
        adam.step()
        told.append(float(loss.detach()))
    assert told[0] == pytest.approx(math.log(256), abs=0.5)
    assert told[-1] < told[0] - 0.3


def test_large_images_and_other_lengths_of_noise_are_refused() -> None:
    with pytest.raises(ValueError, match="at most, not of 64 px"):
        noise_length(64, 1)
    shape = Shape(resolution=32, channels=1, z_dim=64, c_dim=0)
    with pytest.raises(ValueError, match="1024 numbers, not 64"):
        Generator(shape, FlowOptions())
