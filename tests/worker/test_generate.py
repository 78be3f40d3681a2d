"""From seeds to encoded images: the same bytes whatever stands beside them in the batch."""

import io
import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor, nn

from core.errors import Invalid, NotFound
from core.facts import Facts
from core.generation import Batch, Picture, Point
from core.registry import ModelStore
from core.schemas import Model
from core.seeds import label_of_seed
from core.settings import Settings
from models.registry import architectures
from tests.worker.models import publish_tiny
from worker.generate import Studio
from worker.manner import Kind, Manner, kind_of, manner_of


@pytest.fixture(autouse=True)
def one_thread() -> object:
    """As in a generate worker."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def batch(model: Model, *pictures: Picture) -> Batch:
    return Batch(
        id="b",
        reply="r",
        expires_at=0,
        folder=f"models/{model.name}/{model.version}",
        model=model.name,
        version=model.version,
        digest=model.digest,
        pictures=pictures,
    )


def studio(settings: Settings, capacity: int = 10**9) -> Studio:
    return Studio(settings.home, capacity, torch.device("cpu"))


def opened(data: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(data))
    image.load()
    return image


def test_same_seed_same_bytes_at_every_batch_size_and_after_a_restart(settings: Settings) -> None:
    model = publish_tiny(settings)
    alone = studio(settings).serve(batch(model, Picture(seeds=(42,))))[0][0]
    for size in (1, 2, 3, 5, 8, 13, 16):
        pictures = [Picture(seeds=(seed,)) for seed in range(100, 99 + size)]
        images, _ = studio(settings).serve(batch(model, *pictures, Picture(seeds=(42,))))
        assert images[-1] == alone
    assert alone != studio(settings).serve(batch(model, Picture(seeds=("42x",))))[0][0]


@pytest.mark.parametrize("classes", [(), ("a", "b")])
@pytest.mark.parametrize("name", list(architectures()))
def test_truncation_brings_images_closer_and_leaves_whole_ones_alone(
    settings: Settings, name: str, classes: tuple[str, ...]
) -> None:
    model, own = publish_tiny(settings, classes=classes, architecture=name), studio(settings)
    loaded = own.load(f"models/{model.name}/{model.version}", model.digest)
    label = classes[0] if classes else None

    def made(*psis: float) -> np.ndarray:
        pictures = [Picture(seeds=(k // 2,), psi=psi, label=label) for k, psi in enumerate(psis)]
        return own.pixels(loaded, tuple(pictures)).astype(float)

    whole, half, none = (made(*[psi] * 8)[::2] for psi in (1.0, 0.5, 0.0))
    assert np.ptp(none, axis=0).max() == 0  # all are one image
    assert 0 < half.std(0).mean() < whole.std(0).mean()
    mixed = made(*[1.0, 0.5] * 4)
    assert np.array_equal(mixed[::2], whole) and np.array_equal(mixed[1::2], half)


@pytest.mark.parametrize("classes", [(), ("a", "b")])
@pytest.mark.parametrize("name", list(architectures()))
def test_no_bit_of_many_images_depends_on_their_batch(
    settings: Settings, name: str, classes: tuple[str, ...]
) -> None:
    model, own = publish_tiny(settings, classes=classes, architecture=name), studio(settings)
    loaded = own.load(f"models/{model.name}/{model.version}", model.digest)
    pictures = [Picture(seeds=(seed,)) for seed in range(48)]
    alone = np.concatenate([own.pixels(loaded, (picture,)) for picture in pictures])
    for size in (2, 3, 8, 16):
        parts = [tuple(pictures[start : start + size]) for start in range(0, 48, size)]
        assert np.array_equal(np.concatenate([own.pixels(loaded, part) for part in parts]), alone)


@pytest.mark.parametrize("name", [n for n, a in architectures().items() if "mix" in a.abilities])
def test_no_bit_depends_on_others_who_mix_styles_or_do_not(settings: Settings, name: str) -> None:
    model, own = publish_tiny(settings, architecture=name), studio(settings)
    loaded = own.load(f"models/{model.name}/{model.version}", model.digest)
    points = [None, Point(mix=99), Point(mix="x", mix_from=8), Point(mix=99, mix_from=32)]
    pictures = [
        Picture(seeds=(seed,), point=points[seed % 4], psi=1 - seed % 3 / 4) for seed in range(16)
    ]
    alone = np.concatenate([own.pixels(loaded, (picture,)) for picture in pictures])
    assert np.array_equal(own.pixels(loaded, tuple(pictures)), alone)
    plain = np.concatenate(
        [own.pixels(loaded, (p.model_copy(update={"point": None}),)) for p in pictures]
    )
    changed = [bool((a != b).any()) for a, b in zip(alone, plain, strict=True)]
    assert changed == [bool(seed % 4) for seed in range(16)]


def test_network_without_styles_does_not_mix(settings: Settings) -> None:
    model = publish_tiny(settings, architecture="dcgan")
    with pytest.raises(Invalid, match="no styles"):
        studio(settings).serve(batch(model, Picture(seeds=(1,), point=Point(mix=2))))


def test_network_whose_rounding_depends_on_the_batch_makes_images_one_by_one() -> None:
    class Sociable(nn.Module):
        def forward(self, z: Tensor, c: Tensor | None) -> Tensor:
            return z * (1 + 1e-7 * len(z))

    cpu = torch.device("cpu")
    exact, elsewhere = kind_of(cpu, "float32"), Kind(name="cuda", low=False, bitwise=False)
    assert manner_of(Sociable(), 64, 0, cpu, exact) == Manner(dtype="float32", together=1)
    assert manner_of(Sociable(), 64, 0, cpu, elsewhere).together == 16


def test_grid_shows_the_same_pixels_as_the_single_images(settings: Settings) -> None:
    model = publish_tiny(settings)
    seeds = tuple(range(20))
    pictures = [Picture(seeds=seeds), *(Picture(seeds=(seed,)) for seed in seeds)]
    sheet, *singles = studio(settings).serve(batch(model, *pictures))[0]
    pixels = np.asarray(opened(sheet))
    assert pixels.shape == (4 * 32, 5 * 32, 3)
    for seed in seeds:
        row, column = divmod(seed, 5)
        tile = pixels[row * 32 : row * 32 + 32, column * 32 : column * 32 + 32]
        assert np.array_equal(tile, np.asarray(opened(singles[seed])))


def test_label_decides_the_image_and_without_one_the_seed_does(settings: Settings) -> None:
    model = publish_tiny(settings, classes=("cat", "dog"), channels=1)
    asked = [Picture(seeds=(5,), label=label) for label in ("cat", "dog", None)]
    images = [opened(data) for data in studio(settings).serve(batch(model, *asked))[0]]
    cat, dog, implied = (image.tobytes() for image in images)
    assert cat != dog and implied == (cat, dog)[label_of_seed(5, 2)]
    assert images[0].mode == "L"


def test_attributes_decide_the_image_and_the_file_says_which(settings: Settings) -> None:
    model = publish_tiny(settings, attributes=("hat", "sad"))
    labels = ("none", "hat", "sad", "hat,sad")
    asked = [Picture(seeds=(5,), label=label) for label in (*labels, None)]
    images = [opened(data) for data in studio(settings).serve(batch(model, *asked))[0]]
    *made, implied = (image.tobytes() for image in images)
    assert len(set(made)) == 4 and implied in made
    told = [json.loads(image.info["ganvas"])["label"] for image in images]
    assert told == [*labels, labels[made.index(implied)]]
    assert images[3].info["parameters"].endswith("Label: hat,sad")


def test_without_a_label_seeds_mean_combinations_as_in_the_data(settings: Settings) -> None:
    model = publish_tiny(settings, attributes=("hat", "sad"))
    own = studio(settings)
    wishes = replace(
        own.load(f"models/{model.name}/{model.version}", model.digest).wishes,
        combinations=(((1,), 3), ((0, 1), 1)),
    )
    drawn = [wishes.label(None, seed) for seed in range(400)]
    assert set(drawn) == {"sad", "hat,sad"}
    assert drawn.count("sad") == pytest.approx(300, abs=30)
    turns = wishes.turns(3)
    assert turns is not None
    assert torch.equal(turns, torch.tensor([[-1, 1], [1, 1], [-1, 1]]) / 2**0.5)


@pytest.mark.parametrize("format", ["png", "webp", "jpeg"])
def test_files_carry_what_made_them_unless_told_not_to(settings: Settings, format: str) -> None:
    model = publish_tiny(settings)
    picture = Picture.model_validate({"seeds": ("Zoë",), "format": format, "psi": 0.5})
    silent = picture.model_copy(update={"metadata": False})
    images, _ = studio(settings).serve(batch(model, picture, silent))
    told, untold = (opened(data) for data in images)
    expected = {"model": "tiny", "version": 1, "digest": model.digest, "seed": "Zoë", "psi": 0.5}
    if format == "png":
        facts = json.loads(told.info["ganvas"])
        assert told.info["parameters"].startswith("Seed: Zoë, Model: tiny@1")
        assert "ganvas" not in untold.info
    else:
        facts = json.loads(told.getexif().get_ifd(0x8769)[0x9286].removeprefix(b"ASCII\0\0\0"))
        assert not untold.getexif()
    assert Facts.model_validate(facts).model_dump(exclude_unset=True) == facts
    assert facts == expected | {"label": None} | ({} if format == "png" else {"quality": 90})
    assert told.format == format.upper()


def test_size_is_that_of_each_image(settings: Settings) -> None:
    model = publish_tiny(settings)
    pictures = Picture(seeds=(1,), size=100), Picture(seeds=(1, 2, 3), size=16)
    single, sheet = (opened(data) for data in studio(settings).serve(batch(model, *pictures))[0])
    assert (single.size, sheet.size) == ((100, 100), (32, 32))


def test_files_say_what_was_asked_apart_from_the_usual(settings: Settings) -> None:
    model = publish_tiny(settings)
    asked = Picture(seeds=(1, 2, 3), size=16, format="jpeg", quality=50)
    (sheet,), _ = studio(settings).serve(batch(model, asked))
    facts = json.loads(opened(sheet).getexif().get_ifd(0x8769)[0x9286].removeprefix(b"ASCII\0\0\0"))
    assert (facts["seed"], facts["size"], facts["quality"]) == ([1, 2, 3], 16, 50)


def test_psi_zero_is_one_image_for_all_seeds(settings: Settings) -> None:
    model = publish_tiny(settings)
    pictures = [Picture(seeds=(seed,), psi=0.0, metadata=False) for seed in (1, 2)]
    first, second = studio(settings).serve(batch(model, *pictures))[0]
    assert first == second


def test_models_are_kept_up_to_the_capacity_and_the_oldest_goes(settings: Settings) -> None:
    first, second = publish_tiny(settings, "a"), publish_tiny(settings, "b", channels=1)
    room_for_one = studio(settings, capacity=1)
    for model in (first, second, first):
        room_for_one.serve(batch(model, Picture(seeds=(1,))))
        assert list(room_for_one._loaded) == [model.digest]
    room_for_both = studio(settings)
    for model in (first, second):
        room_for_both.serve(batch(model, Picture(seeds=(1,))))
    assert len(room_for_both._loaded) == 2


def test_removed_model_is_not_found(settings: Settings) -> None:
    model = publish_tiny(settings)
    ModelStore(settings.folders).remove(model.name, model.version)
    with pytest.raises(NotFound):
        studio(settings).serve(batch(model, Picture(seeds=(1,))))
