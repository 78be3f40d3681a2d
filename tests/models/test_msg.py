"""msg: pyramids of pictures, and what the discriminator makes of them."""

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from models.msg import Discriminator, Generator
from models.registry import Shape
from models.skip import Paint, SkipOptions
from tests.worker.games import tiny_game, tiny_spec
from worker.augment import Augment, operations
from worker.losses import losses
from worker.pair import Part, Rules, seen
from worker.penalties import penalties
from worker.tasks import Batch

SIZES = (4, 8, 16, 32)
CHANNELS = 3


@pytest.fixture
def networks() -> tuple[Generator, Discriminator]:
    torch.manual_seed(0)
    shape = Shape(resolution=32, channels=CHANNELS, z_dim=8, c_dim=0)
    options = SkipOptions(width=4, max_width=16)
    return Generator(shape, options), Discriminator(shape, options)


def photographs(count: int = 4) -> Tensor:
    return torch.rand(count, CHANNELS, 32, 32, generator=torch.Generator().manual_seed(2)) * 2 - 1


def scale(pyramid: Tensor, place: int) -> Tensor:
    """The channels of the picture of SIZES[place]."""
    return pyramid[:, CHANNELS * place : CHANNELS * (place + 1)]


def test_the_generators_pyramid_ends_in_its_image(
    networks: tuple[Generator, Discriminator],
) -> None:
    G, _ = networks
    z = torch.randn(2, 8)
    pyramid = G.pyramid(z, None)
    assert pyramid.shape == (2, CHANNELS * len(SIZES), 32, 32)
    assert torch.equal(scale(pyramid, -1 % len(SIZES)), G(z, None))


def test_coarse_pictures_are_repeated_pixels(networks: tuple[Generator, Discriminator]) -> None:
    G, _ = networks
    z = torch.randn(2, 8)
    pyramid, pictures = G.pyramid(z, None), G.pictures(G.mapped(z))
    for place, (size, picture) in enumerate(zip(SIZES, pictures, strict=True)):
        assert picture.shape == (2, CHANNELS, size, size)
        step = 32 // size
        repeated = picture.repeat_interleave(step, 2).repeat_interleave(step, 3)
        assert torch.equal(scale(pyramid, place), repeated)


