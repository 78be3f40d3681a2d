"""Seeds: integers, ranges and names; what is refused says what is allowed."""

import pytest

from core.errors import Invalid
from core.schemas import MAX_SEED
from core.seeds import label_of_seed, listed, parse_blend, parse_seed, parse_seeds


@pytest.mark.parametrize(
    ("text", "seed"),
    [("0", 0), ("42", 42), (str(MAX_SEED), MAX_SEED), ("alice", "alice"), ("1e3", "1e3")],
)
def test_integers_and_names(text: str, seed: int | str) -> None:
    assert parse_seed(text) == seed


@pytest.mark.parametrize("text", ["-1", str(MAX_SEED + 1), "9" * 100, "", "a" * 257, "a\x00b"])
def test_what_is_no_seed_is_refused_with_the_range(text: str) -> None:
    with pytest.raises(Invalid, match=r"0 to 4294967295|1 to 256"):
        parse_seed(text)


def test_lists_in_the_syntax_of_stylegan() -> None:
    assert parse_seeds("0,1,4-6", most=64) == [0, 1, 4, 5, 6]


@pytest.mark.parametrize("text", ["7", "0-3", "0-1,4-6,9", "9,3,1", "5-6,5-6"])
def test_seeds_are_listed_in_that_syntax_again(text: str) -> None:
    assert listed(parse_seeds(text, most=64)) == text


def test_texts_are_listed_as_they_are() -> None:
    assert listed([1, "alice", 2, 3]) == "1,alice,2-3"


@pytest.mark.parametrize("text", ["", "a", "1,", "3-1", "1-", "-1", "0-64", "1-2-3"])
def test_other_lists_are_refused(text: str) -> None:
    with pytest.raises(Invalid):
        parse_seeds(text, most=64)


def test_blends_name_seeds_and_weights() -> None:
    seeds, weights = parse_blend("42:1, alice:-0.5,a:b:1e-05", parts=16, most=10)
    assert (seeds, weights) == ([42, "alice", "a:b"], [1.0, -0.5, 1e-05])


@pytest.mark.parametrize(
    "text",
    [
        "",
        "1",
        "1:",
        ":1",
        "1:x",
        "1:nan",
        "1:11",
        "1:1e9",
        "1:0,2:0",
        "1:1,",
        "1:1,2:1,3:1",
        "1:1,01:2",
    ],
)
def test_other_blends_are_refused(text: str) -> None:
    with pytest.raises(Invalid) as refusal:
        parse_blend(text, parts=2, most=10)
    assert refusal.value.errors[0]["pointer"] == "#/query/blend"


def test_class_of_a_seed_is_frozen_and_spread() -> None:
    assert [label_of_seed(seed, 10) for seed in (0, 1, 2, 42, "alice")] == GOLDEN
    assert {label_of_seed(seed, 10) for seed in range(200)} == set(range(10))


GOLDEN = [7, 4, 9, 8, 9]
