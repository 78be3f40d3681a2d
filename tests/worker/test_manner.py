"""How a network is run: bfloat16 only where images stay alike, fewer at once without memory."""

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from core.errors import Overloaded
from core.generation import MAX_BATCH, Batch, Picture
from core.settings import Settings
from models.registry import Shape, architectures
from tests.worker.models import publish_tiny
from worker.ceiling import PATIENCE, Ceiling
from worker.generate import Studio
from worker.manner import Kind, Manner, cast, kind_of, manner_of, remembered

CPU = torch.device("cpu")
LOW = Kind(name="cpu with bfloat16", low=True, bitwise=True)


def generator(scale: float = 0.1) -> nn.Module:
    """A tiny network; `scale` is how far its weights are from zero."""
    networks = architectures()["dcgan"]
    torch.manual_seed(0)
    shape = Shape(resolution=32, channels=3, z_dim=16, c_dim=0)
    G = networks.generator(shape, networks.Options(width=8, max_width=16)).eval()
    for parameter in G.parameters():
        parameter.data.mul_(scale)
    return G


def test_native_bfloat16_is_taken_when_images_are_alike() -> None:
    assert manner_of(generator(), 16, 0, CPU, LOW).dtype == "bfloat16"


def test_float32_is_kept_where_bfloat16_changes_the_image_or_is_not_native() -> None:
    class Fine(nn.Module):
        """Multiplies what rounding leaves over."""

        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Linear(16, 48)

        def forward(self, z: Tensor, c: Tensor | None) -> Tensor:
            return torch.sin(1000 * self.layer(z)).view(-1, 3, 4, 4)

    assert manner_of(Fine(), 16, 0, CPU, LOW).dtype == "float32"
    exact = Kind(name="cpu", low=False, bitwise=True)
    assert manner_of(generator(), 16, 0, CPU, exact).dtype == "float32"


def test_weights_cast_once_give_the_bits_of_weights_cast_at_each_pass() -> None:
    low = Manner(dtype="bfloat16", together=MAX_BATCH)
    z = torch.randn(4, 16, generator=torch.Generator().manual_seed(1))
    with torch.inference_mode(), low.entered(CPU):
        assert torch.equal(generator()(z), cast(generator(), low)(z))


def test_precision_is_a_setting_and_part_of_the_kind_of_device() -> None:
    auto, exact = kind_of(CPU), kind_of(CPU, "float32")
    assert not exact.low and exact.bitwise
    assert (auto.name == exact.name) == (not auto.low)
    assert torch.__version__ in exact.name


def test_what_was_found_is_remembered_for_each_kind_of_device(tmp_path: Path) -> None:
    found = [Manner(dtype="float32", together=n) for n in (1, 16)]
    other = Kind(name="another chip", low=False, bitwise=True)
    assert remembered(tmp_path, LOW, lambda: found[0]) == found[0]
    assert remembered(tmp_path, LOW, lambda: found[1]) == found[0]
    assert remembered(tmp_path, other, lambda: found[1]) == found[1]
    for path in tmp_path.iterdir():
        path.write_text("{")
    assert remembered(tmp_path, LOW, lambda: found[1]) == found[1]
    assert remembered(tmp_path / "removed", LOW, lambda: found[1]) == found[1]


class Hungry(nn.Module):
    """Asks the allocator for more than there is when it gets more than `most` images."""

    def __init__(self, network: nn.Module, most: int) -> None:
        super().__init__()
        self.network, self.most, self.passes = network, most, []

    def forward(self, z: Tensor, c: Tensor | None = None) -> Tensor:
        self.passes.append(len(z))
        if len(z) > self.most:
            torch.empty(2**55)
        return self.network(z, c)


def test_batch_that_does_not_fit_into_memory_is_made_in_halves(settings: Settings) -> None:
    model = publish_tiny(settings, architecture="dcgan")
    folder = f"models/{model.name}/{model.version}"
    pictures = tuple(Picture(seeds=(seed,)) for seed in range(16))
    told = {"model": model.name, "version": model.version, "digest": model.digest}
    batch = Batch(id="b", reply="r", expires_at=0, folder=folder, pictures=pictures, **told)
    studio = Studio(settings.home, 10**9, CPU)
    expected, _ = studio.serve(batch)
    loaded = studio.load(folder, model.digest)
    hungry = Hungry(loaded.truncation.network, most=4)
    loaded.truncation.network = hungry
    assert studio.serve(batch)[0] == expected
    assert hungry.passes == [16, 8, 4, 4, 4, 4]
    hungry.most = 0
    with pytest.raises(Overloaded, match="memory"):
        studio.serve(batch)


def test_ceiling_halves_and_comes_back() -> None:
    ceiling = Ceiling(16)
    assert ceiling.halve(16) and ceiling.halve(3) and ceiling.now == 1
    assert not ceiling.halve(1)
    for _ in range(5 * PATIENCE):
        ceiling.held(ceiling.now)
    assert ceiling.now == 16


def test_pinned_models_stay_when_there_is_no_room(settings: Settings) -> None:
    models = [
        publish_tiny(settings, name, classes=tuple("abc"[:n])) for n, name in enumerate("xyz")
    ]
    folders = {model.digest: f"models/{model.name}/{model.version}" for model in models}
    studio = Studio(settings.home, 1, CPU)
    studio.pin({models[0].digest: folders[models[0].digest], "0" * 64: "models/removed/1"})
    for model in models[1:]:
        studio.load(folders[model.digest], model.digest)
    assert [held["digest"] for held in studio.held] == [models[0].digest, models[2].digest]
    studio.pin({})
    studio.load(folders[models[1].digest], models[1].digest)
    assert [held["digest"] for held in studio.held] == [models[1].digest]
