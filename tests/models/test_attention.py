"""Self-attention: the layer against a plain reference, and its place in r3."""

import warnings
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from models.layers import GAIN, Attention, Verdict, conv, linear
from models.r3 import Discriminator, Generator, R3Options
from models.registry import Shape
from tests.worker.datasets import dataset
from tests.worker.games import CPU, Folder, tiny_spec
from worker.events import Checkpoint
from worker.spec import Budget
from worker.train import train

WIDTH = 16
SHAPE = Shape(resolution=32, channels=3, z_dim=8, c_dim=0)
WIDTHS = [16, 16, 8, 4]  # of the stages at 4, 8, 16 and 32 px


def layer(width: int = WIDTH, scale: float = 1.0) -> Attention:
    torch.manual_seed(0)
    attention = Attention(width)
    nn.init.constant_(attention.scale, scale)
    return attention


def options(attention: int) -> R3Options:
    return R3Options(width=4, max_width=16, attention=attention)


def reference(of: Attention, x: Tensor) -> Tensor:
    """The equations of the paper, an index for every letter: queries hw, keys uv."""
    d = torch.einsum("dc,nchw->ndhw", of.theta.weight[..., 0, 0], x)
    k = F.max_pool2d(torch.einsum("dc,nchw->ndhw", of.phi.weight[..., 0, 0], x), 2)
    v = F.max_pool2d(torch.einsum("dc,nchw->ndhw", of.g.weight[..., 0, 0], x), 2)
    weights = torch.einsum("ndhw,nduv->nhwuv", d, k).exp()
    weights = weights / weights.sum((3, 4), keepdim=True)
    o = torch.einsum("nduv,nhwuv->ndhw", v, weights)
    return x + of.scale * of.out(o)


@pytest.mark.parametrize("width", [8, WIDTH, 64])
@pytest.mark.parametrize("size", [(4, 4), (8, 6)])
def test_attention_is_that_of_the_paper(width: int, size: tuple[int, int]) -> None:
    attention, x = layer(width, 0.7), torch.randn(3, width, *size)
    assert attention.theta.out_channels == max(width // 8, 4)
    assert torch.allclose(attention(x), reference(attention, x), atol=1e-5)


def test_a_single_key_is_what_every_place_sees() -> None:
    attention, x = layer(), torch.randn(2, WIDTH, 2, 2)
    values = attention.g(x).amax((2, 3), keepdim=True)
    assert torch.allclose(attention(x), x + attention.out(values), atol=1e-6)


def test_attention_starts_as_the_identity_and_learns() -> None:
    torch.manual_seed(0)
    attention, x = Attention(WIDTH), torch.randn(2, WIDTH, 8, 8)
    assert torch.equal(attention(x), x)
    attention(x).square().sum().backward()
    assert attention.scale.grad is not None and attention.scale.grad.any()


def test_what_is_far_away_is_seen() -> None:
    attention, x = layer(), torch.randn(1, WIDTH, 16, 16).requires_grad_()
    (gradient,) = torch.autograd.grad(attention(x)[0, :, 0, 0].sum(), x)
    assert gradient[0, :, 14:, 14:].any()


def test_attention_can_be_differentiated_twice() -> None:
    attention = layer().double()
    x = torch.randn(2, WIDTH, 4, 4, dtype=torch.double, requires_grad=True)
    assert torch.autograd.gradgradcheck(attention, x, atol=1e-4)


def test_the_pictures_of_a_batch_do_not_see_each_other() -> None:
    attention, x = layer(), torch.randn(4, WIDTH, 16, 16)
    alone = torch.cat([attention(image) for image in x.split(1)])
    assert torch.allclose(attention(x), alone, atol=1e-6)


@pytest.mark.parametrize("size", [16, 32])
def test_both_networks_look_at_maps_of_that_size_once(size: int) -> None:
    G, D = Generator(SHAPE, options(size)), Discriminator(SHAPE, options(size))
    seen: list[torch.Size] = []
    for network in (G, D):
        for module in network.modules():
            if isinstance(module, Attention):
                module.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0].shape))
    D(G(torch.randn(2, 8)))
    width = WIDTHS[{16: 2, 32: 3}[size]]
    assert seen == [(2, width, size, size)] * 2


def test_a_size_without_a_stage_is_refused() -> None:
    small = replace(SHAPE, resolution=16)
    for network in (Generator, Discriminator):
        network(small, options(16))
        with pytest.raises(ValueError, match="images of 16 px have no maps of 32 px"):
            network(small, options(32))


