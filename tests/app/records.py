"""Files that a training leaves below its job, as far as the API reads them."""

from pathlib import Path
from typing import Any

from core.files import write_json


def put_checkpoint(folder: Path, step: int, fence: int = 1, **facts: Any) -> None:
    """A checkpoint whose tensors are only bytes. By default it cost a second for each step."""
    stem = f"{step:09d}-f{fence}"
    target = folder / "checkpoints"
    target.mkdir(exist_ok=True)
    content = f"tensors of {folder.name} {stem}".encode()
    (target / f"{stem}.safetensors").write_bytes(content)
    record = {"step": step, "fence": fence, "sha256": "5" * 64, "bytes": len(content)}
    known = {"step": step, "kimg": step / 100, "seconds": float(step)}
    write_json(target / f"{stem}.json", record | {"facts": known | facts})


def put_snapshot(folder: Path, step: int, **card: Any) -> None:
    """The model of a checkpoint."""
    target = folder / "snapshots" / f"{step:09d}"
    target.mkdir(parents=True)
    (target / "model.safetensors").write_bytes(f"weights at {step}".encode())
    write_json(target / "model.json", {"architecture": "r3"})
    facts = {"name": "cats", "version": 0, "digest": "d" * 64, "architecture": "r3"}
    facts |= {"created_at": "2026-01-01T00:00:00Z", "resolution": 32, "channels": 3, "z_dim": 64}
    write_json(target / "card.json", facts | {"job": folder.name, "steps": step} | card)
