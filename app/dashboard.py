"""GET /: the dashboard's built files, from `app/page`; without them, a page that says what to do.

It is a client of the REST API like any other (dashboard/): nothing here knows what it shows. Its
addresses are behind the #, so that every other path is the API's.
"""

import gzip
from functools import lru_cache
from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, Request, Response
from fastapi import Path as InPath

from app.files import read_plain
from core.errors import NotFound

FOLDER = Path(__file__).parent / "page"  # made by `make setup`, part of the wheel
TYPES = {".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml"}
FOR_EVER = "public, max-age=31536000, immutable"  # the names of assets change with their content
Asset = Annotated[str, InPath(pattern=r"^[A-Za-z0-9_-]{1,64}\.(js|css|svg)$")]
NOT_BUILT = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>Ganvas</title>
<h1>Ganvas is up; its dashboard is not built</h1>
<p>Building it needs packages from npm, which could not be fetched. Run <code>make setup</code>
again where they can be, or <code>python dashboard/run.py build</code>, then reload this page.</p>
<p>Everything else works without: <a href="/docs">the API</a>, and <code>ganvas --help</code>.</p>
</html>
"""


def router_of(folder: Path) -> APIRouter:
    """The routes that send the files of `folder`."""
    router = APIRouter(include_in_schema=False)

    @router.get("/")
    def show_dashboard(request: Request) -> Response:
        try:
            return _file(request, folder / "index.html", "text/html", "no-cache")
        except NotFound:
            return Response(NOT_BUILT, 503, {"Cache-Control": "no-store"}, "text/html")

    @router.get("/icon.svg")
    def show_dashboard_icon(request: Request) -> Response:
        return _file(request, folder / "icon.svg", TYPES[".svg"], "public, max-age=86400")

    @router.get("/assets/{name}")
    def show_dashboard_asset(request: Request, name: Asset) -> Response:
        return _file(request, folder / "assets" / name, TYPES[Path(name).suffix], FOR_EVER)

    return router


def _file(request: Request, path: Path, media_type: str, caching: str) -> Response:
    """A file, compressed for whoever takes it. Raises NotFound."""
    content, headers = read_plain(path), {"Cache-Control": caching, "Vary": "Accept-Encoding"}
    if "gzip" in request.headers.get("accept-encoding", ""):
        content, headers["Content-Encoding"] = _compressed(content), "gzip"
    return Response(content, headers=headers, media_type=media_type)


@lru_cache(maxsize=32)
def _compressed(content: bytes) -> bytes:
    return gzip.compress(content, mtime=0)
