"""Reading a job's event stream, which only the scripts in core/lua write."""

import json
from collections.abc import Mapping
from typing import Any

import redis

from core.keys import Keys
from core.schemas import JobEvent

BEGIN = "0-0"


def event(entry_id: str, fields: Mapping[str, str]) -> JobEvent:
    """One stream entry as a record."""
    data: Any = json.loads(fields["data"]) if fields.get("data") else {}
    return JobEvent(id=entry_id, type=fields["type"], data=data or {})


def page(client: redis.Redis, keys: Keys, job_id: str, after: str, limit: int) -> list[JobEvent]:
    """Up to `limit` events after the stream id `after`."""
    entries: Any = client.xrange(keys.events(job_id), f"({after}", "+", count=limit)
    return [event(entry_id, fields) for entry_id, fields in entries]
