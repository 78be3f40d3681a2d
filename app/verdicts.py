"""Two evaluations side by side: what may be compared, and which is better by more than chance."""

import json
import math
from collections.abc import Iterator, Mapping
from typing import Any, Literal

from pydantic import Field

from core.evaluations import BETTER, PARTS, condition, stem
from core.schemas import Answer

DEVIATIONS = 2.0  # combined standard deviations that are more than chance
COUNTS = "n_"  # begins the names of numbers of images
WITHOUT_SPACE = frozenset({"swd", "ms_ssim", "diversity", "gan_test", "gan_train"})  # of features
SHARES = frozenset({"precision", "recall", "coverage", "copied", "gan_test", "gan_train"})
GROUPS = ("task", "architecture", "shape", "classes", "options", "recipe", "budget", "seed")
GROUPS += ("dtype", "attributes")
Evaluation = Mapping[str, Any]


class MetricPair(Answer):
    """One figure of both models."""

    a: float | None
    b: float | None
    floor_a: float | None = Field(default=None, description="The same figure of reals.")
    floor_b: float | None = None
    spread: float | None = Field(
        default=None, description="Two standard deviations of the difference; null: not known."
    )
    direction: Literal["lower", "higher", "floor"] | None = Field(
        default=None, description="Which way is better; `floor`: the nearer to the floor."
    )
    better: Literal["a", "b", "equal"] | None = Field(
        default=None, description="`equal`: the difference is within the spread."
    )
    comparable: bool
    reason: str | None = Field(default=None, description="Why there is no verdict.")


class Difference(Answer):
    """An option that differs; null: it has none."""

    path: str
    a: Any
    b: Any


def metric_pairs(a: Evaluation, b: Evaluation) -> dict[str, MetricPair]:
    """Every figure that either evaluation has, by name."""
    general, space = _obstacles(a, b)
    pairs = {}
    for name in figures(a, b):
        obstacle = general or (None if stem(name) in WITHOUT_SPACE else space)
        pairs[name] = _pair(name, a, b, obstacle)
    return pairs


def figures(a: Evaluation, b: Evaluation) -> list[str]:
    """The names of what was measured, in the order of the first evaluation."""
    names = dict.fromkeys([*metrics_of(a), *metrics_of(b)])

    def measured(name: str) -> bool:
        found = [metrics_of(side).get(name) for side in (a, b)]
        numbers = all(value is None or _is_number(value) for value in found)
        return numbers and not condition(name) and not name.endswith(PARTS)

    return [name for name in names if measured(name)]


def differing_options(a: Mapping[str, Any], b: Mapping[str, Any]) -> list[Difference]:
    """Where two resolved configurations differ; data set and device aside."""
    ours, theirs = (dict(_flat(side)) for side in (a, b))
    return [
        Difference(path=path, a=ours.get(path), b=theirs.get(path))
        for path in dict.fromkeys([*ours, *theirs])
        if ours.get(path) != theirs.get(path)
    ]


def same_data(a: Any, b: Any) -> bool | None:
    """Whether both mean the same images; None when that cannot be known."""
    for name in ("sha256", "id"):
        ours, theirs = (
            side.get(name) if isinstance(side, dict) else side if name == "id" else None
            for side in (a, b)
        )
        if ours and theirs:
            return ours == theirs
    return None


def metrics_of(evaluation: Evaluation) -> dict[str, Any]:
    found = evaluation.get("metrics")
    return found if isinstance(found, dict) else {}


def fact(evaluation: Evaluation, name: str) -> Any:
    """What an evaluation says of itself, beside its figures or among them."""
    return evaluation.get(name, metrics_of(evaluation).get(name))


