"""How several attributes are written, and which of them a seed means."""

import pytest

from core.labels import meant, places_of, speakable, written
from core.seeds import combination_of_seed, label_of_seed

KNOWN = ("0", "hat", "red hair", "smiling")


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("smiling,hat", "hat,smiling"),
        (" hat , hat,3", "hat,smiling"),
        ("red hair", "red hair"),
        ("0", "0"),
        ("2", "red hair"),
        ("none", "none"),
        (" None", "none"),
    ],
)
def test_a_set_of_attributes_is_written_in_one_way(text: str, label: str) -> None:
    places = places_of(text, KNOWN)
    assert written(places, KNOWN) == label
    assert places_of(label, KNOWN) == places


@pytest.mark.parametrize(
    "text", ["", ",", "hat,", "hat,beard", "4", "none,hat", "Hat", "²", "9" * 5000, "-1", "1.0"]
)
def test_other_texts_mean_no_attributes(text: str) -> None:
    with pytest.raises(LookupError):
        places_of(text, KNOWN)


def test_names_that_cannot_be_asked_for() -> None:
    assert all(map(speakable, KNOWN))
    assert not any(map(speakable, ("", "a,b", "None", " a")))


def test_combination_of_a_seed_is_frozen_and_as_frequent_as_in_the_data() -> None:
    counts = [6, 3, 1]
    drawn = [combination_of_seed(seed, counts) for seed in range(2000)]
    shares = [drawn.count(place) / len(drawn) for place in range(3)]
    assert shares == pytest.approx([0.6, 0.3, 0.1], abs=0.03)
    assert [combination_of_seed(seed, counts) for seed in (0, 1, 2, 42, "alice")] == [1, 0, 2, 1, 2]
    assert [label_of_seed(seed, 10) for seed in (0, 1, 2, 42, "alice")] == [7, 4, 9, 8, 9]


def test_a_seed_means_a_class_or_a_combination() -> None:
    assert meant(42, [], [], []) is None
    assert meant("alice", ["cat", "dog"], [], []) in ("cat", "dog")
    pairs = [((0, 2), 3), ((), 1)]
    assert {meant(seed, [], ["hat", "sad", "old"], pairs) for seed in range(40)} == {
        "hat,old",
        "none",
    }
