"""Reads Parquet files of our packages for frictionless, with their hash and without pandas.

frictionless lets pyarrow open a Parquet file and never sees its bytes. So it cannot detect a changed figure.
"""

from __future__ import annotations

import hashlib
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq
from frictionless import system
from frictionless.formats.parquet import ParquetControl, ParquetParser
from typing_extensions import override

if TYPE_CHECKING:
    from collections.abc import Iterator


class HashedParquetParser(ParquetParser):
    """Yields the rows of a file. It reads the file once, and records its hash, which frictionless compares."""

    @override
    def read_cell_stream_create(self) -> Iterator[list[Any]]:
        """Yield the header, then the rows."""
        with closing(system.create_loader(self.resource).read_byte_stream_create()) as file:
            content = file.read()
        self.resource.stats.sha256 = hashlib.sha256(content).hexdigest()
        control = ParquetControl.from_dialect(self.resource.dialect)
        table = pq.read_table(pa.BufferReader(content), columns=control.columns, filters=control.filters or None)
        yield table.column_names
        for batch in table.to_batches():
            yield from map(list, zip(*(column.to_pylist() for column in batch.columns), strict=True))
