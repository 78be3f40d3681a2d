"""A small real HTTP server whose answers a test writes down beforehand."""

import json
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self


@dataclass(frozen=True, kw_only=True)
class Received:
    method: str
    path: str  # with the query
    headers: Message
    body: bytes


@dataclass(frozen=True, kw_only=True)
class Answer:
    """`pieces` are sent one by one and then the connection is closed, complete or not."""

    status: int = 200
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    pieces: Iterable[bytes] | None = None
    hang_up: bool = False  # close the connection without an answer


class LocalServer:
    """Answers each `METHOD /path` with the next of its answers; the last one is repeated."""

    def __init__(self) -> None:
        self.received: list[Received] = []
        self._answers: dict[str, list[Answer | Callable[[Received], Answer]]] = {}
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = False
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def on(self, what: str, *answers: Answer | Callable[[Received], Answer]) -> None:
        self._answers[what] = list(answers)

    def sent(self, what: str) -> list[Received]:
        """The requests of this method and path that came so far."""
        return [r for r in self.received if f"{r.method} {r.path.partition('?')[0]}" == what]

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def answer(self, request: Received) -> Answer:
        self.received.append(request)
        answers = self._answers.get(f"{request.method} {request.path.partition('?')[0]}")
        if not answers:
            return problem(404, "not_found", f"The test has no {request.method} {request.path}.")
        found = answers.pop(0) if len(answers) > 1 else answers[0]
        return found if isinstance(found, Answer) else found(request)

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        server = self

        class Handler(BaseHTTPRequestHandler):
            def handle_one(self) -> None:
                length = int(self.headers.get("Content-Length", 0))
                request = Received(
                    method=self.command,
                    path=self.path,
                    headers=self.headers,
                    body=self.rfile.read(length),
                )
                self.close_connection = True
                answer = server.answer(request)
                if not answer.hang_up:
                    self._send(answer)

            do_GET = do_POST = do_DELETE = do_PUT = do_PATCH = handle_one

            def _send(self, answer: Answer) -> None:
                self.send_response(answer.status)
                for name, value in answer.headers.items():
                    self.send_header(name, value)
                self.send_header("Connection", "close")
                body = answer.body
                content = body if isinstance(body, bytes) else json.dumps(body).encode()
                if answer.pieces is None:
                    self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                for piece in [content] if answer.pieces is None else answer.pieces:
                    self.wfile.write(piece)
                    self.wfile.flush()

            def log_message(self, format: str, *args: Any) -> None:
                pass

        return Handler


def problem(status: int, code: str, detail: str, **more: Any) -> Answer:
    return Answer(
        status=status,
        body={"status": status, "code": code, "detail": detail, **more},
        headers={"Content-Type": "application/problem+json"},
    )


def job(state: str = "queued", version: int = 1, **more: Any) -> dict[str, Any]:
    """A job as the service sends it."""
    facts = {"id": "job-1", "kind": "train", "state": state, "version": version}
    return {"object": "job", **facts, "created_at": "2026-01-01T00:00:00Z", **more}


def dataset(state: str = "ready", **more: Any) -> dict[str, Any]:
    facts = {"id": "ds-1", "name": "cats", "state": state, "created_at": "2026-01-01T00:00:00Z"}
    ready = {"images": 3, "channels": 3, "resolutions": [32, 64], "skipped": 1}
    return {"object": "dataset", **facts, **(ready if state == "ready" else {}), **more}


def page(*records: dict[str, Any]) -> dict[str, Any]:
    return {"object": "list", "data": list(records), "has_more": False}


def sse(identity: str, kind: str, data: Any) -> bytes:
    return f"id: {identity}\nevent: {kind}\ndata: {json.dumps(data)}\n\n".encode()
