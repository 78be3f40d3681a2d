"""Ids: one regular expression for everything that may become part of a path or a key."""

import re
import secrets
import time
from typing import Annotated

from pydantic import StringConstraints

PATTERN = r"^[a-z0-9][a-z0-9_-]{0,63}$"
_MATCH = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"  # Crockford's base 32: sorts as the number does

Id = Annotated[str, StringConstraints(pattern=PATTERN, max_length=64)]


def is_id(text: object) -> bool:
    """True when `text` may be used as an id. The whole text has to match, newlines included."""
    return isinstance(text, str) and _MATCH.fullmatch(text) is not None


def new_id(kind: str) -> str:
    """A fresh id such as `job-01k8x...`: ids of one kind sort by their microsecond of creation."""
    milliseconds, microseconds = divmod(time.time_ns() // 1000, 1000)
    number = (milliseconds << 40) | (microseconds << 30) | secrets.randbits(30)
    digits = [_ALPHABET[(number >> shift) & 31] for shift in range(85, -1, -5)]
    return f"{kind}-{''.join(digits)}"


def secret_id(kind: str) -> str:
    """A fresh id such as `up-3v9x...` that nobody can guess: 130 random bits."""
    return f"{kind}-{''.join(secrets.choice(_ALPHABET) for _ in range(26))}"


def slug(text: str, fallback: str) -> str:
    """A display name turned into an id: lower case, other characters become hyphens."""
    words = re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:64].rstrip("-")
    return words or fallback
