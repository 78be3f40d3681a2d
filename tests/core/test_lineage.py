"""Which models may be fine-tuned on which data, and from which class each class begins."""

from typing import Any

import pytest

from core.errors import Invalid
from core.lineage import Source, check_lineage, check_networks, networks_of

OLD = Source(classes=("cat", "dog"), attributes=(), resolution=64, channels=3)


def lineage(
    source: Source = OLD,
    *,
    classes: tuple[str, ...] = ("dog", "cat"),
    attributes: tuple[str, ...] = (),
    resolution: int = 64,
    channels: int = 3,
    label_map: dict[str, str | None] | None = None,
) -> dict[str, str | None]:
    return check_lineage(
        source,
        classes=classes,
        attributes=attributes,
        resolution=resolution,
        channels=channels,
        label_map=label_map or {},
    )


def test_classes_are_found_by_their_names() -> None:
    assert list(lineage().items()) == [("dog", "dog"), ("cat", "cat")]


def test_new_classes_begin_as_what_the_map_says() -> None:
    mapped = lineage(classes=("fox", "dog", "owl"), label_map={"fox": "dog", "owl": None})
    assert mapped == {"fox": "dog", "dog": "dog", "owl": None}


def test_the_map_may_exchange_names() -> None:
    assert lineage(label_map={"dog": "cat", "cat": "dog"}) == {"dog": "cat", "cat": "dog"}


def test_without_classes_there_is_nothing_to_map() -> None:
    source = Source(classes=(), attributes=(), resolution=64, channels=3)
    assert lineage(source, classes=()) == {}


def test_attributes_are_no_classes() -> None:
    source = Source(classes=(), attributes=("hat", "sad"), resolution=64, channels=3)
    found = lineage(source, classes=(), attributes=("sad", "cap"), label_map={"cap": None})
    assert found == {"sad": "sad", "cap": None}
    with pytest.raises(Invalid, match="attributes, the data set has classes"):
        lineage(source, classes=("hat", "sad"))


@pytest.mark.parametrize(
    ("changes", "pointer", "says"),
    [
        ({"resolution": 128}, "#/resolution", "the model paints 64 px"),
        ({"channels": 1}, "#/dataset", "the data set holds grey pictures"),
        ({"classes": ()}, "#/init_from", "the model has classes, the data set has none"),
        ({"classes": ("fox",)}, "#/label_map/fox", "class 'fox': which the model does not know"),
        ({"label_map": {"dog": "wolf"}}, "#/label_map/dog", "'wolf', which the model does not"),
        ({"label_map": {"fox": "dog"}}, "#/label_map/fox", "the data set has no class 'fox'"),
    ],
)
def test_what_does_not_fit_is_refused_in_a_sentence(changes, pointer: str, says: str) -> None:
    with pytest.raises(Invalid) as caught:
        lineage(**changes)
    assert caught.value.errors[0]["pointer"] == pointer
    assert says in caught.value.detail


NETWORKS = networks_of("r3", {"options": {"width": 16, "blocks": [1, 2]}}, 64)


def test_networks_are_their_architecture_its_options_and_the_noise() -> None:
    assert NETWORKS == {"architecture": "r3", "width": 16, "blocks": [1, 2], "z_dim": 64}
    assert networks_of("r3", {}, 64) == {"architecture": "r3", "z_dim": 64}


@pytest.mark.parametrize(
    "told",
    [{}, {"batch": 8}, {"width": 16, "lr": 0.1}, {"architecture": "r3", "blocks": [1, 2]}],
)
def test_options_may_repeat_what_the_networks_are(told: dict[str, Any]) -> None:
    check_networks(NETWORKS, told)


def test_every_option_that_asks_for_other_networks_is_named() -> None:
    told = {"architecture": "skip", "width": 16, "blocks": [2, 2], "z_dim": 128, "batch": 2}
    with pytest.raises(Invalid) as caught:
        check_networks(NETWORKS, told)
    pointers = [error["pointer"] for error in caught.value.errors]
    assert pointers == ["#/options/architecture", "#/options/blocks", "#/options/z_dim"]
    assert "where it is r3; leave it out" in caught.value.detail
