"""Whatever registers itself as an architecture is tested by itself."""

import pytest
import torch
from pydantic import TypeAdapter

from models.registry import Shape, architectures

NAMES = list(architectures())


def small(name: str):
    architecture = architectures()[name]
    return architecture, architecture.Options(width=4, max_width=16)


def pair(name: str, shape: Shape):
    architecture, options = small(name)
    torch.manual_seed(0)
    return architecture.generator(shape, options), architecture.discriminator(shape, options)


def shape_of(resolution: int = 32, channels: int = 3, c_dim: int = 0, name: str = "skip") -> Shape:
    if not architectures()[name].paints(resolution):
        pytest.skip(f"{name} refuses {resolution} px")
    z_dim = architectures()[name].noise(resolution, channels, 8)
    return Shape(resolution=resolution, channels=channels, z_dim=z_dim, c_dim=c_dim)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    ("resolution", "channels", "c_dim"), [(32, 1, 3), (64, 3, 0), (128, 1, 0), (256, 3, 2)]
)
def test_shapes_at_every_resolution(name: str, resolution: int, channels: int, c_dim: int) -> None:
    shape = shape_of(resolution, channels, c_dim, name)
    G, D = pair(name, shape)
    c = torch.eye(c_dim)[torch.tensor([0, 1])] if c_dim else None
    images = G(torch.randn(2, shape.z_dim), c)
    assert images.shape == (2, channels, resolution, resolution)
    assert D(images, c).shape == (2,)


@pytest.mark.parametrize("name", NAMES)
def test_every_parameter_of_a_conditional_pair_learns(name: str) -> None:
    shape = shape_of(c_dim=2, name=name)
    G, D = pair(name, shape)
    for p in [*G.parameters(), *D.parameters()]:
        p.data += 0.01 * torch.randn_like(p)  # away from layers that start at zero
    c = torch.eye(2)[torch.tensor([0, 1, 1, 0])]
    images = G(torch.randn(4, shape.z_dim), c)
    D(images, c).square().mean().backward()
    if lesson := getattr(D, "lesson", None):
        lesson(images.detach(), c).backward()
    if lesson := getattr(G, "lesson", None):
        lesson(images.detach(), c, D).backward()
    for part in (G, D):
        silent = [n for n, p in part.named_parameters() if p.grad is None or not p.grad.any()]
        # A bias in front of BatchNorm would be such a parameter.
        assert silent == []


@pytest.mark.parametrize("name", NAMES)
def test_same_seed_gives_the_same_networks_and_images(name: str) -> None:
    shape = shape_of(name=name)
    first, second = pair(name, shape), pair(name, shape)
    z = torch.randn(4, shape.z_dim)
    assert torch.equal(first[0](z, None), second[0](z, None))


@pytest.mark.parametrize("name", NAMES)
def test_the_condition_and_the_noise_reach_the_image(name: str) -> None:
    shape = shape_of(c_dim=2, name=name)
    G, _ = pair(name, shape)
    G.eval()
    z = torch.randn(2, shape.z_dim)
    zero, one = torch.tensor([[1.0, 0.0]] * 2), torch.tensor([[0.0, 1.0]] * 2)
    assert not torch.allclose(G(z, zero), G(z, one))
    assert not torch.allclose(G(z, zero)[0], G(z, zero)[1])


@pytest.mark.parametrize("name", NAMES)
def test_images_start_about_within_range(name: str) -> None:
    G, _ = pair(name, shape_of(64, name=name))
    assert 0 < float(G(torch.randn(32, 8), None).detach().std()) < 2


@pytest.mark.parametrize("name", NAMES)
def test_options_are_documented_with_bounds_for_a_schema(name: str) -> None:
    architecture, _ = small(name)
    schema = TypeAdapter(architecture.Options).json_schema()
    assert architecture.summary.endswith(".")
    for field in schema["properties"].values():
        assert field["description"]
        assert "default" in field
        assert "minimum" in field or "enum" in field


def test_r3_blocks_start_as_the_identity() -> None:
    from models.r3 import Block

    x = torch.randn(1, 4, 8, 8)
    assert torch.equal(Block(4, 10)(x), x)


def test_r3_keeps_the_variance_of_features_near_one() -> None:
    from models.r3 import Generator, R3Options

    torch.manual_seed(0)
    G = Generator(shape_of(64), R3Options())
    x = G.base(torch.randn(64, 8)).unflatten(1, (-1, 4, 4))
    assert float(x.detach().var()) == pytest.approx(1, rel=0.2)
