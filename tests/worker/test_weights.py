"""Weights that the owner provides: only known files are opened, and get an official name."""

import ast
import hashlib
import json
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import torch

from core.errors import Invalid
from tests.worker.random_weights import TINY, dino_tensors
from worker.evaluation.dinov2 import DinoSpace
from worker.evaluation.spaces import load_space
from worker.evaluation.weights import DINO, INCEPTION, OFFICIAL, Official, convert, main, official

ROOT = Path(__file__).parents[2]
PACKAGES = ("app", "core", "ganvas", "models", "worker", "bench")
OPENERS = {"pickle", "cPickle", "dill", "joblib", "marshal", "shelve"}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A file as networks are published: here with random weights."""
    path = tmp_path / "tiny.pth"
    torch.save(dino_tensors(), path)
    return path


def published(file: Path) -> Official:
    """As if this file were known to the world."""
    sha256 = hashlib.sha256(file.read_bytes()).hexdigest()
    space = partial(DinoSpace, sizes=TINY)
    return Official(name=DINO.name, file=file.name, sha256=sha256, space=space)


def put(folder: Path, known: Official, source_sha256: str) -> None:
    """Random weights in the place of official ones."""
    saved = safetensors.torch.save(dino_tensors())
    (folder / f"{known.name}.safetensors").write_bytes(saved)
    tensors = hashlib.sha256(saved).hexdigest()
    record = {"source_sha256": source_sha256, "tensors_sha256": tensors}
    (folder / f"{known.name}.json").write_text(json.dumps(record))


def test_a_known_file_becomes_a_space(file: Path, tmp_path: Path) -> None:
    known, folder = published(file), tmp_path / "weights"
    assert convert(file, folder, (known,)) is known
    space = official(known, folder)
    assert not isinstance(space, str), space
    written = (folder / f"{known.name}.safetensors").read_bytes()
    assert space.sha256 == hashlib.sha256(written).hexdigest()
    images = np.zeros((2, 32, 32, 3), np.uint8)
    direct = DinoSpace(dino_tensors(), "0" * 64, TINY).features(images)
    assert np.array_equal(space.features(images), direct)


def test_an_unknown_file_is_not_opened(file: Path, tmp_path: Path) -> None:
    with pytest.raises(Invalid, match="unknown hash"):
        convert(file, tmp_path / "weights")
    assert not (tmp_path / "weights").exists()


def test_the_command_tells_what_is_known(
    file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(file), "--folder", str(tmp_path)]) == 1
    told = capsys.readouterr().err
    assert "unknown hash" in told and INCEPTION.file in told and DINO.sha256 in told
    assert main([str(tmp_path / "absent.pth")]) == 1


def test_random_weights_are_refused_with_unknown_hash(tmp_path: Path) -> None:
    for known in OFFICIAL:
        put(tmp_path, known, "0" * 64)
        reason = official(known, tmp_path)
        assert isinstance(reason, str) and "unknown hash" in reason
        with pytest.raises(Invalid, match="unknown hash"):
            load_space(known.name, tmp_path)


def test_tensors_that_were_changed_are_refused(file: Path, tmp_path: Path) -> None:
    known = published(file)
    convert(file, tmp_path, (known,))
    path = tmp_path / f"{known.name}.safetensors"
    path.write_bytes(path.read_bytes()[:-1] + b"\1")
    reason = official(known, tmp_path)
    assert isinstance(reason, str) and "unknown hash" in reason


@pytest.mark.parametrize("record", ["", "[]", "{}", '{"source_sha256": 1}'])
def test_a_damaged_record_is_a_reason(record: str, tmp_path: Path) -> None:
    (tmp_path / f"{DINO.name}.json").write_text(record)
    assert isinstance(official(DINO, tmp_path), str)


def test_tensors_of_another_network_are_a_reason(tmp_path: Path) -> None:
    put(tmp_path, INCEPTION, INCEPTION.sha256)
    reason = official(INCEPTION, tmp_path)
    assert isinstance(reason, str) and "cannot be read" in reason


def test_missing_weights_are_a_reason_that_shows_no_path(tmp_path: Path) -> None:
    for folder in (None, tmp_path):
        reason = official(INCEPTION, folder)
        assert isinstance(reason, str) and "not found" in reason and "docs/evaluation.md" in reason
        assert str(tmp_path) not in reason


def test_pickles_are_opened_in_one_place_only() -> None:
    """`torch.load` in `convert`, behind the check of the hash: docs/decisions/0009."""
    found = [
        f"{path.relative_to(ROOT)}:{name}"
        for package in PACKAGES
        for path in sorted((ROOT / package).rglob("*.py"))
        for name in openings(path)
    ]
    assert found == ["worker/evaluation/weights.py:torch.load"]


def openings(path: Path) -> list[str]:
    """What in a file could open a pickle."""
    found: list[str] = []
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found += [name.name for name in node.names if name.name.split(".")[0] in OPENERS]
        elif isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] in OPENERS:
            found.append(node.module or "")
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            name = f"{node.value.id}.{node.attr}"
            if name in ("torch.load", "torch.jit", "torch.hub", "torch.package"):
                found.append(name)
        elif isinstance(node, ast.keyword) and node.arg == "allow_pickle":
            refused = isinstance(node.value, ast.Constant) and node.value.value is False
            found += [] if refused else ["allow_pickle"]
    return found
