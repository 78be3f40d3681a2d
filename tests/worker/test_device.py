"""The probe: it measures, and never assumes a precision."""

import itertools
from pathlib import Path

import pytest
import torch

from worker import device as device_module
from worker.device import MACS, Device, known_device, measure, probe


def rates(monkeypatch: pytest.MonkeyPatch, table: dict[tuple[str, bool], float]) -> Device:
    def fake(candidate: Device, *, seconds: float) -> float:
        return table[candidate.dtype, candidate.channels_last]

    monkeypatch.setattr(device_module, "measure", fake)
    monkeypatch.setattr(torch, "set_num_threads", lambda n: None)
    return probe("cpu")


def test_a_slow_bfloat16_is_not_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    table = {("float32", False): 50.0, ("float32", True): 50.0, ("bfloat16", True): 5.0}
    chosen = rates(monkeypatch, table)
    assert (chosen.dtype, chosen.channels_last, chosen.rate) == ("float32", True, 50.0)


def test_a_fast_bfloat16_is_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    table = {("float32", False): 50.0, ("float32", True): 60.0, ("bfloat16", True): 120.0}
    assert rates(monkeypatch, table).dtype == "bfloat16"


def test_a_slow_channels_last_is_not_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    table = {("float32", False): 50.0, ("float32", True): 20.0, ("bfloat16", False): 20.0}
    assert rates(monkeypatch, table).channels_last is False


def test_the_rate_is_work_over_the_median_time() -> None:
    ticks = itertools.count()
    device = Device(name="cpu", dtype="float32", channels_last=False, threads=1, rate=0.0)
    assert measure(device, seconds=3.0, clock=lambda: float(next(ticks))) == MACS / 1e9


def test_measuring_leaves_the_random_state_alone() -> None:
    before = torch.get_rng_state()
    device = Device(name="cpu", dtype="float32", channels_last=True, threads=1, rate=0.0)
    assert measure(device, seconds=0.0) > 0
    assert torch.equal(before, torch.get_rng_state())


def test_a_machine_keeps_its_precision_and_layout_and_its_best_rate(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    quiet = {("float32", False): 50.0, ("float32", True): 60.0, ("bfloat16", True): 120.0}
    busy = {("float32", False): 9.0, ("float32", True): 1.0, ("bfloat16", False): 2.0}
    busy |= {("bfloat16", True): 2.0}
    seen = []
    for table in (quiet, busy):
        rates(monkeypatch, table)
        seen.append(known_device(tmp_path))
    assert seen[0] == seen[1]
    assert (seen[1].dtype, seen[1].rate) == ("bfloat16", 120.0)


def test_a_machine_whose_record_is_damaged_is_probed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    table = {("float32", False): 50.0, ("float32", True): 60.0, ("bfloat16", True): 1.0}
    found = rates(monkeypatch, table)
    assert known_device(tmp_path) == found
    for path in tmp_path.iterdir():
        path.write_text("{")
    assert known_device(tmp_path) == found
