"""The OpenAPI description: errors are problems, everywhere, and nothing else."""

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from app.errors import MEDIA_TYPE, Problem

REFERENCE = "#/components/schemas/{model}"
CONTENT = {MEDIA_TYPE: {"schema": {"$ref": REFERENCE.format(model="Problem")}}}
PROBLEMS: dict[int | str, dict[str, Any]] = {
    "4XX": {"description": "The request was refused: see `code` and `errors`.", "content": CONTENT},
    "5XX": {"description": "The service could not do it.", "content": CONTENT},
}
DESCRIPTION = (
    "Upload images, train a GAN, get images by seed. "
    "Errors are RFC 9457 problems with a stable `code`."
)


def openapi(app: FastAPI) -> dict[str, Any]:
    """The description of all routes, made once."""
    if app.openapi_schema is None:
        schema = get_openapi(
            title=app.title, version=app.version, description=DESCRIPTION, routes=app.routes
        )
        problem = Problem.model_json_schema(ref_template=REFERENCE)
        schemas = schema.setdefault("components", {}).setdefault("schemas", {})
        schemas |= problem.pop("$defs", {}) | {"Problem": problem}
        app.openapi_schema = schema
    return app.openapi_schema
