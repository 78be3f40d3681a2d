"""In which directions of a model's latent space its images change most, as the workers tell it."""

from pathlib import Path
from typing import Literal

from core.exports import FOLDER
from core.schemas import Answer

FILE = "directions-1.json"  # another number when they are computed in another way


class Direction(Answer):
    """`share`: of the sum of all eigenvalues. `vector`: of length 1, in the space of Directions."""

    index: int
    eigenvalue: float
    share: float
    vector: list[float]


class Directions(Answer):
    """The strongest first. `space`: z, or w where the network has a mapping."""

    object: Literal["list"] = "list"
    space: Literal["z", "w"]
    data: list[Direction]


def directions_in(folder: Path) -> Path:
    """Where those of the version in `folder` are kept, once they are computed."""
    return folder / FOLDER / FILE
