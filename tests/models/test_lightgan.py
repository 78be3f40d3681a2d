"""Gates between resolutions, and a discriminator that learns to paint reals."""

import copy

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from models.lightgan import Discriminator, Excite, Generator, LightganOptions, quarters
from models.registry import Shape

OPTIONS = LightganOptions(width=4, max_width=16)
EDGE = torch.linspace(-1, 1, 32)


def shape_of(resolution: int = 32, c_dim: int = 0) -> Shape:
    return Shape(resolution=resolution, channels=3, z_dim=8, c_dim=c_dim)


def discriminator(resolution: int = 32) -> Discriminator:
    torch.manual_seed(0)
    return Discriminator(shape_of(resolution), OPTIONS)


def reals() -> Tensor:
    """Four smooth pictures of 32 x 32."""
    rows, columns = EDGE[:, None].expand(32, 32), EDGE.expand(32, 32)
    pictures = [rows, columns, -rows, rows * columns]
    return torch.stack([torch.stack([p, p.flip(0), -p]) for p in pictures])


@pytest.mark.parametrize(("low", "high"), [(4, 16), (8, 32), (64, 256)])
def test_the_small_map_weighs_the_channels_of_the_large_one(low: int, high: int) -> None:
    torch.manual_seed(0)
    excite = Excite(6, 3)
    one, other = torch.randn(2, 2, 6, low, low)
    x = torch.randn(2, 3, high, high)
    gate = excite.gate(one)
    assert gate.shape == (2, 3, 1, 1)
    assert ((gate > 0) & (gate < 1)).all()
    assert torch.equal(excite(one, x), x * gate)
    assert not torch.allclose(gate, excite.gate(other))
    assert not torch.allclose(gate, gate.flip(1))  # each channel has its own


def test_a_gate_sees_where_in_the_small_map_something_is() -> None:
    torch.manual_seed(0)
    x = torch.randn(1, 6, 8, 8)
    excite = Excite(6, 3)
    assert not torch.allclose(excite.gate(x), excite.gate(x.flip(3)))


@pytest.mark.parametrize(("resolution", "gates"), [(32, 2), (64, 3), (128, 4), (256, 5)])
def test_gates_reach_as_far_as_the_resolution(resolution: int, gates: int) -> None:
    G = Generator(shape_of(resolution), OPTIONS)
    seen: list[tuple[int, int]] = []

    def look(module: nn.Module, inputs: tuple[Tensor, Tensor], output: Tensor) -> None:
        seen.append((inputs[0].shape[-1], inputs[1].shape[-1]))

    for gate in G.gates:
        gate.register_forward_hook(look)
    G(torch.randn(2, 8))
    assert seen == [(4 * 2**k, 16 * 2**k) for k in range(gates)]


def test_quarters_take_turns_and_are_the_corners() -> None:
    x = torch.arange(5 * 2 * 4 * 4).view(5, 2, 4, 4)
    corners = [x[0, :, :2, :2], x[1, :, :2, 2:], x[2, :, 2:, :2], x[3, :, 2:, 2:], x[4, :, :2, :2]]
    assert torch.equal(quarters(x), torch.stack(corners))


@pytest.mark.parametrize("resolution", [32, 64, 128, 256])
def test_the_lesson_is_the_mean_square_of_what_is_missing(resolution: int) -> None:
    D = discriminator(resolution)
    for decoder in (D.whole, D.part):
        nn.init.zeros_(decoder.paint.weight)  # paints grey: 0
    images = torch.randn(4, 3, resolution, resolution)
    expected = F.avg_pool2d(images, 2).square().mean() + quarters(images).square().mean()
    torch.testing.assert_close(D.lesson(images, None), expected)


def test_the_decoders_learn_to_paint_the_reals() -> None:
    D, images = discriminator(), reals()
    decoders = [*D.whole.parameters(), *D.part.parameters()]
    adam = torch.optim.Adam(decoders, lr=5e-3)
    told: list[float] = []
    for _ in range(80):
        adam.zero_grad()
        lesson = D.lesson(images, None)
        lesson.backward()
        adam.step()
        told.append(float(lesson.detach()))
    assert told[-1] < 0.2 * told[0]


def test_the_lesson_teaches_the_encoder_too_but_not_the_verdict() -> None:
    D = discriminator()
    D.lesson(reals(), None).backward()
    assert D.open.weight.grad is not None and D.open.weight.grad.any()
    assert all(p.grad is None for p in (*D.to_four.parameters(), *D.verdict.parameters()))


def test_the_decoders_have_no_say_about_made_images() -> None:
    D, made = discriminator(), Generator(shape_of(), OPTIONS)(torch.randn(4, 8))
    D(made).sum().backward()
    decoders = [*D.whole.parameters(), *D.part.parameters()]
    assert all(p.grad is None for p in decoders)
    other = copy.deepcopy(D)
    for p in [*other.whole.parameters(), *other.part.parameters()]:
        nn.init.normal_(p)
    assert torch.equal(other(made), D(made))


def test_the_lesson_is_the_same_every_time() -> None:
    D = discriminator()
    twin = copy.deepcopy(D)
    torch.manual_seed(1)
    first = D.lesson(reals(), None)
    assert torch.equal(first, twin.lesson(reals(), None))


def test_a_verdict_does_not_depend_on_the_other_images_and_differentiates_twice() -> None:
    D, images = discriminator(), reals().requires_grad_()
    torch.testing.assert_close(D(images[:1]), D(images)[:1])
    (slope,) = torch.autograd.grad(D(images).sum(), images, create_graph=True)
    slope.square().sum().backward()
    assert D.open.weight.grad is not None and D.open.weight.grad.any()
