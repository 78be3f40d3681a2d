"""Images past FastAPI's routing, which takes longer than all else that is done for one of them.

The routes themselves are those of app/generate.py and app/models.py; what is no ordinary request
for an image, or is refused in words of HTTP, goes on to them.
"""

import re
from collections.abc import Awaitable
from typing import Any

from fastapi import Request, Response
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Receive, Scope, Send

from app.generate import Order, generate
from app.looks import Look
from app.models import show_model_image
from app.queries import query_of

SHORT = ("/v1/generate", "/generate")
LASTING = re.compile(
    r"/v1/models/([a-z0-9][a-z0-9_-]{0,63})/versions/([1-9][0-9]{0,8})/images/"
    r"([^/]{1,256})\.(png|webp|jpg|jpeg)"
)
read_order, read_look = query_of(Order), query_of(Look)


class Shortcut:
    """Plain ASGI, inside of everything that guards the routes."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        answer = _answer(scope, receive)
        if answer is None:
            return await self.app(scope, receive, send)
        try:
            response = await answer
        except HTTPException:
            return await self.app(scope, receive, send)
        await response(scope, receive, send)


def _answer(scope: Scope, receive: Receive) -> Awaitable[Response] | None:
    """What is under way for a request that is one for an image."""
    if scope["type"] != "http" or scope["method"] != "GET":
        return None
    if scope["path"] in SHORT:
        return _generated(Request(scope, receive))
    found = LASTING.fullmatch(scope["path"])
    return found and _lasting(Request(scope, receive), *found.groups())


async def _generated(request: Request) -> Response:
    return await generate(request, _services(request), await read_order(request))


async def _lasting(
    request: Request, name: str, version: str, seed: str, extension: str
) -> Response:
    look = await read_look(request)
    held = _services(request)
    return await show_model_image(request, held, name, int(version), seed, extension, look)


def _services(request: Request) -> Any:
    return request.app.state.services
