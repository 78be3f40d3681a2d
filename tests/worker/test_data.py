"""Opening prepared data sets, and the order their images come in."""

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from core.errors import DatasetChanged, NotTrainable
from tests.worker.datasets import dataset, folder
from tests.worker.games import CPU, Folder, tiny_spec
from worker.data import Sampler, open_dataset
from worker.run import Run
from worker.tasks import GENERATE, conditions
from worker.train import AT_ONCE, unasked

GIGABYTE = 10**9


def test_an_opened_set_is_what_was_written(tmp_path: Path) -> None:
    written = dataset(classes=("a", "b"))
    opened = open_dataset(folder(tmp_path, written), 32, memory=GIGABYTE)
    assert np.array_equal(opened.images, written.images)
    assert opened.labels is not None
    assert opened.classes == ("a", "b")
    assert (len(opened), opened.resolution, opened.channels) == (64, 32, 3)


def test_a_large_set_stays_on_disk_and_gives_the_same_rows(tmp_path: Path) -> None:
    written = dataset()
    opened = open_dataset(folder(tmp_path, written), 32, memory=written.images.nbytes)
    assert isinstance(opened.images, np.memmap)
    indices = np.array([5, 3])
    assert torch.equal(opened.rows(indices).images, written.rows(indices).images)


def test_a_set_on_disk_trains_as_one_in_memory(tmp_path: Path) -> None:
    where = folder(tmp_path, dataset(count=11, classes=("a", "b")))
    on_disk, in_memory = (open_dataset(where, 32, memory=size) for size in (0, GIGABYTE))
    assert in_memory.stored is None and on_disk.stored is not None
    spec = tiny_spec(classes=("a", "b"), flip=True)
    runs = [
        Run(spec, data, CPU, Folder(tmp_path), unasked, AT_ONCE, lambda: 0.0)
        for data in (on_disk, in_memory)
    ]
    for _ in range(7):  # twice over the end of an epoch
        one, other = (run.feed.batch() for run in runs)
        assert torch.equal(one.target, other.target)
        assert one.condition is not None and other.condition is not None
        assert torch.equal(one.condition, other.condition)


def test_a_set_that_is_cut_off_while_it_is_used_is_told_in_a_sentence(tmp_path: Path) -> None:
    where = folder(tmp_path, dataset())
    opened = open_dataset(where, 32, memory=0)
    last = np.array([63])
    opened.rows(last)
    torn(where)
    with pytest.raises(DatasetChanged, match="cannot be read any more; upload"):
        opened.rows(last)


def test_a_resolution_that_was_not_prepared_is_refused(tmp_path: Path) -> None:
    with pytest.raises(NotTrainable, match=r"no images at 64 px; prepared are \[32\]"):
        open_dataset(folder(tmp_path, dataset()), 64, memory=GIGABYTE)


def gone(where: Path) -> None:
    shutil.rmtree(where)


def torn(where: Path) -> None:
    path = where / "images-32.npy"
    path.write_bytes(path.read_bytes()[:-1])


def emptied(where: Path) -> None:
    (where / "images-32.npy").write_bytes(b"")


def fewer(where: Path) -> None:
    np.save(where / "images-32.npy", dataset(count=9).images)


def unlabelled(where: Path) -> None:
    np.save(where / "labels.npy", np.zeros(3, np.int64))


def cardless(where: Path) -> None:
    (where / "dataset.json").write_text("{")


@pytest.mark.parametrize("damage", [gone, torn, emptied, fewer, unlabelled, cardless])
def test_a_damaged_set_is_refused_in_a_sentence(
    damage: Callable[[Path], None], tmp_path: Path
) -> None:
    where = folder(tmp_path / "set", dataset(classes=("a", "b")))
    damage(where)
    with pytest.raises(DatasetChanged, match="upload the data set again"):
        open_dataset(where, 32, memory=GIGABYTE)


def test_an_epoch_shows_every_image_once() -> None:
    sampler = Sampler(10, seed=0)
    order = np.concatenate([sampler.take(4) for _ in range(5)])
    assert sorted(order[:10]) == sorted(order[10:]) == list(range(10))
    assert list(order[:10]) != list(order[10:])


def test_a_batch_may_be_larger_than_the_set() -> None:
    assert np.bincount(Sampler(3, seed=0).take(8)).tolist() in ([3, 3, 2], [3, 2, 3], [2, 3, 3])


def test_a_resumed_sampler_goes_on_where_it_was() -> None:
    through, first = Sampler(10, seed=3), Sampler(10, seed=3)
    whole = through.take(25)
    part = first.take(13)
    rest = Sampler(10, seed=3, position=first.position).take(12)
    assert np.array_equal(whole, np.concatenate([part, rest]))


def test_looking_ahead_takes_nothing() -> None:
    sampler, other = Sampler(10, seed=3), Sampler(10, seed=3)
    for _ in range(4):
        ahead = sampler.ahead(4)
        assert np.array_equal(ahead, sampler.take(4))
        assert np.array_equal(ahead, other.take(4))


def test_seeds_give_different_orders() -> None:
    assert not np.array_equal(Sampler(50, seed=0).take(50), Sampler(50, seed=1).take(50))


def test_a_batch_is_scaled_and_labelled() -> None:
    rows = dataset(classes=("a", "b")).rows(np.array([0, 1]))
    batch = GENERATE.batch(rows, torch.Generator())
    assert batch.target.shape == (2, 3, 32, 32)
    assert float(batch.target.min()) == pytest.approx(20 / 127.5 - 1)
    assert batch.condition is not None
    assert batch.condition.tolist() == [[1, 0], [0, 1]]


def test_an_unknown_label_is_a_condition_of_zeros() -> None:
    assert conditions(torch.tensor([-1, 1]), 2).tolist() == [[0, 0], [0, 1]]
