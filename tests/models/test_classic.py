"""The textbook pair: the layers that its name promises, in their order."""

import pytest
import torch
from torch import nn

from models.classic import ClassicOptions, Discriminator, Generator, Grow
from models.layers import doubled
from models.registry import Shape

OPTIONS = ClassicOptions(width=4, max_width=16)


def shape_of(resolution: int) -> Shape:
    return Shape(resolution=resolution, channels=3, z_dim=8, c_dim=2)


def kinds(network: nn.Module) -> list[type[nn.Module]]:
    """Linear and convolutional layers that an image passes, in order; not those of a condition."""
    layers = dict(network.named_modules()).items()
    inner = [m for name, m in layers if not name.endswith(("embed", "project"))]
    return [type(m) for m in inner if isinstance(m, (nn.Linear, nn.Conv2d))]


@pytest.mark.parametrize(("resolution", "growths"), [(32, 3), (256, 6)])
def test_noise_meets_dense_layers_first_and_images_meet_them_last(
    resolution: int, growths: int
) -> None:
    G, D = (part(shape_of(resolution), OPTIONS) for part in (Generator, Discriminator))
    assert kinds(G) == [nn.Linear] * 2 + [nn.Conv2d] * (growths + 1)
    assert kinds(D) == [nn.Conv2d] * growths + [nn.Linear] * 2


def test_only_the_generator_is_normalised_and_nothing_is_dropped() -> None:
    G, D = (part(shape_of(64), OPTIONS) for part in (Generator, Discriminator))
    assert sum(isinstance(m, nn.BatchNorm2d) for m in G.modules()) == 5  # at 4, 8, ..., 64
    forbidden = (nn.BatchNorm2d, nn.Dropout, nn.ReLU)
    assert not any(isinstance(m, forbidden) for m in D.modules())


def test_a_verdict_does_not_depend_on_the_other_images() -> None:
    D = Discriminator(shape_of(32), OPTIONS)
    images, c = torch.randn(4, 3, 32, 32), torch.eye(2)[[0, 1, 1, 0]]
    torch.testing.assert_close(D(images[:1], c[:1]), D(images, c)[:1])


def test_growing_leaves_no_checkerboard() -> None:
    G = Generator(shape_of(64), OPTIONS)
    flat = torch.ones(1, 4, 32, 32) * torch.randn(1, 4, 1, 1)
    stage = G.stages[-1]
    assert isinstance(stage, Grow)
    inner = stage.conv(doubled(torch.cat([flat, flat], dim=1)))[:, :, 2:-2, 2:-2]
    assert float(inner.detach().std((2, 3)).max()) < 1e-5
    assert float(inner.detach().abs().max()) > 0


def test_the_discriminator_differentiates_twice() -> None:
    D = Discriminator(shape_of(32), OPTIONS)
    images, c = torch.randn(2, 3, 32, 32, requires_grad=True), torch.eye(2)
    (slope,) = torch.autograd.grad(D(images, c).sum(), images, create_graph=True)
    slope.square().sum().backward()
    weights = D.stages[0].weight
    assert isinstance(weights, nn.Parameter) and weights.grad is not None and weights.grad.any()
