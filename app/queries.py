"""Query parameters as one record: quicker than FastAPI's own reading of them, and strict."""

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar
from urllib.parse import parse_qsl

from fastapi import Request
from pydantic import ValidationError

from app.errors import invalid_request
from core.errors import Invalid
from core.schemas import Record

Q = TypeVar("Q", bound=Record)


def query_of(kind: type[Q]) -> Callable[[Request], Awaitable[Q]]:
    """A dependency that reads the query as a `kind`. Raises Invalid, naming what there is."""

    known = [field.alias or name for name, field in kind.model_fields.items()]

    async def read(request: Request) -> Q:
        given = dict(parse_qsl(request.scope["query_string"].decode("latin-1"), True))
        require_known(given, known)
        try:
            return kind.model_validate(given)
        except ValidationError as error:
            found = error.errors(include_url=False, include_context=False, include_input=False)
            raise invalid_request(
                [{"loc": ("query", *item["loc"]), "msg": item["msg"]} for item in found]
            ) from error

    return read


def only_query(*allowed: str) -> Callable[[Request], Awaitable[None]]:
    """A dependency that refuses misspelt query parameters."""

    async def check(request: Request) -> None:
        require_known(request.query_params, allowed)

    return check


def require_known(given: Any, allowed: Any) -> None:
    """Raise Invalid when a name in `given` is not allowed."""
    unknown = [name for name in given if name not in allowed]
    if unknown:
        message = f"There are: {', '.join(allowed)}."
        errors = [{"pointer": f"#/query/{name[:64]}", "message": message} for name in unknown]
        raise Invalid(f"A query parameter is not known. {message}", errors=errors)


def refused(field: str, message: str) -> Invalid:
    """A query parameter that is wrong."""
    return refused_at(f"#/query/{field}", message)


def refused_at(pointer: str, message: str) -> Invalid:
    """Whatever is wrong at one place of a request."""
    return Invalid(message, errors=[{"pointer": pointer, "message": message}])


def documented(kind: type[Record]) -> dict[str, Any]:
    """The OpenAPI parameters of `kind`, for `openapi_extra`."""
    whole = kind.model_json_schema()
    parameters = [
        {
            "name": name,
            "in": "query",
            "required": name in whole.get("required", ()),
            "description": schema.get("description", ""),
            "schema": {key: value for key, value in schema.items() if key != "description"},
        }
        for name, schema in whole["properties"].items()
    ]
    return {"parameters": parameters}
