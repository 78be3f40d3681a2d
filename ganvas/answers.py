"""What becomes of an answer of the service: a record, JSON, or an error that says what is odd."""

from collections.abc import Callable
from typing import Any, TypeVar

import httpx
from pydantic import BaseModel, ValidationError

from ganvas.transport import GanvasAPIError

M = TypeVar("M", bound=BaseModel)


def as_json(response: httpx.Response) -> dict[str, Any]:
    return response.json()


def nothing(response: httpx.Response) -> None:
    """For answers without a body."""


def record(kind: type[M]) -> Callable[[httpx.Response], M]:
    return lambda response: read(kind, response)


def read(kind: type[M], response: httpx.Response) -> M:
    try:
        return kind.model_validate_json(response.content)
    except ValidationError as error:
        detail = "The answer is not understood: are this client and the service of one version?"
        raise GanvasAPIError(response.status_code, "unexpected_answer", detail) from error
