"""The files of one table: the same rows in each of the formats. The same rows give the same bytes."""

from __future__ import annotations

import csv
import gzip
import io
from contextlib import ExitStack
from itertools import chain
from typing import TYPE_CHECKING, Any, Final

from frictionless_dtm.descriptor.package import DataFile, hxl_tags
from frictionless_dtm.target.manifest import make_permanent, sha256_of
from frictionless_dtm.target.rows import LARGE
from frictionless_dtm.target.texts import csv_row, text_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from frictionless_dtm.descriptor.profile import Resource
    from frictionless_dtm.descriptor.settings import Settings
    from frictionless_dtm.descriptor.shape import Shape
    from frictionless_dtm.target.parquet_writer import ParquetOutput
    from frictionless_dtm.target.rows import Batch, Values


_CHUNK: Final = 1024 * 1024  # characters
_TEXT_AS_IS: Final = {"string", "integer", "date", "datetime", "time", "number"}


def write_files(  # noqa: PLR0913
    table: Path,
    shape: Shape,
    resource: Resource | None,
    batches: Iterable[Batch],
    *,
    settings: Settings,
    redistribution: str,
    largest: int,
) -> tuple[int, tuple[DataFile, ...]]:
    """Write the files of a table, and return the number of its rows and the files.

    ``table`` is their path without the ending, and ``largest`` the size of the largest row.
    """
    paths = {each: table.with_name(f"{table.name}.{each}") for each in settings.formats}
    outputs: list[_CsvOutput | ParquetOutput] = []
    rows = 0
    with ExitStack() as closing:
        for each, path in paths.items():
            if each == "parquet":
                from frictionless_dtm.target.parquet_writer import ParquetOutput  # noqa: PLC0415  pyarrow loads slowly

                terms = {"redistribution": redistribution, "permission": settings.permission}
                outputs.append(ParquetOutput(path, shape, resource, terms, largest=largest))
            else:
                tags = hxl_tags(shape, resource) if settings.include_hxl_row else None
                outputs.append(_CsvOutput(path, shape, tags))
            closing.callback(outputs[-1].close)
        for batch in batches:
            rows += len(batch.rows)
            for output in outputs:
                output.write(batch)
    files = []
    for each, path in paths.items():
        make_permanent(path)
        files.append(DataFile(f"data/{path.name}", each, path.stat().st_size, sha256_of(path)))
    return rows, tuple(files)


class _CsvOutput:
    """A CSV file as in RFC 4180, but with LF: UTF-8, a header row, quotes only if needed, and null as an empty cell.

    It is gzipped if its name ends with ``.gz``.
    """

    def __init__(self, path: Path, shape: Shape, second_row: Sequence[str] | None = None) -> None:
        self._files = ExitStack()
        file: Any = self._files.enter_context(path.open("xb"))
        if path.suffix == ".gz":
            # No name and time in the header, so that the same rows give the same bytes. Level 6 is gzip's default.
            packed = gzip.GzipFile(filename="", mode="wb", compresslevel=6, fileobj=file, mtime=0)
            file = self._files.enter_context(packed)
        self._write = file.write
        self._to_convert = [number for number, each in enumerate(shape.columns) if each.kind not in _TEXT_AS_IS]
        for row in (shape.names, second_row):
            if row:
                self._write("".join(csv_row(row)).encode())

    def write(self, batch: Batch) -> None:
        """Write rows."""
        rows = list(map(self._as_text, batch.rows)) if self._to_convert else batch.rows
        if batch.bytes <= LARGE:
            lines = _fast_csv(rows)
            self._write(("".join(chain.from_iterable(map(csv_row, rows))) if lines is None else lines).encode())
            return
        for text in chain.from_iterable(map(csv_row, rows)):
            for start in range(0, len(text), _CHUNK):
                self._write(text[start : start + _CHUNK].encode())

    def _as_text(self, values: Values) -> Values:
        row = list(values)
        for number in self._to_convert:
            row[number] = text_of(row[number])
        return tuple(row)

    def close(self) -> None:
        """Finish the file."""
        self._files.close()


def _fast_csv(rows: Sequence[Values]) -> str | None:
    """Return rows as Python's csv module writes them; None if versions of Python differ.

    Python 3.10 to 3.12 do not quote a carriage return, and 3.10 refuses NUL.
    """
    lines = io.StringIO(newline="")
    try:
        csv.writer(lines, lineterminator="\n").writerows(rows)
    except csv.Error:
        return None
    text = lines.getvalue()
    return None if "\r" in text else text
