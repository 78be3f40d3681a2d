"""The front desk's entrance: `create_app` builds the API, `python -m app.main` serves it."""

import logging
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI
from fastapi.routing import APIRoute
from starlette.types import ASGIApp, Receive, Scope, Send

from app import (
    actions,
    activity,
    aliases,
    archives,
    cards,
    checkpoints,
    compare,
    dashboard,
    datasets,
    directions,
    docs,
    errors,
    estimate,
    evaluate,
    exports,
    generate,
    generations,
    health,
    inspection,
    interpolate,
    job_list,
    jobs,
    metrics,
    models,
    openai,
    pins,
    resumable,
    runs,
    storage,
    store,
    train,
)
from app.counted import Counted
from app.guard import Bodies, Failures, Guard, Heads
from app.schema import PROBLEMS, openapi
from app.services import open_services
from app.shortcut import Shortcut
from core.crashpoints import arm
from core.errors import Invalid
from core.settings import Settings
from core.version import own_version

# Their uploads are bounded where they are read.
STREAMED = ("/v1/datasets", "/v1/models", "/v1/images/inspect", "/v1/uploads/")


class Front(FastAPI):
    """FastAPI behind our own door: what is answered at the door passes none of its layers."""

    door: ASGIApp

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            return await super().__call__(scope, receive, send)
        scope["app"] = self
        await self.door(scope, receive, send)


def create_app(settings: Settings | None = None) -> FastAPI:
    """The API. Without `settings` they are read from the environment."""
    chosen = settings or Settings()

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with open_services(chosen) as services:
            app.state.services = services
            yield

    app = Front(
        title="Ganvas",
        version=own_version() or "0",
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        swagger_ui_oauth2_redirect_url=None,
        responses=PROBLEMS,
        generate_unique_id_function=_operation_id,
        redirect_slashes=False,
    )
    app.openapi = lambda: openapi(app)
    _route(app)
    errors.install(app)
    app.add_middleware(Failures)  # before the framework answers itself
    images = Failures(Shortcut(super(Front, app).__call__))
    bodies = Bodies(images, limit=chosen.max_body_bytes, streamed=STREAMED)
    app.door = Counted(Guard(Heads(bodies), hosts=chosen.allowed_hosts))
    return app


def _route(app: FastAPI) -> None:
    """All routes under /v1, the two short aliases, and what is not versioned.

    The first match is taken, so what has to be quick comes first.
    """
    app.include_router(generate.router, prefix="/v1")
    app.include_router(generate.router, include_in_schema=False)
    for part in (interpolate, generations):
        app.include_router(part.router, prefix="/v1")
    for part in (
        compare,
        models,
        aliases,
        pins,
        archives,
        cards,
        directions,
        exports,
        inspection,
        openai,
        store,
        storage,
        estimate,
        evaluate,
        job_list,
        jobs,
        actions,
        activity,
        runs,
        checkpoints,
        datasets,
        resumable,
        train,
        health,
    ):
        app.include_router(part.router, prefix="/v1")
    app.include_router(train.router, include_in_schema=False)
    app.include_router(health.about)
    app.include_router(metrics.router)
    app.include_router(docs.router)
    app.include_router(dashboard.router_of(dashboard.FOLDER))
    app.include_router(compare.style)
    app.include_router(cards.style)


def _operation_id(route: APIRoute) -> str:
    return route.name


def main() -> None:
    """Serve until told to stop."""
    from app.server import serve  # uvicorn is loaded by the process that serves only

    os.umask(0o077)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    settings = Settings()
    try:
        settings.folders.create()
    except Invalid as error:
        raise SystemExit(error.detail) from error
    arm(settings.crash_at, settings.home)
    serve(create_app(settings), settings)


if __name__ == "__main__":
    main()
