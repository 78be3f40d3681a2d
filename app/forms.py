"""multipart/form-data bodies, parsed while they arrive: the images of a data set, or one file."""

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
ONE_PART = "Send a form with one part, which is the file."
ARCHIVE_NAMES = (".zip", ".tar", ".tar.gz", ".tgz")


class FileParts:
    """Tells of each file of a form: its name (None: the part is no file), its bytes, its end."""

    def __init__(
        self,
        content_type: str,
        begin: Callable[[str | None], None],
        data: Callable[[bytes], None],
        end: Callable[[], None],
    ) -> None:
        """Raises Invalid when the content type names no boundary."""
        _, options = parse_options_header(content_type)
        boundary = options.get(b"boundary")
        if not boundary:
            raise Invalid("The Content-Type of the form names no boundary.")
        self._tell = begin
        self._header = self._value = self._disposition = b""
        self._ended = False
        callbacks: dict[str, Callable[..., None]] = {
            "on_part_begin": self._begin,
            "on_header_field": self._on_field,
            "on_header_value": self._on_value,
            "on_header_end": self._on_header,
            "on_headers_finished": self._open,
            "on_part_data": lambda block, start, stop: data(block[start:stop]),
            "on_part_end": end,
            "on_end": self._end,
        }
        self._parser = MultipartParser(boundary, callbacks)  # pyright: ignore

    def write(self, block: bytes) -> None:
        """Parse some more. Raises Invalid."""
        try:
            self._parser.write(block)
        except FormParserError as error:
            raise Invalid("The form cannot be read as multipart/form-data.") from error

    def finish(self) -> None:
        """Raises Invalid when the form is not whole."""
        if not self._ended:
            raise Invalid("The form ends in the middle of a part.")

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
        name = options.get(b"filename")
        self._tell(None if name is None else name.decode("utf-8", "replace")[:MAX_NAME])

    def _end(self) -> None:
        self._ended = True


def only_file(body: bytes, content_type: str) -> bytes:
    """The one file of a form that has arrived. Raises Invalid."""
    names: list[str] = []
    content = bytearray()

    def begin(name: str | None) -> None:
        if name is None or names:
            raise Invalid(ONE_PART)
        names.append(name)

    parts = FileParts(content_type, begin, content.extend, lambda: None)
    parts.write(body)
    parts.finish()
    if not names:
        raise Invalid(ONE_PART)
    return bytes(content)


class FormSink:
    """Writes `files/000001` ... and `files/names.json`; a single archive becomes `source`."""

    def __init__(self, folder: Path, content_type: str) -> None:
        self._parts = FileParts(content_type, self._open, self._on_data, self.close)
        self.digest = hashlib.sha256()
        self.names: list[str] = []
        self._source = folder / "source"
        self._files = folder / "files"
        self._files.mkdir(mode=0o700)
        self._file: BinaryIO | None = None

    def write(self, block: bytes) -> None:
        """Parse some more. Raises Invalid, TooLarge."""
        self._parts.write(block)

    def finish(self) -> None:
        """Check that the form is whole, and make it durable."""
        self._parts.finish()
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

    def _open(self, name: str | None) -> None:
        if name is None:
            raise Invalid("A part of the form is no file. Name the data set with ?name= instead.")
        if len(self.names) == MAX_FILES:
            raise TooLarge(f"A form holds at most {MAX_FILES} files; send an archive instead.")
        self.names.append(name)
        self.digest.update(len(name).to_bytes(4, "big") + name.encode())
        self._file = open(self._files / _number(len(self.names)), "xb")  # noqa: SIM115 - closed in close()

    def _on_data(self, data: bytes) -> None:
        assert self._file is not None
        self.digest.update(data)
        self._file.write(data)


def _number(index: int) -> str:
    return f"{index:06d}"
