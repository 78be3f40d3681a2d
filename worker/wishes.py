"""What can be asked of a generator besides a seed: a class, or a combination of attributes."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from core.labels import meant, places_of
from worker.combinations import Combination
from worker.tasks import holding


@dataclass(frozen=True, kw_only=True)
class Wishes:
    """What a model knows; classes or attributes or neither."""

    classes: tuple[str, ...]
    attributes: tuple[str, ...]
    combinations: tuple[Combination, ...]  # of attributes

    @classmethod
    def of(cls, header: Mapping[str, Any]) -> "Wishes":
        """Those of a model's header."""
        pairs = header.get("combinations", [])
        return cls(
            classes=tuple(header["classes"]),
            attributes=tuple(header.get("attributes", [])),
            combinations=tuple((tuple(places), count) for places, count in pairs),
        )

    def label(self, asked: str | None, seed: int | str = "") -> str | None:
        """The label of an image: the one asked for, else the one that the seed means."""
        if asked is not None:
            return asked
        return meant(seed, self.classes, self.attributes, self.combinations)

    def condition(self, asked: str | None, seed: int | str) -> Tensor | None:
        """What the network is told for it, float32 [c_dim]; None when it knows no conditions."""
        label = self.label(asked, seed)
        if self.attributes:
            assert label is not None, "a seed means a combination"
            return holding([places_of(label, self.attributes)], len(self.attributes))[0]
        if self.classes:
            assert label is not None, "a seed means a class"
            return torch.eye(len(self.classes))[self.classes.index(label)]
        return None

    def turns(self, count: int) -> Tensor | None:
        """Conditions [count, c_dim]: classes, or the combinations of the data, in turn."""
        if self.attributes:
            every = holding([places for places, _ in self.combinations], len(self.attributes))
        elif self.classes:
            every = torch.eye(len(self.classes))
        else:
            return None
        return every[torch.arange(count) % len(every)]
