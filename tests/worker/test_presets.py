"""From requests to specs: choices, overrides, and errors that say what is allowed."""

import json
from dataclasses import asdict, replace
from typing import Any

import pytest

from core.errors import BadSpec, Invalid, NotTrainable
from models.registry import Shape, architectures
from worker.catalogue import build_catalogue
from worker.cost import cost
from worker.device import Device
from worker.presets import Facts, budget_of, resolve
from worker.recipes import PRESETS
from worker.spec import read_spec

SLOW = Device(name="cpu", dtype="float32", channels_last=True, threads=2, rate=50.0)
FACTS = Facts(images=8000, channels=3, resolution=64, classes=(), sha256="0" * 64, device=SLOW)


def request(minutes: float = 10, **options: Any) -> dict[str, Any]:
    return {"budget": {"minutes": minutes, "kimg": None, "steps": None}, "options": options}


def test_everything_is_chosen_and_survives_json() -> None:
    spec = resolve(request(), FACTS)
    assert spec.architecture == "skip"
    assert read_spec(json.loads(json.dumps(asdict(spec)))) == spec


def test_a_faster_device_and_a_longer_budget_get_a_wider_network() -> None:
    fast = replace(FACTS, device=replace(SLOW, rate=5000.0))
    base = resolve(request(), FACTS).options["width"]
    assert resolve(request(), fast).options["width"] > base
    assert resolve(request(600), FACTS).options["width"] > base


def test_ten_minutes_on_a_slow_device_show_enough_images() -> None:
    spec = resolve(request(), FACTS)
    architecture = architectures()[spec.architecture]
    options = architecture.Options(**spec.options)
    per_image = cost(spec.architecture, spec.shape, options, spec.recipe)
    assert SLOW.rate * 1e9 * 600 / per_image > 80_000


def test_explicit_options_override_preset_and_architecture() -> None:
    spec = resolve(request(width=12, lr=1e-3, architecture="dcgan", loss="rpgan"), FACTS)
    assert spec.options["width"] == 12
    assert (spec.recipe.lr, spec.recipe.loss) == (1e-3, "rpgan")
    assert spec.recipe.beta1 == 0.5  # dcgan's own recipe


@pytest.mark.parametrize("name", list(architectures()))
def test_option_names_of_architectures_do_not_hide_those_of_the_recipe(name: str) -> None:
    recipe = set(asdict(resolve(request(), FACTS).recipe))
    own = set(asdict(architectures()[name].Options()))
    assert not own & (recipe | {"architecture"})


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"widht": 16}, "unknown options: widht; allowed are: architecture, loss,"),
        (
            {"architecture": "r4"},
            "there is no architecture 'r4'; there are: " + ", ".join(architectures()),
        ),
        ({"loss": "mse"}, "there is no loss 'mse'; there are: rpgan, bce"),
        ({"augment": ["blur"]}, "there is no augment 'blur'; there are: translate,"),
        ({"lr": -1}, "/options/lr"),
        ({"width": 1}, "/options/width"),
        ({"batch": "many"}, "/options/batch"),
    ],
)
def test_mistakes_are_named_with_what_is_allowed(options: dict[str, Any], says: str) -> None:
    with pytest.raises(Invalid) as caught:
        resolve(request(**options), FACTS)
    assert says in caught.value.detail


def test_resolutions_that_networks_cannot_make_are_refused() -> None:
    with pytest.raises(Invalid, match="flow makes images of 32 px only, not of 64 px; ask for"):
        resolve(request(architecture="flow"), FACTS)


def test_noise_is_as_long_as_the_networks_prescribe() -> None:
    small = replace(FACTS, resolution=32)
    assert resolve(request(architecture="flow"), small).shape.z_dim == 3072
    told = resolve(request(architecture="flow", z_dim=3072), small)  # as fine-tuning tells it
    assert told.shape.z_dim == 3072
    assert read_spec(json.loads(json.dumps(asdict(told)))) == told
    with pytest.raises(Invalid, match="z_dim is 3072; leave it out"):
        resolve(request(architecture="flow", z_dim=64), small)
    assert resolve(request(z_dim=32), small).shape.z_dim == 32


