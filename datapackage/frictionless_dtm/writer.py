"""Data files: rows in, bytes and their sha256 out. Same rows, same bytes."""

from __future__ import annotations

import csv
import gzip
import hashlib
import io
import json
import os
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any, BinaryIO, Final, Protocol, cast

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from pathlib import Path

    from frictionless_dtm.records import Values
    from frictionless_dtm.shape import Shape

BATCH: Final = 5_000
_TEXT_AS_IS: Final = {"string", "integer", "date", "datetime", "time", "number"}


@dataclass(frozen=True)
class Written:
    """What was written: the number of bytes and their sha256 in hexadecimal."""

    bytes: int
    sha256: str


class Output(Protocol):
    """Takes rows in batches."""

    def write(self, rows: Sequence[Values]) -> None:
        """Write rows, values in column order."""

    def close(self) -> Written:
        """Write what is left, and tell what was written."""


class HashingFile(io.RawIOBase):
    """A new file that counts and hashes what is written into it."""

    def __init__(self, path: Path) -> None:  # noqa: D107
        self._file = path.open("xb")
        self._sha256 = hashlib.sha256()
        self._bytes = 0

    def writable(self) -> bool:
        """Whether one can write: yes."""
        return True

    def write(self, data: Any) -> int:  # noqa: ANN401  whatever has a buffer
        """Write bytes."""
        self._sha256.update(data)
        written = self._file.write(data)
        self._bytes += written
        return written

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
        """What was written so far."""
        return Written(self._bytes, self._sha256.hexdigest())


class CsvOutput:
    """CSV as RFC 4180 has it but for LF: UTF-8, a header row, quotes only where needed, null as nothing.

    Args:
        path: The file to make; gzipped when its name ends with ``.gz``.
        shape: The columns.
        second_row: A row of HXL tags below the header; None for none.
    """

    def __init__(self, path: Path, shape: Shape, second_row: Sequence[str] | None = None) -> None:  # noqa: D107
        self._file = HashingFile(path)
        self._out: Any = self._file
        if path.suffix == ".gz":
            # Neither name nor time in the header: same rows, same bytes. Level 6 is that of the gzip command.
            self._out = gzip.GzipFile(
                filename="", mode="wb", compresslevel=6, fileobj=cast("BinaryIO", self._file), mtime=0
            )
        self._convert = _as_text(shape)
        self._text = io.StringIO(newline="")
        self._csv = csv.writer(self._text, lineterminator="\n")
        self.write_plain([shape.names, *([second_row] if second_row else [])])

    def write(self, rows: Sequence[Values]) -> None:
        """Write rows."""
        self.write_plain(map(self._convert, rows) if self._convert else rows)

    def write_plain(self, rows: Iterable[Sequence[Any]]) -> None:
        """Write rows of texts, numbers and nulls."""
        self._csv.writerows(rows)
        self._out.write(self._text.getvalue().encode())
        self._text.seek(0)
        self._text.truncate()

    def close(self) -> Written:
        """Finish the file."""
        if self._out is not self._file:
            self._out.close()
        self._file.close()
        return self._file.written


def batches(rows: Iterable[Values], size: int = BATCH) -> Iterator[list[Values]]:
    """Yield rows in lists of this size, the last one shorter."""
    iterator = iter(rows)
    while batch := list(islice(iterator, size)):
        yield batch


def _as_text(shape: Shape) -> Callable[[Values], Values] | None:
    """Return what turns a row's values into those that csv writes rightly; None when they are."""
    others = [number for number, column in enumerate(shape.columns) if column.kind not in _TEXT_AS_IS]
    if not others:
        return None

    def convert(values: Values) -> Values:
        row = list(values)
        for number in others:
            row[number] = _text(row[number])
        return tuple(row)

    return convert


def _text(value: Any) -> Any:  # noqa: ANN401
    if isinstance(value, (bool, dict, list)):
        return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return value
