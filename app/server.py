"""The HTTP server in front of the API: uvicorn, which ends long answers when it is told to stop."""

import socket

import uvicorn
from fastapi import FastAPI

from core.settings import Settings

SHUTDOWN_SECONDS = 5
MAX_CONNECTIONS = 4096


class Server(uvicorn.Server):
    """Event streams and long polls would hold up a stop until their clients leave."""

    def __init__(self, app: FastAPI, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.app = app

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self.app.state.services.streams.closing = True
        await super().shutdown(sockets)


def serve(app: FastAPI, settings: Settings) -> None:
    """Answer until SIGTERM or SIGINT, then finish what was begun."""
    config = uvicorn.Config(
        app,
        host=settings.host.strip("[]"),
        port=settings.port,
        http="httptools",
        ws="none",
        access_log=False,
        server_header=False,
        log_config=None,
        limit_concurrency=MAX_CONNECTIONS,
        timeout_graceful_shutdown=SHUTDOWN_SECONDS,
    )
    Server(app, config).run()
