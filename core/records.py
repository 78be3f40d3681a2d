"""A job's record as Redis keeps it, and the small values that workers exchange with the store."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from core.schemas import Job

Word = Literal["cancel", "pause", "resume", "checkpoint", "sample"]
Signal = Literal["ok", "cancel", "pause", "lost"]
_TIMES = ("created_at", "queued_at", "started_at", "finished_at", "heartbeat_at")
_JSON = (
    "input",
    "resolved",
    "progress",
    "metrics",
    "output",
    "error",
    "metadata",
    "history",
    "committed",
)


# What a list shows of a job: without its configuration, its figures and its past.
SHORT = (
    *("id", "kind", "state", "phase", "reason", "version", "progress", *_TIMES, "attempt"),
    *("worker", "input", "seed", "priority", "alarms", "output", "error", "metadata"),
)


@dataclass(frozen=True, kw_only=True)
class Claim:
    """The right to work on a job until the lease ends or a higher fence is given out.

    `shrink`: how often its batch is to be halved. `version`: of the record when it was claimed.
    """

    id: str
    fence: int
    attempt: int
    shrink: int = 0
    version: int = 0


@dataclass(frozen=True, kw_only=True)
class Note:
    """Something worth recording with a beat: an event, and a field of the job it sets."""

    type: str = ""
    data: Any = None
    field: str = ""
    value: Any = None

    def arguments(self) -> tuple[str, str, str, str]:
        return (self.type, json.dumps(self.data), self.field, stored(self.value))


@dataclass(frozen=True, kw_only=True)
class Beat:
    """What a beat learnt: whether to go on, and what is asked besides."""

    signal: Signal
    asked: frozenset[str] = frozenset()


def stored(value: Any) -> str:
    """A value as a field of the record."""
    return "" if value is None else value if isinstance(value, str) else json.dumps(value)


def in_ms(seconds: float) -> int:
    return int(seconds * 1000)


def named(answer: Any, only: Sequence[str]) -> dict[str, str]:
    """The fields of a record by name: of HGETALL, or of HMGET with the names in `only`."""
    if not only:
        return answer
    pairs = zip(only, answer, strict=True)
    return {name: value for name, value in pairs if value is not None}


def read_record(fields: Mapping[str, str], ranks: Sequence[int | None] = ()) -> Job:
    """The job in `fields`, which may be some of a record only; `ranks`: its place in each queue.

    Raises ValueError.
    """
    values: dict[str, Any] = {key: value for key, value in fields.items() if value != ""}
    values |= {key: _time(values[key]) for key in _TIMES if key in values}
    values |= {key: json.loads(values[key]) for key in _JSON if key in values}
    past = values.get("history", ())
    values["history"] = [entry | {"at": _time(entry["at"])} for entry in past]
    position = next((rank for rank in ranks if rank is not None), None)
    return Job(**values, queue_position=position)


def _time(milliseconds: str | float) -> datetime:
    return datetime.fromtimestamp(float(milliseconds) / 1000, UTC)
