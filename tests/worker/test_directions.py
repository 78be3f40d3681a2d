"""Directions of the latent space, against linear algebra and by what they do to images."""

from itertools import product

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from core.errors import Invalid
from core.generation import Batch, Picture, Point
from core.settings import Settings
from models.registry import architectures
from tests.worker.models import publish_tiny
from worker.directions import listed, strongest
from worker.generate import Loaded, Studio
from worker.manner import Manner, cast
from worker.styles import Style
from worker.truncation import Truncation

ABLE = [name for name, found in architectures().items() if "directions" in found.abilities]


@pytest.fixture(autouse=True)
def one_thread() -> object:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def test_directions_of_a_known_matrix() -> None:
    turned = np.linalg.qr(np.random.default_rng(0).standard_normal((5, 5)))[0]
    A = np.diag([5.0, 4, 3, 2, 1]) @ turned.T
    vectors, values = strongest(A, most=3)
    assert np.allclose(values, [25, 16, 9])
    for vector, own in zip(vectors, turned.T, strict=False):
        sign = np.sign(own[np.abs(own).argmax()])
        assert np.allclose(vector, sign * own)


def test_a_step_along_the_first_changes_the_output_most() -> None:
    A = np.random.default_rng(1).standard_normal((30, 20))
    vectors, values = strongest(A)
    assert vectors.shape == (16, 20)
    assert np.allclose(vectors @ vectors.T, np.eye(16), atol=1e-9)
    assert np.allclose(np.square(A @ vectors.T).sum(0), values)
    others = np.random.default_rng(2).standard_normal((100, 20))
    others /= np.linalg.norm(others, axis=1, keepdims=True)
    assert np.square(A @ others.T).sum(0).max() < values[0]


def test_list_tells_shares_and_unit_vectors() -> None:
    told = listed(np.diag([3.0, 1.0]), "z")
    assert [entry.share for entry in told.data] == [0.9, 0.1]
    assert [entry.vector for entry in told.data] == [[1, 0], [0, 1]]


def loaded(
    settings: Settings, name: str, classes: tuple[str, ...] = (), precision: str = "auto"
) -> tuple[Studio, Loaded]:
    model = publish_tiny(settings, classes=classes, architecture=name)
    own = Studio(settings.home, 10**9, torch.device("cpu"), precision)
    return own, own.load(f"models/{model.name}/{model.version}", model.digest)


@pytest.mark.parametrize("classes", [(), ("a", "b")])
@pytest.mark.parametrize("name", ABLE)
def test_images_move_with_the_amount_and_leave_others_alone(
    settings: Settings, name: str, classes: tuple[str, ...]
) -> None:
    own, found = loaded(settings, name, classes)
    amounts = (-3.0, 0.0, 0.5, 1.0, 3.0)
    points = [Point(direction=2, amount=amount) if amount else None for amount in amounts]
    pictures = [Picture(seeds=(1,), point=point) for point in points]
    together = own.pixels(found, tuple(pictures))
    alone = np.concatenate([own.pixels(found, (picture,)) for picture in pictures])
    assert np.array_equal(together, alone)
    low, middle, half, one, three = together.astype(float)
    distances = [np.abs(image - middle).mean() for image in (half, one, three)]
    assert distances == sorted(distances) and distances[0] > 0
    assert np.abs(low - three).mean() > distances[2]


@pytest.mark.parametrize("precision", ["auto", "float32"])
@pytest.mark.parametrize("name", ABLE)
def test_no_bit_depends_on_others_who_move_mix_or_are_truncated(
    settings: Settings, name: str, precision: str
) -> None:
    own, found = loaded(settings, name, ("a", "b"), precision)
    mix = {"mix": 99} if "mix" in architectures()[name].abilities else {}
    told = [{"direction": 2, "amount": 1.5}, mix, mix | {"direction": 0, "amount": -2.0}]
    points = [None, *(Point(**point) if point else None for point in told)]
    pictures = [
        Picture(seeds=(seed,), psi=psi, label=label, point=point)
        for seed, (psi, label, point) in enumerate(product((1.0, 0.5), ("a", "b"), points))
    ]
    alone = [own.pixels(found, (picture,))[0] for picture in pictures]
    assert np.array_equal(own.pixels(found, tuple(pictures)), alone)
    assert np.array_equal(own.pixels(found, tuple(pictures[:8])), alone[:8])


def test_directions_are_those_of_the_published_weights_in_any_precision(
    settings: Settings,
) -> None:
    own, low = loaded(settings, "skip")
    cast(low.network, Manner(dtype="bfloat16", together=16))
    exact = Studio(settings.home, 10**9, own.device, "float32").load("models/tiny/1", "d")
    assert low.truncation.listed() == exact.truncation.listed()
    assert torch.equal(low.truncation.vectors, exact.truncation.vectors)


@pytest.mark.parametrize("name", ABLE)
def test_affine_layers_are_those_that_see_the_latent(settings: Settings, name: str) -> None:
    """Along a direction in which no first layer changes, the image stays the same."""
    network = loaded(settings, name)[1].truncation.published()
    weights = network.affine()
    size = weights.shape[1]
    with torch.no_grad():
        blind = torch.linalg.svd(weights.double())[2][-1].float()
        for layer in network.modules():
            weight = getattr(layer, "weight", None)
            if isinstance(weight, Tensor) and weight.dim() == 2 and weight.shape[1] == size:
                weight -= (weight @ blind)[:, None] * blind
        for first in [m for m in network.modules() if isinstance(m, nn.ConvTranspose2d)][:1]:
            flat = first.weight.flatten(1)
            first.weight.copy_((flat - blind[:, None] * (blind @ flat)).view(first.weight.shape))
        x = torch.randn(2, size)
        paint = getattr(network, "painted", network)
        assert torch.allclose(paint(x), paint(x + 3 * blind), atol=1e-4)
        assert not torch.allclose(paint(x), paint(x + 3 * torch.eye(size)[0]), atol=1e-4)


def test_amounts_are_standard_deviations_of_w_under_the_condition(settings: Settings) -> None:
    _, found = loaded(settings, "skip", ("a", "b"))
    space, condition = found.truncation, (0.0, 1.0)
    with torch.inference_mode(), found.manner.entered(torch.device("cpu")):
        z = torch.randn(4000, 16, generator=torch.Generator().manual_seed(0))
        w = found.network.mapped(z, torch.tensor([condition] * 4000))  # type: ignore[operator]
        told = space.spread(condition)
    assert torch.allclose(told, (w.float() @ space.vectors.T).std(0), rtol=0.2)


def test_flow_has_no_directions(settings: Settings) -> None:
    assert "flow" not in ABLE
    own, _ = loaded(settings, "flow")
    batch = {"id": "b", "reply": "r", "expires_at": 0, "model": "tiny", "version": 1, "digest": "d"}
    model = {"folder": "models/tiny/1", **batch}
    picture = Picture(seeds=(1,), point=Point(direction=0, amount=1))
    with pytest.raises(Invalid, match="no directions"):
        own.serve(Batch(**model, pictures=(picture,)))


def test_directions_beyond_the_last_are_refused() -> None:
    class Small(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Linear(3, 8)

        def forward(self, z: Tensor, c: Tensor | None) -> Tensor:
            return self.layer(z)

        def affine(self) -> Tensor:
            return self.layer.weight

    space = Truncation(Small(), 3, Small)
    assert len(space.listed().data) == 3
    with pytest.raises(Invalid, match="0 to 2"):
        space(torch.zeros(1, 3), None, torch.ones(1, 1), [Style(direction=3, amount=1.0)])
