"""One table from error codes to HTTP statuses, and the problem (RFC 9457) of each error."""

import logging
import math
from collections.abc import Mapping, Sequence
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from kombu.exceptions import OperationalError
from pydantic import Field
from redis.exceptions import RedisError
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.routing import Match

from core.connection import our_mistake, trouble
from core.errors import GanvasError, Internal, Invalid, StorageFull, Unavailable
from core.files import OUT_OF_ROOM
from core.schemas import Answer

MEDIA_TYPE = "application/problem+json"
STATUSES: dict[str, int] = {
    "invalid_request": 422,
    "not_found": 404,
    "conflict": 409,
    "in_use": 409,
    "not_ready": 409,
    "dataset_changed": 409,
    "bad_spec": 409,
    "precondition_failed": 412,
    "locked": 423,
    "idempotency_mismatch": 422,
    "not_trainable": 422,
    "queue_full": 429,
    "too_many_streams": 429,
    "too_many_uploads": 429,
    "too_large": 413,
    "too_slow": 408,
    "unsupported_media": 415,
    "corrupt_archive": 422,
    "unsafe_path": 422,
    "no_images": 422,
    "storage_full": 507,
    "unavailable": 503,
    "no_worker": 503,
    "overloaded": 503,
    "wrong_host": 421,
    "wrong_origin": 403,
    "header_too_large": 431,
    "deadline_exceeded": 504,
}
# What the framework itself refuses: status -> code and title.
REFUSALS: dict[int, tuple[str, str]] = {
    400: ("invalid_request", "The request cannot be read"),
    404: ("not_found", "There is no such thing"),
    405: ("method_not_allowed", "This method is not offered here"),
    406: ("not_acceptable", "None of the accepted content types can be made"),
}

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
MAX_ERRORS = 50
log = logging.getLogger(__name__)


class WrongHost(GanvasError):
    code = "wrong_host"
    title = "This server does not answer under this name"


class WrongOrigin(GanvasError):
    code = "wrong_origin"
    title = "Pages of other sites may not do this"


class HeaderTooLarge(GanvasError):
    code = "header_too_large"
    title = "The head of the request is too large"


class TooSlow(GanvasError):
    code = "too_slow"
    title = "The request arrived too slowly"


class TooManyStreams(GanvasError):
    code = "too_many_streams"
    title = "Too many event streams are open"


class FieldError(Answer):
    """One field, file or parameter that is wrong."""

    pointer: str = ""
    message: str


class Problem(Answer):
    """Every error of this service, as application/problem+json."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str
    instance: str
    code: str
    request_id: str
    errors: list[FieldError] = Field(default_factory=list)


def problem(
    scope: Any,
    status: int,
    code: str,
    title: str,
    detail: str,
    errors: Sequence[dict[str, Any]] = (),
    headers: dict[str, str] | None = None,
    **members: Any,
) -> Response:
    """The answer for one error; `members` are additional ones of this kind of problem."""
    content = {
        "type": f"urn:ganvas:problem:{code}",
        "title": title,
        "status": status,
        "detail": detail,
        "instance": scope.get("path", ""),
        "code": code,
        "request_id": scope.get("request_id", ""),
        "errors": list(errors)[:MAX_ERRORS],
    } | members
    scope.get("codes", []).append(code)  # app/counted.py
    kept = {"Cache-Control": "no-store"} | (headers or {})
    return JSONResponse(content, status, kept, media_type=MEDIA_TYPE)


def expected(
    scope: Any, error: GanvasError, /, *, status: int | None = None, **members: Any
) -> Response:
    """The answer for one of our own errors."""
    status = status or status_of(error)
    headers = {}
    if error.retry_after is not None:
        headers["Retry-After"] = str(max(1, math.ceil(error.retry_after)))
    return problem(
        scope, status, error.code, error.title, error.detail, error.errors, headers, **members
    )


def status_of(error: GanvasError) -> int:
    return STATUSES.get(error.code, 500)


def from_record(record: dict[str, Any]) -> GanvasError:
    """The error that was stored on a job or sent by a worker, as an exception again."""
    kinds = {kind.code: kind for kind in _descendants(GanvasError)}
    kind = kinds.get(str(record.get("code")), Internal)
    return kind(str(record.get("detail", "")), errors=record.get("errors") or [])


def as_expected(error: Exception) -> GanvasError | None:
    """What an exception of a library means to the client; None when it is our own mistake."""
    if isinstance(error, GanvasError):
        return error
    if isinstance(error, RedisError | OperationalError) and not our_mistake(error):
        return Unavailable(f"{trouble(error)}. Try again.", retry_after=2)
    if isinstance(error, OSError) and error.errno in OUT_OF_ROOM:
        return StorageFull("The disk of the service is full.", retry_after=60)
    return None


def unexpected(scope: Any, error: Exception) -> Response:
    """Any other exception: expected after all, or logged and answered without its inside."""
    known = as_expected(error)
    if known is not None:
        return expected(scope, known)
    log.error("request %s failed", scope.get("request_id"), exc_info=error)
    return expected(scope, Internal("The service's log says more under this request_id."))


def install(app: FastAPI) -> None:
    """Let `app` render every error as a problem."""

    async def refused(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        code, title = REFUSALS.get(error.status_code, ("error", "The request was refused"))
        detail = str(error.detail)
        headers = dict(error.headers or {})
        if error.status_code == 405:
            headers["Allow"] = ", ".join(offered(app, request.scope["path"]))
        return problem(request.scope, error.status_code, code, title, detail, (), headers)

    async def ours(request: Request, error: Exception) -> Response:
        return unexpected(request.scope, error)

    async def invalid(request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)
        return expected(request.scope, invalid_request(error.errors()))

    app.add_exception_handler(HTTPException, refused)
    app.add_exception_handler(RequestValidationError, invalid)
    app.add_exception_handler(GanvasError, ours)


def offered(app: FastAPI, path: str) -> list[str]:
    """The methods that any route offers at `path`; the framework names those of one route only."""

    def offers(method: str) -> bool:
        scope = {"type": "http", "method": method, "path": path, "root_path": "", "headers": []}
        return any(route.matches(scope)[0] is Match.FULL for route in app.routes)

    found = [method for method in METHODS if offers(method)]
    return ["HEAD", *found] if "GET" in found else found  # Heads in app/guard.py answers those


def invalid_request(found: Sequence[Mapping[str, Any]]) -> Invalid:
    """Pydantic's errors with pointers and without what the client sent."""
    errors = [{"pointer": _pointer(item["loc"]), "message": item["msg"]} for item in found]
    first = errors[0] if errors else {"pointer": "#", "message": "it cannot be read"}
    return Invalid(f"{first['pointer']}: {first['message']}.", errors=errors)


def _pointer(location: Sequence[str | int]) -> str:
    """`("body", "budget", "minutes")` as #/budget/minutes; other places keep their name."""
    parts = [str(part)[:64] for part in location]
    if parts[:1] == ["body"]:
        parts = parts[1:]
    return "#" + "".join("/" + part.replace("~", "~0").replace("/", "~1") for part in parts)


def _descendants(kind: type[GanvasError]) -> list[type[GanvasError]]:
    return [kind, *(below for child in kind.__subclasses__() for below in _descendants(child))]
