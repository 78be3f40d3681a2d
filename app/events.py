"""Reading event streams, which only the scripts in core/lua write."""

import json
from collections.abc import Mapping
from typing import Any

import redis

from core.schemas import JobEvent

BEGIN = "0-0"


def event(entry_id: str, fields: Mapping[str, str]) -> JobEvent:
    """One stream entry as a record; where there are several jobs its data name the job."""
    data: Any = json.loads(fields["data"]) if fields.get("data") else {}
    named = {"job": fields["job"]} if "job" in fields else {}
    return JobEvent(id=entry_id, type=fields["type"], data=(data or {}) | named)


def page(client: redis.Redis, key: str, after: str, limit: int) -> list[JobEvent]:
    """Up to `limit` events of the stream `key` after the id `after`."""
    entries: Any = client.xrange(key, f"({after}", "+", count=limit)
    return [event(entry_id, fields) for entry_id, fields in entries]
