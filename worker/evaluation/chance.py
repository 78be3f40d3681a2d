"""How much of a figure is chance: its standard deviation, had other images been drawn.

It knows no figure. What takes groups or parts of images draws them at random, the same every time:
neighbours in a data set are often alike.
"""

import math
from collections.abc import Callable

import numpy as np

GROUPS = 20
KEY = 19_560_301  # of the groups


def of_share(share: float, count: int) -> float:
    """Of a share of `count` independent images."""
    return math.sqrt(share * (1 - share) / count)


def of_mean(values: np.ndarray) -> float:
    """Of the mean of independent values [N], N at least 2."""
    return float(values.std(ddof=1)) / math.sqrt(len(values))


def of_groups(
    figure: Callable[[np.ndarray, np.ndarray], float], one: np.ndarray, other: np.ndarray
) -> float:
    """Of `figure(one, other)`: the jackknife that leaves out a group of each side at once.

    GROUPS groups, or as many as there are images. The figure's dependence on the number of images,
    if it has one, hardly matters: all but a twentieth of them are there every time.
    """
    count = min(GROUPS, len(one), len(other))
    here, there = (groups(len(side), count, number) for number, side in enumerate((one, other)))
    left = [figure(one[here != group], other[there != group]) for group in range(count)]
    return of_left_out(np.array(left))


def of_left_out(figures: np.ndarray) -> float:
    """The same from the figures [G] that were found without one of the G groups each."""
    return math.sqrt((len(figures) - 1) * figures.var())


def groups(count: int, number: int, stream: int = 0) -> np.ndarray:
    """[count]: to which of `number` equally large groups each image belongs."""
    random = np.random.Generator(np.random.Philox(key=KEY + stream))
    return random.permutation(np.arange(count) % number)
