"""Features of reals on disk: whole or absent, bounded, and shared without harm."""

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from worker.evaluation import feature_store
from worker.evaluation.feature_store import FeatureStore, name_of

SHAPE = (6, 4)


def features(value: float = 1.0) -> np.ndarray:
    return np.full(SHAPE, value, np.float32)


def test_what_is_kept_is_found_and_nothing_else_is(tmp_path: Path) -> None:
    store = FeatureStore(tmp_path / "features")
    assert store.load("a.npy", SHAPE) is None
    store.keep("a.npy", features(3))
    found = store.load("a.npy", SHAPE)
    assert found is not None and (found == 3).all()
    assert store.load("a.npy", (6, 5)) is None
    assert [path.name for path in store.folder.iterdir()] == ["a.npy"]


def test_everything_that_features_depend_on_is_in_the_name() -> None:
    facts = ("0" * 64, "train", 64, "f" * 64, 100)
    others = [("1" * 64,), ("heldout",), (32,), ("e" * 64,), (101,)]
    names = {name_of(*facts[:i], *other, *facts[i + 1 :]) for i, other in enumerate(others)}  # type: ignore[arg-type]
    assert len(names | {name_of(*facts)}) == 6


def test_a_damaged_file_is_computed_again(tmp_path: Path) -> None:
    store = FeatureStore(tmp_path)
    store.keep("a.npy", features())
    whole = (tmp_path / "a.npy").read_bytes()
    for damaged in (b"", whole[:50], whole[:-8]):
        (tmp_path / "a.npy").write_bytes(damaged)
        assert store.load("a.npy", SHAPE) is None
    store.keep("a.npy", features())
    assert store.load("a.npy", SHAPE) is not None


def test_only_the_files_used_last_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feature_store, "MOST_FILES", 3)
    store = FeatureStore(tmp_path)
    for number in range(3):
        store.keep(f"{number}.npy", features())
        os.utime(tmp_path / f"{number}.npy", (number, number))
    assert store.load("0.npy", SHAPE) is not None  # used: the next is the oldest now
    store.keep("3.npy", features())
    assert sorted(path.name for path in tmp_path.iterdir()) == ["0.npy", "2.npy", "3.npy"]


def test_bytes_are_bounded_and_the_newest_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feature_store, "MOST_BYTES", 1)
    store = FeatureStore(tmp_path)
    store.keep("0.npy", features())
    os.utime(tmp_path / "0.npy", (1, 1))
    store.keep("1.npy", features())
    assert [path.name for path in tmp_path.iterdir()] == ["1.npy"]


def test_evaluations_that_write_the_same_file_do_no_harm(tmp_path: Path) -> None:
    store = FeatureStore(tmp_path)

    def once(_: int) -> bool:
        store.keep("a.npy", features(2))
        found = store.load("a.npy", SHAPE)
        return found is not None and bool((found == 2).all())

    with ThreadPoolExecutor(4) as pool:
        assert all(pool.map(once, range(40)))
    assert [path.name for path in tmp_path.iterdir()] == ["a.npy"]
