"""The figures of an evaluation as a table: a line for each, with its floor."""

from collections.abc import Mapping
from typing import Any

from rich.table import Table

from core.schemas import Job
from ganvas.console import table

ENDINGS = ("_floor", "_sd")  # of what stands in the line of another figure


def figures(job: Job, known: Mapping[str, Any] | None = None) -> Table:
    """known: `metrics` of the catalogue, which says what is better, higher or lower."""
    told: dict[str, Any] = (job.output or {}).get("metrics", {})
    rows = table("METRIC", "VALUE", "FLOOR", "BETTER")
    for name in filter(lambda name: is_figure(name, told), told):
        spread = f" ± {number(told[f'{name}_sd'])}" if f"{name}_sd" in told else ""
        floor = number(told[f"{name}_floor"]) if f"{name}_floor" in told else ""
        better = better_of(name, known or {})
        rows.add_row(name, number(told[name]) + spread, floor, better)
    return rows


def is_figure(name: str, told: Mapping[str, Any]) -> bool:
    """Whether a number is a figure by itself; whole numbers are counts."""
    return isinstance(told[name], float) and not name.endswith(ENDINGS)


def better_of(name: str, known: Mapping[str, Any]) -> str:
    """`swd_32` is one of the figures of `swd`."""
    metric = known.get(name) or known.get(name.rpartition("_")[0]) or {}
    return metric.get("better", "")


def number(value: float) -> str:
    return f"{value:.4g}"
