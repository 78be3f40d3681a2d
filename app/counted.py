"""Counts every request at the door: by route and status, images also by the time they take."""

import time

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.counters import IMAGE_TIMES, Counters

IMAGE = "generate"  # one image, or one grid, also at its lasting address
ROUTES = frozenset(
    {"catalogue", "datasets", "estimate", "evaluate", "events", "generate", "generations"}
    | {"healthz", "images", "interpolate", "jobs", "metrics", "models", "readyz", "storage"}
    | {"store", "train", "uploads", "version", "workers"}
)
OTHER = "other"  # the page, the documentation, and what there is not
REFUSING = (429, 503)
PROBE = "readyz"  # its 503 puts nobody off


class Counted:
    """Plain ASGI, outside of all else. An image has taken its time when its answer begins."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        began = time.perf_counter()
        codes: list[str] = []
        scope["codes"] = codes  # of the problems that are answered

        async def counted(message: Message) -> None:
            if message["type"] == "http.response.start":
                seconds, status = time.perf_counter() - began, message["status"]
                counters: Counters = scope["app"].state.services.counters
                route = route_of(scope["path"])
                count(counters, route, status, seconds)
                if status in REFUSING and route != PROBE:
                    counters.add("refusals", codes[-1] if codes else OTHER)
            await send(message)

        await self.app(scope, receive, counted)


def count(counters: Counters, route: str, status: int, seconds: float) -> None:
    """One answered request. Those without an image say nothing of how long images take."""
    counters.add("requests", route, str(status))
    if route == IMAGE and status < 400:
        counters.observe(IMAGE_TIMES, seconds)


def route_of(path: str) -> str:
    """The first name of a path, of which there are few, whatever clients ask for."""
    name = path.removeprefix("/v1")[1:].partition("/")[0]
    if name == "models" and "/images/" in path:
        return IMAGE
    return name if name in ROUTES else OTHER
