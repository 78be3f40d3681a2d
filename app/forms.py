"""A multipart/form-data body, parsed while it arrives: every file part becomes a numbered file."""

import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from core.errors import Invalid, TooLarge
from core.files import write_json

MAX_FILES = 100_000
MAX_NAME = 1024  # characters that are kept of a name
ARCHIVE_NAMES = (".zip", ".tar", ".tar.gz", ".tgz")


class FormSink:
    """Writes `files/000001` ... and `files/names.json`; a single archive becomes `source`."""

    def __init__(self, folder: Path, content_type: str) -> None:
        _, options = parse_options_header(content_type)
        boundary = options.get(b"boundary")
        if not boundary:
            raise Invalid("The Content-Type of the form names no boundary.")
        self.digest = hashlib.sha256()
        self.names: list[str] = []
        self._source = folder / "source"
        self._files = folder / "files"
        self._files.mkdir(mode=0o700)
        self._file: BinaryIO | None = None
        self._header = self._value = self._disposition = b""
        self._ended = False
        self._parser = MultipartParser(boundary, self._callbacks())  # pyright: ignore

    def write(self, block: bytes) -> None:
        """Parse some more. Raises Invalid, TooLarge."""
        try:
            self._parser.write(block)
        except FormParserError as error:
            raise Invalid("The form cannot be read as multipart/form-data.") from error

    def finish(self) -> None:
        """Check that the form is whole, and make it durable."""
        if not self._ended:
            raise Invalid("The form ends in the middle of a part.")
        if not self.names:
            raise Invalid("The form holds no file: send images, or one archive.")
        if len(self.names) == 1 and self.names[0].lower().endswith(ARCHIVE_NAMES):
            os.rename(self._files / _number(1), self._source)
            self._files.rmdir()
        else:
            self._list()
        os.sync()

    def close(self) -> None:
        if self._file is not None:
            self._file.close()

    def _list(self) -> None:
        files = [
            {"stored": _number(index), "name": name}
            for index, name in enumerate(self.names, start=1)
        ]
        write_json(self._files / "names.json", {"files": files})

    def _callbacks(self) -> dict[str, Callable[..., None]]:
        return {
            "on_part_begin": self._begin,
            "on_header_field": self._on_field,
            "on_header_value": self._on_value,
            "on_header_end": self._on_header,
            "on_headers_finished": self._open,
            "on_part_data": self._on_data,
            "on_part_end": self.close,
            "on_end": self._end,
        }

    def _begin(self) -> None:
        self._header = self._value = self._disposition = b""

    def _on_field(self, data: bytes, start: int, end: int) -> None:
        self._header += data[start:end]

    def _on_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _on_header(self) -> None:
        if self._header.lower() == b"content-disposition":
            self._disposition = self._value
        self._header = self._value = b""

    def _open(self) -> None:
        _, options = parse_options_header(self._disposition)
        if b"filename" not in options:
            raise Invalid("A part of the form is no file. Name the data set with ?name= instead.")
        if len(self.names) == MAX_FILES:
            raise TooLarge(f"A form holds at most {MAX_FILES} files; send an archive instead.")
        name = options[b"filename"].decode("utf-8", "replace")[:MAX_NAME]
        self.names.append(name)
        self.digest.update(len(name).to_bytes(4, "big") + name.encode())
        self._file = open(self._files / _number(len(self.names)), "xb")  # noqa: SIM115 - closed in close()

    def _on_data(self, data: bytes, start: int, end: int) -> None:
        assert self._file is not None
        self.digest.update(data[start:end])
        self._file.write(data[start:end])

    def _end(self) -> None:
        self._ended = True


def _number(index: int) -> str:
    return f"{index:06d}"