def _obstacles(a: Evaluation, b: Evaluation) -> tuple[str | None, str | None]:
    """Why nothing, and why no figure of a feature space, can be compared."""
    if not metrics_of(a) or not metrics_of(b):
        return None, None  # each figure says so itself
    general = None
    if same_data(fact(a, "dataset"), fact(b, "dataset")) is False:
        general = "They were measured against different data sets."
    counts = [name for name in {**metrics_of(a), **metrics_of(b)} if name.startswith(COUNTS)]
    for name in ("n", *counts):
        ours, theirs = fact(a, name), fact(b, name)
        if ours != theirs:
            general = general or f"They were measured with {name} {ours} and {theirs}."
    space = None
    ours, theirs = ((fact(side, "space"), fact(side, "space_sha256")) for side in (a, b))
    if ours != theirs:
        space = f"They were measured in different feature spaces: {ours[0]} and {theirs[0]}."
        if ours[0] == theirs[0]:
            space = f"The feature space {ours[0]} is not the same network: its SHA-256 differs."
    return general, space


def _pair(name: str, a: Evaluation, b: Evaluation, obstacle: str | None) -> MetricPair:
    """The figure `name` of both, with a verdict where there can be one."""
    ours, theirs = metrics_of(a), metrics_of(b)
    left, right = ours.get(name), theirs.get(name)
    floors = _number(ours.get(f"{name}_floor")), _number(theirs.get(f"{name}_floor"))
    known: dict[str, Any] = {"a": left, "b": right, "floor_a": floors[0], "floor_b": floors[1]}
    if obstacle is None:
        obstacle = _unmeasured("a", name, ours) or _unmeasured("b", name, theirs)
    if obstacle is not None:
        return MetricPair(**known, comparable=False, reason=obstacle)
    assert left is not None and right is not None
    direction = _direction(name, a, b)
    known |= {"comparable": True, "direction": direction}
    spread = _spread(name, a, b)
    if direction is None or (direction == "floor" and None in floors):
        return MetricPair(**known, spread=spread, reason="It is not known which way is better.")
    if spread is None:
        return MetricPair(**known, reason="No spread is stated, so chance cannot be ruled out.")
    if direction == "floor":
        assert floors[0] is not None and floors[1] is not None
        left, right = abs(left - floors[0]), abs(right - floors[1])
    gain = left - right if direction == "higher" else right - left
    better = "equal" if abs(gain) <= spread else "a" if gain > 0 else "b"
    return MetricPair(**known, spread=spread, better=better)


def _unmeasured(side: str, name: str, metrics: Mapping[str, Any]) -> str | None:
    if metrics.get(name) is not None:
        return None
    return f"{side}: {metrics.get(f'{name}_reason') or 'it was not measured'}"


def _direction(name: str, a: Evaluation, b: Evaluation) -> str | None:
    """As the evaluations say themselves, or as the table says."""
    for side in (a, b):
        told = side.get("better")
        if isinstance(told, dict) and told.get(name) in ("lower", "higher", "floor"):
            return told[name]
    return BETTER.get(stem(name))


def _spread(name: str, a: Evaluation, b: Evaluation) -> float | None:
    """From the stated deviations; a share of n images has the one of a draw of n."""
    deviations = [_deviation(name, side) for side in (a, b)]
    known = [deviation for deviation in deviations if deviation is not None]
    return DEVIATIONS * math.hypot(*known) if len(known) == 2 else None


def _deviation(name: str, evaluation: Evaluation) -> float | None:
    metrics = metrics_of(evaluation)
    stated = _number(metrics.get(f"{name}_sd"))
    if stated is not None:
        return stated
    share, n = _number(metrics.get(name)), _number(fact(evaluation, "n_fake"))
    n = n or _number(fact(evaluation, "n"))
    if name not in SHARES or share is None or not 0 <= share <= 1 or not n or n < 1:
        return None
    return math.sqrt(share * (1 - share) / n)


def _flat(resolved: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for group in GROUPS:
        if resolved.get(group, []) != []:
            yield from _leaves(group, resolved[group])


def _leaves(path: str, value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        for name, below in value.items():
            yield from _leaves(f"{path}.{name}", below)
    else:
        yield path, json.loads(json.dumps(value))  # tuples and lists are the same


def _number(value: Any) -> float | None:
    return value if _is_number(value) else None


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
