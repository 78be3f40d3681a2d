"""Models for archives, made without torch: real safetensors files, whose tensors are zeros."""

import hashlib
import io
import json
import struct
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from core.archives import archive_of
from core.files import write_json
from core.registry import ModelStore
from core.schemas import Model
from core.settings import Settings
from core.zip_writing import zip_chunks

PNG = b"\x89PNG\r\n\x1a\n and pixels"
IDENTITY: dict[str, Any] = {
    "format": 1,
    "task": "generate",
    "architecture": "r3",
    "options": {"width": 8, "max_width": 16, "blocks": 1},
    "shape": {"resolution": 32, "channels": 3, "z_dim": 16, "c_dim": 2},
    "classes": ["cat", "dog"],
    "dataset": {"sha256": "5" * 64, "images": 10},
    "steps": 2,
    "kimg": 0.008,
    "seed": 0,
    "parameters": 4,
    "libraries": {"torch": "2.13.0"},
}
TENSORS = {"g.paint.weight": {"dtype": "F32", "shape": [2, 2], "data_offsets": [0, 16]}}


def safetensors(
    tensors: Mapping[str, Any] = TENSORS, data: bytes = bytes(16), **metadata: str
) -> bytes:
    """A file as the format has it, with whatever head."""
    told = {"ganvas": json.dumps(IDENTITY)} | metadata
    head = json.dumps({"__metadata__": told, **tensors}).encode()
    return struct.pack("<Q", len(head)) + head + data


def put_model(
    settings: Settings, name: str = "cats", *, data: bytes = bytes(16), evaluations: int = 1
) -> Model:
    """A published version whose archive can be imported."""
    store = ModelStore(settings.folders)
    job = f"job-{name}-{len(store.versions(name))}"
    source = settings.folders.jobs / f"publish-{job}"
    source.mkdir()
    settings.folders.job(job).mkdir()
    weights = safetensors(data=data)
    (source / "model.safetensors").write_bytes(weights)
    facts = {"sha256": hashlib.sha256(weights).hexdigest(), "bytes": len(weights)}
    write_json(source / "model.json", IDENTITY | facts | {"metrics": {"loss": 0.5}})
    (source / "samples.png").write_bytes(PNG)
    resolved = {"options": IDENTITY["options"], "dataset": IDENTITY["dataset"]}
    card = {"job": job, "dataset": {"id": "ds-1", "name": "Cats"}, "resolved": resolved}
    model = store.publish(source, name, card)
    for number in range(evaluations):
        put_evaluation(settings, model, f"job-e{number}")
    return store.get(name, model.version)


def put_evaluation(settings: Settings, model: Model, job: str, **fields: Any) -> None:
    folder = settings.home / f"evaluated-{job}"
    folder.mkdir()
    write_json(folder / "evaluation.json", evaluation(job, model, **fields))
    (folder / "nearest.png").write_bytes(PNG)
    ModelStore(settings.folders).add_evaluation(model, folder, job)


def evaluation(job: str, model: Model, **fields: Any) -> dict[str, Any]:
    """A result as worker/evaluate_run.py writes it."""
    told = {"name": model.name, "version": model.version, "digest": model.digest}
    metrics = {"space": "rand64-v1", "n_fake": 50, "kd": 0.02, "kd_sd": 0.001, "kd_floor": 0.001}
    return {
        "job": job,
        "created_at": "2026-01-02T03:04:05+00:00",
        "seconds": 2.5,
        "model": told,
        "dataset": {"id": "ds-1", "name": "Cats", "same_as_training": True},
        "seed": 0,
        "metrics": metrics | {"fid": None, "fid_reason": "weights not found"},
        "pictures": ["nearest"],
    } | fields


def archive(settings: Settings, model: Model) -> bytes:
    folder = ModelStore(settings.folders).folder(model)
    return b"".join(zip_chunks(archive_of(folder, model).sealed()))


def contents(data: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(data)) as file:
        return {name: file.read(name) for name in file.namelist()}


def repacked(files: Mapping[str, bytes], *, honest: bool = True, method: int = 0) -> bytes:
    """The files as a zip of Python's own, with a manifest that is true unless not `honest`."""
    files = dict(files)
    if honest:
        manifest = json.loads(files["MANIFEST.json"])
        own = {name: data for name, data in files.items() if name != "MANIFEST.json"}
        sums = {name: hashlib.sha256(data).hexdigest() for name, data in own.items()}
        manifest["files"] = {
            name: {"sha256": sums[name], "bytes": len(data)} for name, data in own.items()
        }
        manifest["model"]["digest"] = sums.get("model.safetensors", "")
        files["MANIFEST.json"] = json.dumps(manifest).encode()
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as file:
        for name, data in files.items():
            file.writestr(name, data)
    return buffer.getvalue()


def with_weights(files: Mapping[str, bytes], weights: bytes, **header: Any) -> dict[str, bytes]:
    """The files with other weights, which the header knows of, and other words in the header."""
    known = json.loads(files["model.json"])
    known |= {"sha256": hashlib.sha256(weights).hexdigest(), "bytes": len(weights)} | header
    return {
        **files,
        "model.safetensors": weights,
        "model.json": json.dumps(known).encode(),
    }


def unpacked(data: bytes, folder: Path) -> Path:
    path = folder / "source"
    path.write_bytes(data)
    return path
