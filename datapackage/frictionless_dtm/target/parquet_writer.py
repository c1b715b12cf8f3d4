"""Writes Parquet files with the catalogue's descriptions. The same rows and pyarrow give the same bytes."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

import pyarrow as pa
import pyarrow.parquet as pq

from frictionless_dtm.descriptor.profile import fields_of
from frictionless_dtm.descriptor.table_schema import field_descriptor
from frictionless_dtm.target.rows import LARGE
from frictionless_dtm.target.texts import text_of
from tap_dtm.errors import DtmError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from frictionless_dtm.descriptor.profile import Resource
    from frictionless_dtm.descriptor.shape import Column, Shape
    from frictionless_dtm.target.rows import Batch, Values

_ROW_GROUP: Final = 50_000
_MOST_BYTES: Final = 16 * 1024 * 1024  # of a row group, as JSON; its rows are in memory
_TYPES: Final = {
    "integer": pa.int64(),
    "number": pa.float64(),
    "boolean": pa.bool_(),
    "date": pa.date32(),
    # A datetime stays text: frictionless cannot read a column of timestamps that has nulls.
}


class ParquetOutput:
    """One Parquet file, compressed by gzip, each page with a checksum.

    ``terms`` are metadata of the file, and ``largest`` is the size of the largest row, as JSON.
    """

    def __init__(  # noqa: D107
        self, path: Path, shape: Shape, resource: Resource | None, terms: Mapping[str, str | None], *, largest: int
    ) -> None:
        self._columns = shape.columns
        self._schema = _schema(shape, resource, terms)
        # gzip ends each page with a checksum that every reader verifies. By default, no reader verifies the checksums
        # of Parquet and zstd, and frictionless checks the hash of a Parquet file only with our plugin.
        # Dictionaries and statistics have copies of the values.
        is_small = largest < LARGE
        self._writer = pq.ParquetWriter(
            path,
            self._schema,
            compression="gzip",
            use_dictionary=is_small,
            write_statistics=is_small,
        )
        self._most = _MOST_BYTES if is_small else LARGE
        self._rows: list[Values] = []
        self._bytes = 0

    def write(self, batch: Batch) -> None:
        """Write rows."""
        self._rows.extend(batch.rows)
        self._bytes += batch.bytes
        while len(self._rows) >= _ROW_GROUP or self._bytes >= self._most:
            self._write_group(self._rows[:_ROW_GROUP])
            del self._rows[:_ROW_GROUP]
            self._bytes = batch.bytes * len(self._rows) // len(batch.rows)

    def close(self) -> None:
        """Finish the file."""
        if self._rows:
            self._write_group(self._rows)
        self._writer.close()

    def _write_group(self, rows: Sequence[Values]) -> None:
        arrays = [_array(column, values) for column, values in zip(self._columns, zip(*rows, strict=True), strict=True)]
        self._writer.write_table(pa.Table.from_arrays(arrays, schema=self._schema), row_group_size=_ROW_GROUP)
        del arrays
        pa.default_memory_pool().release_unused()


def _array(column: Column, values: Values) -> pa.Array:
    kind = _TYPES.get(column.kind)
    if column.kind == "date":
        return pa.array([value or None for value in values], pa.string()).cast(kind)
    if column.kind == "number":
        return pa.array([None if value is None else float(value) for value in values], kind)
    if kind is None:
        # An empty text is null, as in CSV.
        return pa.array([text_of(value) or None for value in values], pa.string())
    try:
        return pa.array(values, kind)
    except OverflowError as error:
        raise DtmError(
            f"The column {column.name} has an integer of more than 64 bits, which Parquet cannot hold. Remove "
            "parquet from the setting formats."
        ) from error


def _schema(shape: Shape, resource: Resource | None, terms: Mapping[str, str | None]) -> pa.Schema:
    known = fields_of(shape, resource)
    fields = []
    for column in shape.columns:
        words: Mapping[str, Any] = {"title": column.title, "description": column.description}
        if column.name in known:
            words = field_descriptor(known[column.name], is_key=column.name in shape.key)
        metadata = {
            name: value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
            for name, value in words.items()
            # Constraints are only in the descriptor: they are checked while rows are written.
            if value and name not in {"name", "type", "constraints"}
        }
        kind = _TYPES.get(column.kind, pa.string())
        fields.append(pa.field(column.name, kind, nullable=column.name not in shape.key, metadata=metadata))
    about = dict(terms)
    if resource:
        about |= {"title": resource.title, "description": resource.description, "grain": resource.grain}
    return pa.schema(fields, metadata={name: value for name, value in about.items() if value})
