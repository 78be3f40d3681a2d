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
    sockets = [shared_port(settings)] if settings.share_port else None
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
    Server(app, config).run(sockets)


def shared_port(settings: Settings) -> socket.socket:
    """A socket whose port others may have too: the system gives each connection to one of them.

    Raises OSError, also where the system knows no such thing.
    """
    host = settings.host.strip("[]")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    listener.bind((host, settings.port))
    return listener
