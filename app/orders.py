"""What all orders have in common: their bodies, and in the answer the job and whether it is new."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any, TypeVar

from fastapi import Response
from pydantic import BaseModel, ValidationError

from app.errors import invalid_request
from app.jobs import with_urls
from app.services import Services
from core.schemas import Job

M = TypeVar("M", bound=BaseModel)


def read_order(kind: type[M], body: bytes) -> M:
    """The body of a route that takes other types besides JSON. Raises Invalid."""
    try:
        return kind.model_validate_json(body)
    except ValidationError as error:
        raise invalid_request(error.errors(include_url=False, include_input=False)) from error


def once(
    verb: str, key: str | None, order: BaseModel | Mapping[str, Any]
) -> tuple[str, str] | None:
    """What makes an order one of a kind: its Idempotency-Key, and a digest of what it asks."""
    if key is None:
        return None
    asked = order.model_dump(mode="json") if isinstance(order, BaseModel) else order
    text = json.dumps(asked, sort_keys=True)
    return f"{verb}:{key}", hashlib.sha256(text.encode()).hexdigest()


def announce(held: Services, response: Response, job: Job, created: bool) -> None:
    """Wake a worker for a new job; say so when the same order has made it before."""
    if created:
        held.hint(job.kind)
    else:
        response.headers["Idempotency-Replayed"] = "true"


def located(response: Response, job: Job) -> Job:
    """The answer that names a job."""
    response.headers["Location"] = f"/v1/jobs/{job.id}"
    return with_urls(job)


def accepted(response: Response, job: Job) -> Job:
    """The answer 202: the job, and when to look again."""
    response.headers["Retry-After"] = "2"
    return located(response, job)