def test_the_pyramid_of_reals_holds_their_means(networks: tuple[Generator, Discriminator]) -> None:
    _, D = networks
    images = photographs()
    pyramid = D.pyramid(images)
    assert torch.equal(scale(pyramid, 3), images)
    for place, size in enumerate(SIZES):
        blocks = images.unflatten(3, (size, -1)).unflatten(2, (size, -1)).mean((3, 5))
        assert torch.allclose(
            scale(pyramid, place)[..., :: 32 // size, :: 32 // size], blocks, atol=1e-6
        )


def test_the_discriminator_averages_a_pyramid_back(
    networks: tuple[Generator, Discriminator],
) -> None:
    G, D = networks
    z = torch.randn(3, 8)
    given = G.pictures(G.mapped(z))
    for found, picture in zip(D.pictures(G.pyramid(z, None)), given, strict=True):
        assert torch.allclose(found, picture, atol=1e-6)


def test_images_and_their_pyramid_are_judged_alike(
    networks: tuple[Generator, Discriminator],
) -> None:
    _, D = networks
    images = photographs()
    assert torch.allclose(D(images, None), D(D.pyramid(images), None), atol=1e-5)


@pytest.mark.parametrize("place", range(len(SIZES)))
def test_each_scale_is_seen_and_teaches_its_own_layer(
    networks: tuple[Generator, Discriminator], place: int
) -> None:
    G, D = networks
    pictures = G.pictures(G.mapped(torch.randn(4, 8)))
    # Every other picture is cut off, and what it was painted from.
    own = [p if k == place else p.detach() for k, p in enumerate(pictures)]
    D(torch.cat([F.interpolate(p, 32) for p in own], dim=1), None).sum().backward()
    layers = [module.paint.weight for module in G.stages if isinstance(module, Paint)]
    assert [weight.grad is not None for weight in layers] == [k <= place for k in range(4)]
    gradient = layers[place].grad
    assert gradient is not None and gradient.any()


@pytest.mark.parametrize("name", list(penalties()))
@pytest.mark.parametrize("sigma", [0.0, 0.01])
def test_penalties_work_on_pyramids(
    networks: tuple[Generator, Discriminator], name: str, sigma: float
) -> None:
    G, D = networks
    rng = torch.Generator().manual_seed(1)
    reals, fakes = D.pyramid(photographs()), G.pyramid(torch.randn(4, 8), None)
    values = penalties()[name](sigma).of(lambda x: D(x, None), reals, fakes.detach(), rng)
    torch.stack([*values.values()]).sum().backward()
    for part, parameter in D.named_parameters():
        if part != "verdict.judge.bias":  # a constant has no slope
            assert parameter.grad is not None and torch.isfinite(parameter.grad).all(), part


def test_a_penalty_weighs_a_picture_by_its_area(
    networks: tuple[Generator, Discriminator],
) -> None:
    # d/d(coarse pixel) = g: each of its n repetitions has g / n, and their squares add up to g^2/n.
    _, D = networks
    images = D.pyramid(photographs()).requires_grad_()
    (stacked,) = torch.autograd.grad(D(images, None).sum(), images)
    pictures = [p.detach().requires_grad_() for p in D.pictures(images)]
    again = torch.cat([F.interpolate(p, 32) for p in pictures], dim=1)
    single = torch.autograd.grad(D(again, None).sum(), pictures)
    for place, (size, gradient) in enumerate(zip(SIZES, single, strict=True)):
        squares = scale(stacked, place).square().sum()
        expected = gradient.square().sum() * (size / 32) ** 2
        assert float(squares) == pytest.approx(float(expected), rel=1e-3)


def part_of(images: Tensor) -> Part:
    rng = torch.Generator().manual_seed(7)
    return Part(real=images, c=None, z=torch.zeros(len(images), 8), rng=rng, share=1.0)


def rules_with(augment: Augment) -> Rules:
    return Rules(loss=losses()["rpgan"], view=augment, penalty=None, gamma=0.0, lecam=None)


@pytest.mark.parametrize("name", list(operations()))
def test_every_picture_of_a_pyramid_is_augmented_as_the_image_is(
    networks: tuple[Generator, Discriminator], name: str
) -> None:
    _, D = networks
    images, augment = photographs(8), Augment(names=(name,), p=0.7)
    pyramid = D.pyramid(images)
    part = part_of(images)
    views = seen(pyramid, part, rules_with(augment))
    for place in range(len(SIZES)):
        rng = torch.Generator().manual_seed(7)
        assert torch.equal(scale(views, place), augment(scale(pyramid, place), rng))
        assert torch.equal(part.rng.get_state(), rng.get_state())


def test_colour_commutes_with_the_pyramid(networks: tuple[Generator, Discriminator]) -> None:
    # Grey is that of each picture: with one grey of all channels this would not hold.
    _, D = networks
    images, augment = photographs(8), Augment(names=("colour",), p=1.0)
    first = augment(images, torch.Generator().manual_seed(7))
    after = seen(D.pyramid(images), part_of(images), rules_with(augment))
    assert torch.allclose(after, D.pyramid(first), atol=1e-5)


def test_ordinary_images_are_seen_as_before() -> None:
    images, augment = photographs(8), Augment(names=tuple(operations()), p=0.5)
    one = seen(images, part_of(images), rules_with(augment))
    assert torch.equal(one, augment(images, torch.Generator().manual_seed(7)))


def test_in_training_the_discriminator_sees_pyramids_and_paints_plain_images() -> None:
    game = tiny_game(tiny_spec("msg"))
    shapes: list[int] = []
    game.D.register_forward_pre_hook(lambda _, inputs: shapes.append(inputs[0].shape[1]))
    game.play([Batch(target=photographs())], 0.5)
    assert set(shapes) == {CHANNELS * len(SIZES)}
    assert game.paint(torch.randn(2, 8), None).shape == (2, CHANNELS, 32, 32)