@pytest.mark.parametrize("size", [16, 32])
def test_attention_leaves_the_start_of_r3_as_it_is(size: int) -> None:
    G, D = Generator(SHAPE, options(size)), Discriminator(SHAPE, options(size))
    without = Generator(SHAPE, options(0)), Discriminator(SHAPE, options(0))
    for network, plain in zip((G, D), without, strict=True):
        own = [p for name, p in network.named_parameters() if not attends(network, name)]
        for mine, other in zip(own, plain.parameters(), strict=True):
            other.data = mine.data
    z = torch.randn(2, 8)
    assert torch.equal(D(G(z)), without[1](without[0](z)))


def attends(network: nn.Module, name: str) -> bool:
    """Whether the parameter belongs to attention."""
    parts = name.split(".")
    parents = [network.get_submodule(".".join(parts[:k])) for k in range(1, len(parts))]
    return any(isinstance(parent, Attention) for parent in parents)


def test_r3_without_attention_is_what_its_layers_define() -> None:
    torch.manual_seed(5)
    found = [Generator(SHAPE, options(0)), Discriminator(SHAPE, options(0))]
    torch.manual_seed(5)
    expected = [dict(of_generator()), dict(of_discriminator())]
    for network, weights in zip(found, expected, strict=True):
        state = network.state_dict()
        assert list(state) == list(weights)
        assert all(torch.equal(state[name], weights[name]) for name in weights)


def named(name: str, module: nn.Module) -> Iterator[tuple[str, Tensor]]:
    return ((f"{name}.{key}", value) for key, value in module.state_dict().items())


def of_generator() -> Iterator[tuple[str, Tensor]]:
    """Names and first weights of r3's generator in the order they are drawn, layer by layer."""
    fixup, place = GAIN * len(WIDTHS) ** -0.5, 0
    yield from named("base", linear(8, WIDTHS[0] * 16))
    for inputs, width in pairwise([0, *WIDTHS]):
        if inputs:
            yield from named(f"stages.{place}.mix", conv(inputs, width, 1, gain=1.0, bias=False))
            place += 1
        yield from named(f"stages.{place}.first", conv(width, width, 3, gain=fixup))
        yield from named(f"stages.{place}.style", linear(8, 2 * width, gain=0.3))
        yield from named(f"stages.{place}.second", conv(width, width, 3, gain=0.0))
        place += 1
    yield from named("paint", conv(WIDTHS[-1], 3, 3, gain=1.0))


def of_discriminator() -> Iterator[tuple[str, Tensor]]:
    """The same of its discriminator, whose stage 0 is a rectifier."""
    fixup, widths = GAIN * len(WIDTHS) ** -0.5, WIDTHS[::-1]
    yield from named("look", conv(3, widths[0], 3, gain=1.0))
    for k, (inputs, width) in enumerate(pairwise(widths)):
        yield from named(f"stages.{2 * k + 1}.mix", conv(inputs, width, 1, gain=1.0, bias=False))
        yield from named(f"stages.{2 * k + 2}.0.first", conv(width, width, 3, gain=fixup))
        yield from named(f"stages.{2 * k + 2}.0.second", conv(width, width, 3, gain=0.0))
    basis = nn.Conv2d(widths[-1], widths[-1], 4, groups=widths[-1], bias=False)
    nn.init.normal_(basis.weight, std=1 / 4)
    yield from named("basis", basis)
    yield from named("verdict", Verdict(widths[-1], 0))


def test_r3_with_attention_trains_the_same_twice(tmp_path: Path) -> None:
    spec = tiny_spec("r3", budget=Budget(steps=3))
    spec = replace(spec, options=spec.options | {"attention": 16})
    first, second = (
        [*train(spec, dataset(), device=CPU, save=Folder(tmp_path / name))][-1] for name in "ab"
    )
    assert isinstance(first, Checkpoint) and isinstance(second, Checkpoint)
    for name, value in first.state.tensors.items():
        assert torch.equal(value, second.state.tensors[name]), name
    for network in ("G", "D"):
        tensors = first.state.tensors.items()
        scales = [v for k, v in tensors if k.startswith(f"{network}.") and k.endswith(".scale")]
        assert len(scales) == 1 and scales[0].any()


def test_attention_can_be_exported(tmp_path: Path) -> None:
    torch.manual_seed(1)
    G, path = Generator(SHAPE, options(16)).eval().requires_grad_(False), tmp_path / "r3.onnx"
    for parameter in G.parameters():  # away from a start at which attention does nothing
        parameter.add_(torch.randn_like(parameter) * 0.1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        program = torch.onnx.export(
            G,
            (torch.zeros(2, SHAPE.z_dim),),
            dynamo=True,
            input_names=["z"],
            dynamic_shapes=({0: torch.export.Dim("n")},),
            verbose=False,
        )
    assert program is not None
    program.save(str(path))
    z = torch.randn(5, SHAPE.z_dim)
    (images,) = onnxruntime.InferenceSession(path).run(None, {"z": z.numpy()})
    assert np.allclose(np.asarray(images), G(z).numpy(), atol=1e-4)
