"""What a tracker knows of the training that it follows."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from worker.spec import TrainSpec

# What became of an attempt; "paused": it was given back, another one will go on.
End = Literal["succeeded", "cancelled", "failed", "paused"]


@dataclass(frozen=True, kw_only=True)
class Tracked:
    """One attempt at a training."""

    job: str  # its id
    model: str  # the name that its result gets
    dataset: str  # the name or id that it was ordered with
    folder: Path  # of the job
    fence: int
    step: int  # that it goes on from; 0: it begins
    spec: TrainSpec

    @property
    def published(self) -> Path:
        """Where the model lies at the end."""
        return self.folder / f"publish-f{self.fence}"

    def options(self) -> dict[str, str | int | float | bool]:
        """Every choice that was made, under names such as `recipe.lr`."""
        return dict(_flat("", asdict(self.spec)))


def _flat(name: str, value: Any) -> list[tuple[str, Any]]:
    if isinstance(value, Mapping):
        prefix = f"{name}." if name else ""
        return [pair for key, each in value.items() for pair in _flat(f"{prefix}{key}", each)]
    if isinstance(value, list | tuple):
        return [(name, ", ".join(map(str, value)))]
    return [] if value is None else [(name, value)]
