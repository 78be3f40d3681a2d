"""ETags: which of them the client has, and those of what is made of images."""

import hashlib
import json
from typing import Any

from fastapi import Request


def client_has(request: Request, etag: str) -> bool:
    """Whether the client says that it has the answer with this ETag already."""
    return matches(",".join(request.headers.getlist("if-none-match")), etag)


def matches(if_none_match: str, etag: str) -> bool:
    """Whether the header names this ETag (weak comparison)."""
    tags = (tag.strip().removeprefix("W/") for tag in if_none_match.split(","))
    return any(tag in ("*", etag.removeprefix("W/")) for tag in tags)


def kept_as(etag: str) -> str:
    """The name of an image in the cache."""
    return etag.removeprefix("W/").strip('"')


def derived(etag: str, *facts: Any) -> str:
    """Of an answer made of images by these facts; `etag`: of the first image or of all. Weak where
    that is."""
    text = json.dumps([kept_as(etag), *facts], sort_keys=True)
    weak = "W/" if etag.startswith("W/") else ""
    return f'{weak}"{hashlib.sha256(text.encode()).hexdigest()[:32]}"'
