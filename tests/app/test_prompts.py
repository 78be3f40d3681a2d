"""What a text means to a GAN."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.prompts import label_named, named, seed_of, several
from core.errors import Invalid
from core.schemas import MAX_SEED, Model
from core.seeds import parse_seed

Publish = Callable[..., Model]


@pytest.mark.parametrize(("prompt", "seed"), [("a cat", "a cat"), ("42", 42), (" ", " ")])
def test_prompt_is_the_seed(prompt: str, seed: int | str) -> None:
    assert seed_of(prompt) == seed


@given(st.text(st.characters(exclude_categories=("Cs",)), min_size=1, max_size=400))
def test_every_prompt_has_a_seed_that_an_address_can_carry(prompt: str) -> None:
    assert [parse_seed(str(seed)) for seed in several(seed_of(prompt), 1)] == [seed_of(prompt)]


@pytest.mark.parametrize("prompt", ["-5", "99999999999", "a\0b", "x" * 32_000, "x" * 253])
def test_prompts_that_no_seed_can_be_are_digested(prompt: str) -> None:
    seed = str(seed_of(prompt))
    assert seed.startswith("prompt-") and seed != seed_of(prompt + "!")


def test_more_images_have_seeds_of_their_own() -> None:
    assert several("a cat", 3) == ["a cat", "a cat #2", "a cat #3"]
    assert several(5, 3) == [5, 6, 7]
    assert several(MAX_SEED, 1) == [MAX_SEED] and several("x" * 256, 1) == ["x" * 256]
    for first in (MAX_SEED, "x" * 253):
        with pytest.raises(Invalid):
            several(first, 2)


NAMES = ["cat", "black cat", "red_fox", "7", "Bär", "!"]


@pytest.mark.parametrize(
    ("prompt", "found"),
    [
        ("cat", ["cat"]),
        ("A Cat!", ["cat"]),
        ("a black cat and a cat", ["black cat", "cat"]),
        ("two red foxes", []),
        ("red fox, then cat", ["red_fox", "cat"]),
        ("draw 7", ["7"]),
        ("77", []),
        ("BÄR", ["Bär"]),
        ("!", ["!"]),
        ("oh!", []),
        ("concatenate", []),
    ],
)
def test_names_are_found_as_whole_words(prompt: str, found: list[str]) -> None:
    assert named(prompt, NAMES) == found


def test_first_class_or_all_attributes_count(publish: Publish) -> None:
    classes = publish("a", "job-a", classes=["cat", "dog"])
    attributes = publish("b", "job-b", attributes=["hat", "sad"], combinations=[[[], 1]])
    assert label_named(classes, "a dog and a cat") == "dog"
    assert label_named(classes, "a horse") is None
    assert label_named(attributes, "sad, with a hat, so sad") == "sad,hat"
    assert label_named(publish("c", "job-c"), "cat") is None
    long = publish("d", "job-d", attributes=["x" * 1500, "y" * 1500], combinations=[[[], 1]])
    with pytest.raises(Invalid):
        label_named(long, " ".join(long.attributes))
