"""The variational autoencoder: what its lessons teach, and whom the game leaves in peace."""

import copy
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.distributions import Independent, Normal, kl_divergence

from models.registry import Shape
from models.vae import Discriminator, Generator, VaeOptions, change, divergence, noise_for


def pair(c_dim: int = 0, **options: Any) -> tuple[Generator, Discriminator]:
    torch.manual_seed(0)
    shape = Shape(resolution=32, channels=1, z_dim=8, c_dim=c_dim)
    sizes = VaeOptions(width=4, max_width=16, **options)
    return Generator(shape, sizes), Discriminator(shape, sizes)


def some_images(count: int = 4) -> Tensor:
    """Bright squares at different places."""
    images = torch.full((count, 1, 32, 32), -1.0)
    for k, image in enumerate(images):
        image[:, 3 * k : 3 * k + 12, 20 - 4 * k : 32 - 4 * k] = 1.0
    return images


def encoders(G: Generator) -> list[nn.Parameter]:
    return list(G.encoder.parameters())


def test_divergence_is_that_of_two_normal_distributions() -> None:
    mu, log_variance = torch.randn(5, 8), torch.randn(5, 8)
    one = Independent(Normal(mu, (log_variance / 2).exp()), 1)
    other = Independent(Normal(torch.zeros(5, 8), torch.ones(5, 8)), 1)
    torch.testing.assert_close(divergence(mu, log_variance), kl_divergence(one, other))
    assert float(divergence(torch.zeros(1, 8), torch.zeros(1, 8))) == 0


def test_change_does_not_depend_on_the_scale_of_features() -> None:
    wanted, features = [torch.rand(2, 3), torch.rand(2, 5)], [torch.rand(2, 3), torch.rand(2, 5)]
    scaled = [[7 * f for f in side] for side in (features, wanted)]
    torch.testing.assert_close(change(*scaled), change(features, wanted), rtol=1e-4, atol=0)
    assert float(change(wanted, wanted)) == 0
    assert float(change([0 * f for f in wanted], wanted)) == pytest.approx(1, rel=1e-4)


def test_the_game_does_not_reach_the_encoder_and_lessons_reach_everything() -> None:
    G, D = pair(c_dim=2)
    c = torch.eye(2)[torch.tensor([0, 1, 0, 1])]
    D(G(torch.randn(4, 8), c), c).sum().backward()
    assert all(p.grad is None for p in encoders(G))
    D.zero_grad()
    G.lesson(some_images(), c, D.requires_grad_(False)).backward()
    assert all(p.grad is not None and p.grad.any() for p in G.parameters())
    assert all(p.grad is None for p in D.parameters())


def test_painting_does_not_touch_the_encoder() -> None:
    G, _ = pair()
    z = torch.randn(2, 8)
    expected = G(z)
    del G.encoder
    assert torch.equal(G(z), expected)


def test_the_class_changes_what_is_encoded() -> None:
    G, _ = pair(c_dim=2)
    images = some_images(1)
    codes = [G.encode(images, torch.eye(2)[[label]]) for label in (0, 1)]
    assert [part.shape for part in codes[0]] == [(1, 8), (1, 8)]
    assert not torch.allclose(codes[0][0], codes[1][0])


def test_lessons_repeat_bit_by_bit_and_leave_the_global_numbers_alone() -> None:
    G, D = pair()
    twin = copy.deepcopy(G)
    state = torch.get_rng_state()
    first = G.lesson(some_images(), None, D)
    assert torch.equal(torch.get_rng_state(), state)
    torch.rand(3)
    assert torch.equal(twin.lesson(some_images(), None, D), first)


def test_noise_is_normal_and_other_for_other_codes() -> None:
    noise = noise_for(torch.randn(500, 8, generator=torch.Generator().manual_seed(1)))
    assert abs(float(noise.mean())) < 0.05 and abs(float(noise.std()) - 1) < 0.05
    assert not torch.equal(noise_for(torch.zeros(2, 8)), noise_for(torch.ones(2, 8)))
    assert not torch.equal(noise[0], noise[1])


def test_few_lessons_bring_images_painted_again_nearer() -> None:
    G, D = pair(kl=0.001, match=1.0, pixel=1.0)
    D.requires_grad_(False)
    images = some_images()
    adam = torch.optim.Adam(G.parameters(), lr=5e-3, betas=(0.0, 0.9))

    def distance() -> float:
        with torch.no_grad():
            return float((G(G.encode(images)[0]) - images).square().mean())

    before = distance()
    for _ in range(60):
        adam.zero_grad()
        G.lesson(images, None, D).backward()
        adam.step()
    assert distance() < 0.6 * before


@pytest.mark.parametrize("weight", ["kl", "match", "pixel"])
def test_each_weight_counts(weight: str) -> None:
    alone: dict[str, Any] = {name: 0.0 for name in ("kl", "match", "pixel")}
    once, twice = (pair(**{**alone, weight: value}) for value in (1.0, 2.0))
    images = some_images()
    losses = [float(G.lesson(images, None, D).detach()) for G, D in (once, twice)]
    assert 0 < losses[0] == pytest.approx(losses[1] / 2)
