"""Ids are safe as names of files and keys, and sort by time."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import NotFound
from core.ids import is_id, new_id, slug
from core.settings import Settings

BAD = ["", ".", "..", "../x", "a/b", "A", "a b", "a\n", "-a", "_a", "é", "%2e%2e", "a\x00"]
BAD.append("a" * 65)


@pytest.mark.parametrize("text", BAD)
def test_unsafe_text_is_no_id(text: str, settings: Settings) -> None:
    assert not is_id(text)
    for find in (settings.folders.job, settings.folders.dataset, settings.folders.model):
        with pytest.raises(NotFound):
            find(text)


def test_ids_sort_by_time_also_within_a_millisecond(monkeypatch: pytest.MonkeyPatch) -> None:
    begin = 1_790_000_000_000_999_000  # ns; the next microsecond is of another millisecond
    moments = [begin + 1000 * step for step in (-2, -1, 0, 1, 2, 1_000_000)]
    made = []
    for moment in moments:
        monkeypatch.setattr("core.ids.time.time_ns", lambda now=moment: now)
        made.append(new_id("job"))
    assert made == sorted(made) and len(set(made)) == len(made)
    assert all(map(is_id, made))


@given(st.text(max_size=200))
def test_any_name_becomes_an_id(name: str) -> None:
    assert is_id(slug(name, "model"))
