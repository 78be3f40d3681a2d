"""What every reader of archives obeys: the limits, the names, and the shape of an entry.

No size that an archive declares is trusted: bytes are counted as they come out of the inflater.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from core.errors import CorruptArchive, TooLarge, UnsafePath

_JUNK = frozenset({"thumbs.db", "desktop.ini", "__macosx"})
_DRIVE = re.compile(r"[A-Za-z]:")


@dataclass(frozen=True, kw_only=True)
class Limits:
    """How much an archive may hold. `ratio` counts beyond the first `free_bytes` of an entry."""

    total_bytes: int = 20 * 2**30
    entry_bytes: int = 64 * 2**20
    entries: int = 1_000_000
    name_bytes: int = 1024
    ratio: int = 200
    free_bytes: int = 16 * 2**20


LIMITS = Limits()
CHUNK = 1 << 16


@dataclass(frozen=True, kw_only=True)
class Entry:
    """A regular file in an archive. `read` works until the next entry is asked for."""

    name: str  # clean: parts joined by "/", none of them empty, "." or ".."
    read: Callable[[], bytes]


class Meter:
    """Counts what has come out of one archive, and refuses to go on beyond the limits."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.entries = 0
        self.bytes = 0

    def count_entry(self) -> None:
        self.entries += 1
        if self.entries > self.limits.entries:
            raise TooLarge(f"The archive has more than {self.limits.entries:,} entries.")

    def count_bytes(self, number: int) -> None:
        self.bytes += number
        if self.bytes > self.limits.total_bytes:
            raise TooLarge(
                f"The archive holds more than {self.limits.total_bytes:,} bytes when unpacked."
            )

    def check_entry(self, name: str, inflated: int, packed: int) -> None:
        """Stop an entry that grows too far, or too far for what it was made from."""
        if inflated > self.limits.entry_bytes:
            raise TooLarge(
                f"{name!r} is larger than {self.limits.entry_bytes:,} bytes when unpacked.",
                errors=[{"file": name, "detail": "too large"}],
            )
        if inflated > self.limits.free_bytes + self.limits.ratio * packed:
            raise TooLarge(
                f"{name!r} grows more than {self.limits.ratio}-fold when unpacked: images do not.",
                errors=[{"file": name, "detail": "grows too far"}],
            )

    def collect(self, name: str, pieces: Iterator[tuple[bytes, int]]) -> bytes:
        """Join the pieces of an entry; each comes with the packed bytes it was made from."""
        content = bytearray()
        for piece, packed in pieces:
            content += piece
            self.check_entry(name, len(content), packed)
        return bytes(content)


def text_of(raw: bytes) -> str:
    """A stored name as text: UTF-8, or else code page 437 as the first zip programs had it."""
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return raw.decode("cp437")


def plain(text: str) -> str:
    """The text without lone surrogates, which no UTF-8 file can hold."""
    return text.encode(errors="replace").decode()


def clean_name(name: str, limits: Limits) -> str:
    """The name without "." parts. Raises UnsafePath for whatever might leave the folder."""
    name = plain(name)
    if len(name.encode()) > limits.name_bytes:
        raise TooLarge(f"A name in the archive is longer than {limits.name_bytes:,} bytes.")
    if "\0" in name:
        raise _unsafe(name, "holds a NUL character")
    if "\\" in name:
        raise _unsafe(name, "holds a backslash: write folders with /")
    if name.startswith("/") or _DRIVE.match(name):
        raise _unsafe(name, "is absolute: names have to be relative")
    parts = [part for part in name.split("/") if part not in ("", ".")]
    if ".." in parts:
        raise _unsafe(name, "leads out of its folder by '..'")
    if not parts and not name.endswith(("/", ".")):
        raise _unsafe(name, "is empty")
    return "/".join(parts)


def not_a_file(name: str, what: str) -> UnsafePath:
    return _unsafe(name, f"is {what}: only regular files and folders are accepted")


def damaged(what: str) -> CorruptArchive:
    return CorruptArchive(f"The archive cannot be read: {what}. Pack it again and upload it anew.")


def is_junk(name: str) -> bool:
    """Hidden files and what operating systems leave behind; ignored without a word."""
    parts = name.split("/")
    return any(part.startswith(".") or part.lower() in _JUNK for part in parts)


def _unsafe(name: str, what: str) -> UnsafePath:
    shown = name if len(name) <= 200 else name[:200] + "..."
    return UnsafePath(
        f"The entry {shown!r} {what}. Nothing of the archive was taken.",
        errors=[{"file": shown, "detail": what}],
    )
