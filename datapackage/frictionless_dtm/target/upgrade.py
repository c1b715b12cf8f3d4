# ruff: noqa: S608 - the names of tables and columns in the queries come from the store's own numbers
"""Converts a store of version 0.1 to the present form, in which keys are compared by value."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from frictionless_dtm.target.rows import RecordError, RowForm
from frictionless_dtm.target.texts import decode_exactly
from tap_dtm.errors import DtmError

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator

    from frictionless_dtm.target.stream import Stream

FIRST_FORMAT: Final = 1
"""The format number of version 0.1."""

_PLAIN: Final = {"string", "integer", "date", "datetime", "time"}
"""Kinds whose values were stored only in the key, unchanged."""

_COMPARED_DIFFERENTLY: Final = {"datetime", "time", "boolean", "any"}


def upgrade(db: sqlite3.Connection, stream: Stream) -> None:
    """Give the rows of a stream keys in the present form. Rows with the same key by value become one."""
    kinds = {column.name: column.kind for column in stream.shape.columns}
    if not any(kinds[name] in _COMPARED_DIFFERENTLY for name in stream.shape.key):
        return
    table, seen, before, key = stream.table, stream.seen_table, f"before_{stream.number}", ", ".join(stream.key)
    places = ", ".join("?" * len(stream.key))
    db.execute(f"ALTER TABLE {table} RENAME TO {before}")
    db.execute(stream.definition(table, stream.value))
    rows = _rows(stream, db.execute(f"SELECT * FROM {before} ORDER BY {key}"))
    db.executemany(f"INSERT OR REPLACE INTO {table} VALUES ({places}, ?)", rows)
    if stream.seen is not None:
        of_seen = db.execute(f"SELECT * FROM {before} WHERE ({key}) IN (SELECT {key} FROM {seen})").fetchall()
        db.execute(f"DELETE FROM {seen}")
        keys = (row[:-1] for row in _rows(stream, of_seen))
        db.executemany(f"INSERT OR IGNORE INTO {seen} VALUES ({places})", keys)
    db.execute(f"DROP TABLE {before}")
    stream.has_changed = True


def _rows(stream: Stream, stored: Any) -> Iterator[tuple[Any, ...]]:  # noqa: ANN401  a cursor or a list
    shape = stream.shape
    kinds = {column.name: column.kind for column in shape.columns}
    plain = [name for name in shape.key if kinds[name] in _PLAIN]
    others = [name for name in shape.names if name not in plain]
    form = RowForm(shape)
    for *key, row in stored:
        by_name = dict(zip(shape.key, key, strict=True)) | dict(zip(others, decode_exactly(row), strict=True))
        values = tuple(by_name[name] for name in shape.names)
        try:
            yield *form.key(values), form.others(values)
        except RecordError as error:
            raise DtmError(
                f"A row of {shape.stream} that an earlier version stored has no valid key ({error}): name another "
                "folder and start the tap without state."
            ) from error
