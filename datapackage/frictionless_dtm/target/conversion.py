# ruff: noqa: S608 - the names of tables and columns in the queries come from the store's own numbers
"""Converts stored rows: when a column changes its type, unless a value would change, and from version 0.1."""

from __future__ import annotations

from contextlib import suppress
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any, Final

import msgspec

from frictionless_dtm.descriptor.shape import TIMES
from frictionless_dtm.target.rows import RecordError, RowForm, is_out_of_range, is_whole
from frictionless_dtm.target.texts import decode_exactly, encode_exactly, is_written_as
from tap_dtm.errors import DtmError

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Iterator

    from frictionless_dtm.descriptor.shape import Column, Kind, Shape
    from frictionless_dtm.target.store import Stream

FIRST_FORMAT: Final = 1
"""The format number of version 0.1."""

_PLAIN: Final = {"string", "integer", "date", "datetime", "time"}
"""Kinds whose values were stored only in the key, unchanged."""
_LONGEST: Final = 4300  # digits of an integer, as Python reads them
_PYTHON: Final[dict[str, Any]] = {
    "string": str,
    "integer": int,
    "number": (int, Decimal),
    "boolean": bool,
    "object": dict,
    "array": list,
}


def converted(raw: bytes, kind: Kind) -> bytes:
    """Convert a value, as JSON, to another type. A ValueError has the reason if this is not possible."""
    value = decode_exactly(raw)
    if value is None or kind == "any" or (isinstance(value, str) and kind in TIMES and is_written_as(kind, value)):
        return raw
    # As texts, numbers and booleans have their JSON form.
    if kind == "string" and isinstance(value, (bool, int, Decimal)):
        return encode_exactly(raw.decode())
    if kind in {"integer", "number", "boolean"} and isinstance(value, str):
        raw, value = value.encode(), _spelled(value)
    if kind == "integer" and isinstance(value, Decimal) and is_whole(value, _LONGEST):
        return str(int(value)).encode()
    is_of_kind = isinstance(value, _PYTHON.get(kind, ())) and isinstance(value, bool) == (kind == "boolean")
    if not is_of_kind or (kind == "number" and is_out_of_range(value)):
        raise ValueError(f"{raw.decode()} is not of the type {kind}")
    return raw


def _spelled(text: str) -> Any:  # noqa: ANN401  any JSON value
    """Return the value that a text is the JSON form of, or else the text. 007 is a code: it would lose its zeros."""
    with suppress(msgspec.DecodeError, InvalidOperation):
        value = decode_exactly(text)
        if encode_exactly(value).decode() == text:
            return value
    return text


def check_key(before: Shape, after: Shape) -> None:
    """Check that a stream has the same key as before, of the same types."""
    kinds = {column.name: column.kind for column in before.columns}
    for column in after.columns:
        if column.name in after.key and kinds.get(column.name, column.kind) != column.kind:
            raise _retyped_error(after, column, kinds[column.name], "it is part of the key")
    if before.key != after.key:
        raise DtmError(
            f"The key of {after.stream} was {', '.join(before.key) or 'none'} and is now "
            f"{', '.join(after.key) or 'none'}: write into another folder, or start from scratch, without a state."
        )


def mover(before: Shape, after: Shape, refused: list[DtmError]) -> Callable[[bytes], bytes]:
    """Return the function that converts a stored row to another shape. New columns are null.

    ``refused`` receives the error if a row cannot be converted.
    """
    old = {column.name: (place, column.kind) for place, column in enumerate(before.others)}
    moves = [(column, *old.get(column.name, (-1, column.kind))) for column in after.others]

    def moved(row: bytes) -> bytes:
        values = [*msgspec.json.decode(row, type=list[msgspec.Raw]), msgspec.Raw(b"null")]
        new = []
        for column, place, kind in moves:
            value = values[place]
            if kind != column.kind:
                try:
                    value = msgspec.Raw(converted(bytes(value), column.kind))
                except ValueError as error:
                    refused.append(_retyped_error(after, column, kind, str(error)))
                    raise
            new.append(value)
        return msgspec.json.encode(new)

    return moved


def _retyped_error(shape: Shape, column: Column, before: str, reason: str) -> DtmError:
    return DtmError(
        f"The column {column.name} of {shape.stream} was of the type {before} and is now {column.kind}. Rows of "
        f"earlier runs cannot be converted ({reason}). Start the tap without a state, and write the package into "
        "another folder."
    )


def upgrade(db: sqlite3.Connection, stream: Stream) -> None:
    """Give the rows of a stream keys in the present form. Rows with the same key by value become one."""
    if stream.shape.key == stream.shape.plain_key:
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
