"""Ids are safe as names of files and keys, and sort by time."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import NotFound
from core.ids import is_id, new_id, slug
from core.settings import Settings
from tests.waiting import wait_for

BAD = ["", ".", "..", "../x", "a/b", "A", "a b", "a\n", "-a", "_a", "é", "%2e%2e", "a\x00"]
BAD.append("a" * 65)


@pytest.mark.parametrize("text", BAD)
def test_unsafe_text_is_no_id(text: str, settings: Settings) -> None:
    assert not is_id(text)
    for find in (settings.folders.job, settings.folders.dataset, settings.folders.model):
        with pytest.raises(NotFound):
            find(text)


def test_ids_sort_by_time() -> None:
    first = new_id("job")
    later = wait_for(lambda: (new := new_id("job"))[:14] != first[:14] and new, "a later id")
    assert isinstance(later, str) and first < later and is_id(first)


@given(st.text(max_size=200))
def test_any_name_becomes_an_id(name: str) -> None:
    assert is_id(slug(name, "model"))
