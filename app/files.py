"""Sending our own files: plain, small, and never through a link."""

import os
from pathlib import Path

from fastapi import Response

from core.errors import NotFound


def read_plain(path: Path, last: int | None = None) -> bytes:
    """The content of a file, or its last bytes. Raises NotFound."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
    except OSError as error:
        raise NotFound("There is no such file yet.") from error
    with open(handle, "rb") as file:
        if last is not None:
            file.seek(max(0, os.fstat(handle).st_size - last))
        return file.read()


def send(path: Path, media_type: str, caching: str) -> Response:
    """The file as an answer."""
    return Response(read_plain(path), media_type=media_type, headers={"Cache-Control": caching})