def test_unknown_tasks_and_presets_are_refused() -> None:
    with pytest.raises(Invalid, match="there is no task 'caption'; there are: generate"):
        resolve({**request(), "task": "caption"}, FACTS)
    with pytest.raises(Invalid, match="there is no preset 'turbo'; there are: auto, balanced"):
        resolve({**request(), "preset": "turbo"}, FACTS)


def test_one_image_cannot_be_trained() -> None:
    with pytest.raises(NotTrainable, match="at least two images"):
        resolve(request(), replace(FACTS, images=1))


def test_a_stored_spec_of_another_version_is_refused() -> None:
    with pytest.raises(BadSpec):
        read_spec({"task": "generate"})


def test_labels_make_the_networks_conditional() -> None:
    assert resolve(request(), replace(FACTS, classes=("a", "b", "c"))).shape.c_dim == 3


def test_cost_counts_multiply_adds_of_both_players() -> None:
    architecture = architectures()["r3"]
    shape = Shape(resolution=32, channels=3, z_dim=64, c_dim=0)
    recipe = resolve(request(), FACTS).recipe
    narrow, wide = (
        cost("r3", shape, architecture.Options(width=w, max_width=1024), recipe) for w in (16, 32)
    )
    assert 3 < wide / narrow < 4.2  # nearly the square of the width


def test_few_images_get_the_preset_for_few() -> None:
    few = resolve(request(), replace(FACTS, images=100)).recipe
    assert (few.augment_p, few.lecam) == (0.6, 0.1)
    assert resolve(request(augment_p=0.0), replace(FACTS, images=100)).recipe.augment_p == 0.0
    asked = resolve({**request(), "preset": "few"}, FACTS).recipe
    assert asked.lecam == 0.1 and resolve(request(), FACTS).recipe.lecam == 0


def test_the_catalogue_tells_what_presets_set() -> None:
    told = json.loads(json.dumps(build_catalogue()["presets"]))
    assert told["few"]["options"] == {"architecture": "skip", "augment_p": 0.6, "lecam": 0.1}
    assert all(isinstance(preset["summary"], str) for preset in told.values())
    assert told["auto"]["options"] is None
    few, rest = told["auto"]["chooses"]
    assert (few, rest["images_below"]) == ({"preset": "few", "images_below": 500}, None)
    for images, preset in ((499, few["preset"]), (500, rest["preset"])):
        auto = resolve(request(), replace(FACTS, images=images))
        named = resolve({**request(), "preset": preset}, replace(FACTS, images=images))
        assert auto == named


def test_presets_leave_other_networks_alone() -> None:
    spec = resolve({**request(architecture="r3"), "preset": "textbook"}, FACTS)
    assert spec.architecture == "r3" and spec.recipe.gamma > 0
    assert resolve({**request(), "preset": "textbook"}, FACTS).architecture == "classic"


@pytest.mark.parametrize("name", list(PRESETS))
def test_every_preset_is_made_of_known_options(name: str) -> None:
    assert resolve({**request(), "preset": name}, FACTS).architecture in architectures()


def test_long_efforts_end_when_nothing_improves() -> None:
    assert not resolve({**request(), "effort": "quick"}, FACTS).recipe.stop_early
    assert resolve({**request(60), "effort": "standard"}, FACTS).recipe.stop_early
    assert not resolve({**request(60, stop_early=False), "effort": "best"}, FACTS).recipe.stop_early


@pytest.mark.parametrize("budget", [{}, {"weeks": 1}, {"steps": 1, "kimg": 2}, {"steps": None}])
def test_stored_budget_that_is_none_is_a_bad_spec(budget: dict[str, Any]) -> None:
    with pytest.raises(BadSpec, match="one of minutes, kimg, steps"):
        budget_of({"budget": budget})
