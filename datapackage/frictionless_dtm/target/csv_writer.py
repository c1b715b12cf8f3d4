"""Writes CSV files and returns their size and sha256. The same rows give the same bytes."""

from __future__ import annotations

import csv
import gzip
import hashlib
import io
import os
from dataclasses import dataclass
from itertools import chain
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, BinaryIO, Final, Protocol, cast

from typing_extensions import override

from frictionless_dtm.target.texts import csv_row, text_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from frictionless_dtm.descriptor.shape import Shape
    from frictionless_dtm.target.rows import Batch, Values

_CHUNK: Final = 1024 * 1024  # characters
_TEXT_AS_IS: Final = {"string", "integer", "date", "datetime", "time", "number"}


@dataclass(frozen=True)
class Written:
    """The number of written bytes, and their sha256 in hexadecimal."""

    bytes: int
    sha256: str


class Output(Protocol):
    """Writes rows in batches."""

    def write(self, batch: Batch) -> None:
        """Write rows."""

    def close(self) -> Written:
        """Write the remaining rows, close the file, and return its size and hash."""


class HashingFile(io.RawIOBase):
    """A new file that counts and hashes the bytes that are written."""

    def __init__(self, path: Path) -> None:  # noqa: D107
        self._file = path.open("xb")
        self._sha256 = hashlib.sha256()
        self._bytes = 0

    @override
    def writable(self) -> bool:
        """Return True."""
        return True

    @override
    def write(self, data: Any) -> int:
        """Write bytes."""
        self._sha256.update(data)
        written = self._file.write(data)
        self._bytes += written
        return written

    @override
    def close(self) -> None:
        """Close the file."""
        if not self.closed:
            self._file.flush()
            os.fsync(self._file.fileno())
            os.fchmod(self._file.fileno(), 0o644) if hasattr(os, "fchmod") else None
            self._file.close()
        super().close()

    @property
    def written(self) -> Written:
        """The size and hash so far."""
        return Written(self._bytes, self._sha256.hexdigest())


class CsvOutput:
    """A CSV file as in RFC 4180, but with LF: UTF-8, a header row, quotes only if needed, and null as an empty cell.

    Args:
        path: The new file. It is gzipped if its name ends with ``.gz``.
        shape: The columns.
        second_row: A row of HXL tags below the header, if any.
    """

    def __init__(self, path: Path, shape: Shape, second_row: Sequence[str] | None = None) -> None:  # noqa: D107
        self._file = HashingFile(path)
        self._out: Any = self._file
        if path.suffix == ".gz":
            # No name and time in the header, so that the same rows give the same bytes. Level 6 is gzip's default.
            self._out = gzip.GzipFile(
                filename="", mode="wb", compresslevel=6, fileobj=cast("BinaryIO", self._file), mtime=0
            )
        self._convert = _as_text(shape)
        self._lines: list[str] = []
        self._csv = csv.writer(SimpleNamespace(write=self._lines.append), lineterminator="\n")
        for row in (shape.names, second_row):
            if row:
                self._out.write("".join(csv_row(row)).encode())

    def write(self, batch: Batch) -> None:
        """Write rows."""
        rows = list(map(self._convert, batch.rows)) if self._convert else batch.rows
        if batch.is_large:
            for text in chain.from_iterable(map(csv_row, rows)):
                for start in range(0, len(text), _CHUNK):
                    self._out.write(text[start : start + _CHUNK].encode())
            return
        lines = self._fast_csv(rows)
        if lines is None:
            lines = "".join(chain.from_iterable(map(csv_row, rows)))
        self._out.write(lines.encode())

    def _fast_csv(self, rows: Sequence[Values]) -> str | None:
        """Return rows as Python's csv module writes them; None if versions of Python differ.

        Python 3.10 to 3.12 do not quote a carriage return, and 3.10 refuses NUL.
        """
        self._lines.clear()
        try:
            self._csv.writerows(rows)
        except csv.Error:
            return None
        text = "".join(self._lines)
        self._lines.clear()
        return None if "\r" in text else text

    def close(self) -> Written:
        """Finish the file."""
        if self._out is not self._file:
            self._out.close()
        self._file.close()
        return self._file.written


def _as_text(shape: Shape) -> Callable[[Values], Values] | None:
    """Return the function that converts the values of a row for csv; None if no value needs it."""
    others = [number for number, column in enumerate(shape.columns) if column.kind not in _TEXT_AS_IS]
    if not others:
        return None

    def convert(values: Values) -> Values:
        row = list(values)
        for number in others:
            row[number] = text_of(row[number])
        return tuple(row)

    return convert
