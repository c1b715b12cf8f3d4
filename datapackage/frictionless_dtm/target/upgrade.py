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

    from frictionless_dtm.target.rows import Key
    from frictionless_dtm.target.store import Stream

FIRST_FORMAT: Final = 1
"""The format number of version 0.1."""

_PLAIN: Final = {"string", "integer", "date", "datetime", "time"}
"""Kinds whose values were stored only in the key, unchanged."""

_COMPARED_DIFFERENTLY: Final = {"datetime", "time", "boolean", "any"}


def upgrade(db: sqlite3.Connection, stream: Stream) -> None:
    """Give the rows of a stream keys in the present form. Rows with the same key by value become one.

    Raises:
        DtmError: A row has no valid key.
    """
    kinds = {column.name: column.kind for column in stream.shape.columns}
    if not any(kinds[name] in _COMPARED_DIFFERENTLY for name in stream.shape.key):
        return
    before, parts = f"before_{stream.number}", ", ".join(stream.parts)
    db.execute(f"ALTER TABLE {stream.table} RENAME TO {before}")
    db.execute(stream.definition)
    places = ", ".join("?" * (len(stream.parts) + 1))
    db.executemany(
        f"INSERT OR REPLACE INTO {stream.table} VALUES ({places})",
        ((*key, row) for key, row in _rows(stream, db.execute(f"SELECT * FROM {before} ORDER BY {parts}"))),
    )
    if stream.seen is not None:
        seen = f"seen_{stream.number}"
        of_seen = db.execute(f"SELECT * FROM {before} WHERE ({parts}) IN (SELECT {parts} FROM {seen})").fetchall()
        db.execute(f"DELETE FROM {seen}")
        places = ", ".join("?" * len(stream.parts))
        db.executemany(f"INSERT OR IGNORE INTO {seen} VALUES ({places})", (key for key, _ in _rows(stream, of_seen)))
    db.execute(f"DROP TABLE {before}")
    stream.has_changed = True


def _rows(stream: Stream, stored: Any) -> Iterator[tuple[Key, bytes]]:  # noqa: ANN401  a cursor or a list
    shape = stream.shape
    kinds = {column.name: column.kind for column in shape.columns}
    in_key = [name for name in shape.key if kinds[name] in _PLAIN]
    names = [*in_key, *(name for name in shape.names if name not in in_key)]
    form = RowForm(shape)
    for *key, row in stored:
        plain = [key[shape.key.index(name)] for name in in_key]
        by_name = dict(zip(names, [*plain, *decode_exactly(row)], strict=True))
        values = tuple(by_name[name] for name in shape.names)
        try:
            yield form.key(values), form.others(values)
        except RecordError as error:
            raise DtmError(
                f"A row of {shape.stream} that an earlier version stored has no valid key ({error}): name another "
                "folder and start the tap without state."
            ) from error
