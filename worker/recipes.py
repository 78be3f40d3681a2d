"""Named presets: options that stand unless a request has its own. What was measured for them is in
docs/experiments.md."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

FEW = 500  # images: below it "auto" takes the preset for few


@dataclass(frozen=True, kw_only=True)
class Choice:
    """The preset that is meant by data sets of fewer images; None: by all others."""

    preset: str
    images_below: int | None = None


@dataclass(frozen=True, kw_only=True)
class Preset:
    """A named beginning. `options` None: those of the first of `chooses` that the images fit."""

    summary: str
    options: Mapping[str, Any] | None = None
    chooses: tuple[Choice, ...] = ()

    def under(self, asked: Mapping[str, Any], images: int) -> dict[str, Any]:
        """What is asked for, over these options; those of other networks than asked for are none
        of its business."""
        options = self.options
        if options is None:
            fitting = (c for c in self.chooses if c.images_below is None or images < c.images_below)
            options = PRESETS[next(fitting).preset].options or {}
        other = asked.get("architecture", options["architecture"]) != options["architecture"]
        return dict(asked) if other else {**options, **asked}


PRESETS = {
    "auto": Preset(
        summary=f"`few` below {FEW} images, else `balanced`.",
        chooses=(Choice(preset="few", images_below=FEW), Choice(preset="balanced")),
    ),
    "balanced": Preset(
        summary="The most quality for minutes or hours of training.",
        options={"architecture": "skip"},
    ),
    "few": Preset(
        summary="For a hundred images: augmented from the start, held back by LeCam.",
        options={"architecture": "skip", "augment_p": 0.6, "lecam": 0.1},
    ),
    "textbook": Preset(
        summary="The classic pair with cross entropy, as lectures have it; a yardstick.",
        options={"architecture": "classic", "gamma": 0.0, "adaptive": False, "augment_p": 0.0},
    ),
}
