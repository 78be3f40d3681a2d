"""Fine-tuning begins with the weights of another model, every class by its name."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from core.errors import BadSpec, IncompatibleCheckpoint, Invalid
from core.registry import WEIGHTS
from models import flow
from models.registry import architectures
from tests.worker.datasets import dataset
from tests.worker.games import CPU, Folder, tiny_game, tiny_spec
from worker import checkpoint, plan, warm_start
from worker.events import Checkpoint
from worker.game import Game
from worker.snapshot import capture, plant
from worker.spec import Budget
from worker.train import train

OLD = ("cat", "dog", "owl")
SPREAD = 0.2  # so that classes look different


def source(
    job: Path, architecture: str, classes: tuple[str, ...] = OLD, whole: bool = True
) -> Game:
    """A trained model in the folder `init` of a job, and the game that made it."""
    game = tiny_game(tiny_spec(architecture, classes=classes))
    rng = torch.Generator().manual_seed(5)
    with torch.no_grad():
        for network in (game.G, game.D, game.ema):
            for parameter in network.parameters():
                parameter.add_(torch.randn(parameter.shape, generator=rng) * SPREAD)
    state = capture(game, {"sampler": 0, "seconds": 0.0})
    checkpoint.publish(job / "init", state)
    if whole:
        path = checkpoint.save(job / "elsewhere", 3, 1, state).path
        for suffix in (".safetensors", ".json"):
            shutil.copy(path.with_suffix(suffix), job / "init" / f"checkpoint{suffix}")
    return game


def begun(
    job: Path, classes: tuple[str, ...], label_map: dict[str, str | None] | None = None, **more: Any
) -> tuple[plan.Plan, Game]:
    """The plan of a fine-tuning, and its game before the first step."""
    request = {"budget": {"steps": 4}, "options": {}, "label_map": label_map, "seed": 9, **more}
    made = plan.make(job, request, dataset(classes=classes), 0, job)
    game = Game(made.spec, CPU)
    plant(game, dict(made.weights or {}))
    return made, game


@pytest.fixture
def job(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(plan, "known_device", lambda _: CPU)
    return tmp_path


def painted(network: torch.nn.Module, classes: tuple[str, ...], name: str) -> Tensor:
    """Four images of the class called `name`."""
    z_dim = 3 * 32 * 32 if isinstance(network, flow.Generator) else 8
    z = torch.randn(4, z_dim, generator=torch.Generator().manual_seed(3))
    c = torch.zeros(4, len(classes))
    c[:, classes.index(name)] = 1
    with torch.no_grad():
        return network.eval()(z, c)


def judged(network: torch.nn.Module, classes: tuple[str, ...], name: str) -> Tensor:
    images = torch.randn(4, 3, 32, 32, generator=torch.Generator().manual_seed(4))
    c = torch.zeros(4, len(classes))
    c[:, classes.index(name)] = 1
    with torch.no_grad():
        return network.eval()(images, c)


def alike(one: Tensor, other: Tensor) -> bool:
    """Equal but for the rounding of sums in another order."""
    return float((one - other).abs().max()) < 1e-4 * float(other.abs().max())


@pytest.mark.parametrize("architecture", list(architectures()))
@pytest.mark.parametrize("classes", [OLD, ("owl", "cat", "dog"), ("dog", "owl")])
def test_every_class_stays_what_its_name_says(
    architecture: str, classes: tuple[str, ...], job: Path
) -> None:
    before = source(job, architecture)
    made, after = begun(job, classes)
    assert made.alarms == []
    for name in classes:
        for old, new in ((before.ema, after.ema), (before.G, after.G)):
            assert alike(painted(new, classes, name), painted(old, OLD, name))
        assert alike(judged(after.D, classes, name), judged(before.D, OLD, name))
    one, other = (painted(before.ema, OLD, name) for name in classes[:2])
    assert not alike(one, other)  # or the comparison would say nothing


@pytest.mark.parametrize("architecture", list(architectures()))
def test_new_classes_begin_as_the_map_says(architecture: str, job: Path) -> None:
    before = source(job, architecture)
    classes = ("fox", "owl", "any", "cat")
    _, after = begun(job, classes, {"fox": "dog", "any": None})
    for name, old in (("fox", "dog"), ("owl", "owl"), ("cat", "cat")):
        expected = painted(before.ema, OLD, old)
        assert alike(painted(after.ema, classes, name), expected)
    columns = torch.cat([embedded(before, OLD, name) for name in OLD])
    torch.testing.assert_close(embedded(after, classes, "any")[0], columns.mean(0))


def embedded(game: Game, classes: tuple[str, ...], name: str) -> Tensor:
    """What the generator appends to the noise for a class, [1, z_dim]."""
    c = torch.zeros(1, len(classes))
    c[:, classes.index(name)] = 1
    latent = getattr(game.ema, "latent", None)
    if latent is not None:
        return latent(torch.zeros(1, 8), c)[:, 8:]
    embed = game.ema.embed
    assert isinstance(embed, torch.nn.Linear)
    return embed(c)


def test_an_unconditional_model_is_fine_tuned_too(job: Path) -> None:
    before = source(job, "skip", ())
    _, after = begun(job, ())
    weights, expected = after.D.state_dict(), before.D.state_dict()
    assert all(torch.equal(weights[key], expected[key]) for key in expected)


def test_the_networks_are_those_of_the_source_and_all_else_begins_afresh(job: Path) -> None:
    source(job, "r3")
    made, _ = begun(job, OLD)
    assert (made.spec.architecture, made.spec.recipe.z_dim) == ("r3", 8)
    assert made.spec.options["width"] == 4
    assert (made.spec.seed, made.resume) == (9, None)
    data = dataset(classes=OLD)
    save = Folder(job / "checkpoints")
    events = train(made.spec, data, device=CPU, save=save, weights=made.weights)
    last = list(events)[-1]
    assert isinstance(last, Checkpoint)
    assert (last.step, last.state.facts["images"]) == (4, 4 * made.spec.recipe.batch)
    going_on = plan.make(job, {"budget": {"steps": 8}}, data, 0, job)
    assert going_on.weights is None
    assert going_on.resume is not None
    assert going_on.spec.budget == Budget(steps=8)


@pytest.mark.parametrize("damaged", [False, True])
def test_without_a_checkpoint_the_discriminator_begins_anew_and_that_is_told(
    damaged: bool, job: Path
) -> None:
    before = source(job, "skip", whole=damaged)
    if damaged:
        path = job / "init" / "checkpoint.safetensors"
        path.write_bytes(path.read_bytes()[:-1])
    made, after = begun(job, ("owl", "cat", "dog"))
    (alarm,) = made.alarms
    assert alarm.kind == "init"
    assert "the discriminator of the model is not kept" in alarm.message
    assert ("damaged" in alarm.message) == damaged
    for network in (after.G, after.ema):
        new = painted(network, ("owl", "cat", "dog"), "dog")
        assert alike(new, painted(before.ema, OLD, "dog"))


@pytest.mark.parametrize(
    ("classes", "more", "says"),
    [
        (("cat", "fox"), {}, "class 'fox': which the model does not know; it knows: cat, dog, owl"),
        ((), {}, "the model has classes, the data set has none"),
        (("cat",), {"options": {"width": 8}}, "fine-tuning keeps the networks of the model"),
    ],
)
def test_what_does_not_fit_is_refused(
    classes: tuple[str, ...], more: dict[str, Any], says: str, job: Path
) -> None:
    source(job, "skip")
    with pytest.raises(Invalid) as caught:
        begun(job, classes, **more)
    assert says in caught.value.detail
    assert not (job / "spec.json").exists()


def test_a_damaged_model_is_refused(job: Path) -> None:
    source(job, "skip", whole=False)
    weights = job / "init" / WEIGHTS
    weights.write_bytes(weights.read_bytes()[:-1])
    with pytest.raises(BadSpec, match="damaged"):
        begun(job, OLD)


@pytest.mark.parametrize("change", [{"format": 99}, {"architecture": "r9"}])
def test_a_model_of_another_version_is_refused(change: dict[str, Any], job: Path) -> None:
    source(job, "skip")
    header = job / "init" / "model.json"
    header.write_text(json.dumps(json.loads(header.read_text()) | change))
    with pytest.raises(IncompatibleCheckpoint):
        begun(job, OLD)


def test_columns_keep_their_effect_when_their_number_changes() -> None:
    weight = torch.tensor([[1.0, 2.0, 3.0, 6.0]])
    mapped = {"x": "b", "y": None}
    plain = warm_start.recast(weight, list("abcd"), mapped, scaled=False)
    assert plain.tolist() == [[2.0, 3.0]]
    scaled = warm_start.recast(weight, list("abcd"), mapped, scaled=True)
    torch.testing.assert_close(scaled * 2**0.5, plain * 4**0.5)
