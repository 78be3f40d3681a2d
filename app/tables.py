"""The complete series of metrics as CSV or Parquet: every step is a row, every metric a column.

The file is read twice, line by line, so that a long training needs no more memory than a short one.
"""

import csv
import io
from array import array
from collections.abc import Iterator
from importlib import import_module
from itertools import islice
from pathlib import Path
from types import ModuleType

from starlette.exceptions import HTTPException

from app.series import Row, row_of

PARQUET = "application/vnd.apache.parquet"
ROWS = 10_000  # of one piece


class Table:
    """The lines of `metrics.jsonl` that count, after the step `since`; `keys`: of these metrics."""

    def __init__(self, path: Path, since: int, keys: list[str] | None) -> None:
        self.path = path
        self._lines, self._steps = array("q"), array("q")
        present: dict[str, None] = {}
        for number, (step, row) in self._read():
            while self._steps and self._steps[-1] >= step:  # a later attempt repeated it
                self._steps.pop()
                self._lines.pop()
            if step > since:
                self._steps.append(step)
                self._lines.append(number)
                present |= dict.fromkeys(row)
        self.names = [name for name in present if keys is None or name in keys]

    def pieces(self) -> Iterator[list[tuple[int, Row]]]:
        """The rows, at most ROWS at a time."""
        rows = self._rows()
        while piece := list(islice(rows, ROWS)):
            yield piece

    def _rows(self) -> Iterator[tuple[int, Row]]:
        wanted = zip(self._lines, self._steps, strict=True)
        line, expected = next(wanted, (-1, -1))
        for number, (step, row) in self._read():
            if number != line:
                continue
            if step != expected:  # an attempt that began meanwhile has rewritten the file
                return
            yield step, row
            line, expected = next(wanted, (-1, -1))

    def _read(self) -> Iterator[tuple[int, tuple[int, Row]]]:
        if not self.path.exists():
            return
        with open(self.path, encoding="utf-8", errors="replace") as file:
            for number, line in enumerate(file):
                found = row_of(line)
                if found is not None:
                    yield number, found


def csv_pieces(table: Table) -> Iterator[str]:
    """A missing value is an empty field."""
    yield _csv([["step", *table.names]])
    for piece in table.pieces():
        yield _csv([[step, *(row.get(name) for name in table.names)] for step, row in piece])


def _csv(rows: list[list[object]]) -> str:
    file = io.StringIO()
    csv.writer(file).writerows(rows)
    return file.getvalue()


def parquet_pieces(table: Table) -> Iterator[bytes]:
    """`step` is int64, metrics are float64, a missing value is null. Raises HTTPException (406)."""
    arrow, parquet = library("pyarrow"), library("pyarrow.parquet")
    columns = [("step", arrow.int64()), *((name, arrow.float64()) for name in table.names)]
    return _written(table, arrow, parquet, arrow.schema(columns))


def _written(
    table: Table, arrow: ModuleType, parquet: ModuleType, schema: object
) -> Iterator[bytes]:
    sink = Sink()
    with parquet.ParquetWriter(sink, schema) as writer:
        for piece in table.pieces():
            columns = {"step": [step for step, _ in piece]}
            columns |= {name: [row.get(name) for _, row in piece] for name in table.names}
            writer.write_table(arrow.table(columns, schema=schema))
            yield sink.take()
    yield sink.take()


class Sink(io.RawIOBase):
    """A file that is given away while it is written."""

    def __init__(self) -> None:
        self._kept, self._position = bytearray(), 0

    def writable(self) -> bool:
        return True

    def write(self, content: object) -> int:
        size = memoryview(content).nbytes  # type: ignore[arg-type]  # whatever pyarrow hands over
        self._kept += content  # type: ignore[arg-type]
        self._position += size
        return size

    def tell(self) -> int:
        return self._position

    def take(self) -> bytes:
        content = bytes(self._kept)
        self._kept.clear()
        return content


def library(name: str) -> ModuleType:
    """A part of pyarrow. It is loaded when it is first asked for: it brings numpy along."""
    try:
        return import_module(name)
    except ImportError:
        raise HTTPException(
            406,
            "Parquet needs pyarrow beside the API: pip install 'ganvas[tracking]'. Without it "
            "there are JSON, and CSV with the same rows (Accept: text/csv).",
        ) from None
