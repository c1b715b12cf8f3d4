"""Records what the last run changed in a stream's rows, in case its state is lost.

A run first commits the rows and then writes the state. If the run or the reader of the state is killed in between, the
rows are one run ahead of the state that the next run continues from. The tap finds changes by that state, so it would
not send rows that have changed back in the meantime. Therefore a stream's rows can step back by one run. They do if the
first STATE message of the next run is the earlier state.
"""

# ruff: noqa: S608 - the names of tables and columns in the queries come from this package's own numbers

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, TypeAlias

import msgspec

from frictionless_dtm.descriptor.shape import Shape
from frictionless_dtm.target.texts import decode_exactly

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable

    from frictionless_dtm.target.store import Stream

Differences: TypeAlias = "tuple[int, int, int]"
"""The numbers of rows that were added, changed and removed."""


class UndoLog:
    """Records the former values of the rows that a run changes, with triggers.

    Args:
        db: The store's database, inside a transaction.
        by_value: Whether the spelling of numbers is ignored, because an earlier version stored fewer digits.
    """

    def __init__(self, db: sqlite3.Connection, *, by_value: bool = False) -> None:  # noqa: D107
        self._db = db
        self._by_value = by_value
        # A stream that had no rows when the run began needs no log: all its rows are new.
        db.execute("CREATE TABLE IF NOT EXISTS undo (number INTEGER PRIMARY KEY, was_empty INTEGER, shape TEXT)")

    def begin(self, stream: Stream) -> None:
        """Delete the log of a stream, and record changes from now on."""
        log, table = stream.undo_table, stream.table
        for event in ("insert", "update", "delete"):
            self._db.execute(f"DROP TRIGGER IF EXISTS {log}_{event}")
        self._db.execute(f"DROP TABLE IF EXISTS {log}")
        ((was_empty,),) = self._db.execute(f"SELECT NOT EXISTS (SELECT 1 FROM {table})")
        shape = msgspec.json.encode(stream.shape).decode()
        self._db.execute("INSERT OR REPLACE INTO undo VALUES (?, ?, ?)", (stream.number, was_empty, shape))
        if was_empty:
            return
        self._db.execute(stream.definition(log, "value"))
        for event, row, value in (
            ("insert", "NEW", "NULL"),  # the row did not exist
            ("update", "OLD", f"OLD.{stream.value}"),
            ("delete", "OLD", f"OLD.{stream.value}"),
        ):
            key = ", ".join(f"{row}.{part}" for part in stream.key)
            self._db.execute(
                f"CREATE TRIGGER {log}_{event} AFTER {event} ON {table} BEGIN"
                f" INSERT INTO {log} VALUES ({key}, {value}) ON CONFLICT DO NOTHING; END"
            )

    def was_empty(self, stream: Stream) -> bool:
        """Return whether a stream had no rows when its log began."""
        ((was_empty,),) = self._db.execute("SELECT was_empty FROM undo WHERE number = ?", (stream.number,))
        return bool(was_empty)

    def differences(self, stream: Stream) -> Differences:
        """Count the differences between a stream's rows and those when its log began."""
        table, key = stream.table, ", ".join(stream.key)
        both = f"{stream.undo_table} AS log LEFT JOIN {table} USING ({key})"
        if self.was_empty(stream):
            query = f"SELECT {'count(*)' if stream.shape.key else 'sum(copies)'}, 0, 0 FROM {table}"
        elif stream.shape.key:
            self._db.create_function("differ", 2, self._comparison(stream.shape), deterministic=True)
            query = (
                f"SELECT sum(log.value IS NULL AND {table}.row IS NOT NULL), sum(differ({table}.row, log.value)),"
                f" sum(log.value IS NOT NULL AND {table}.row IS NULL) FROM {both}"
            )
        else:
            # Equal rows are only counted, regardless of their table version.
            query = (
                "SELECT sum(max(net, 0)), 0, sum(max(-net, 0)) FROM ("
                f"SELECT sum(coalesce(copies, 0) - coalesce(log.value, 0)) AS net FROM {both} GROUP BY row)"
            )
        added, changed, removed = self._db.execute(query).fetchone()
        return added or 0, changed or 0, removed or 0

    def _comparison(self, shape: Shape) -> Callable[[bytes | None, bytes | None], bool | None]:
        """Return the function that compares two rows of one key. The spelling of the key is ignored."""
        decode = json.loads if self._by_value else decode_exactly
        in_key = {place for place, column in enumerate(shape.others) if column.name in shape.key}
        is_exact = not self._by_value and not in_key

        def rest(row: bytes) -> list[Any]:
            return [value for place, value in enumerate(decode(row)) if place not in in_key]

        def differ(one: bytes | None, other: bytes | None) -> bool | None:
            if one is None or other is None:
                return None
            return one != other and (is_exact or rest(one) != rest(other))

        return differ

    def step_back(self, stream: Stream) -> None:
        """Restore the rows and the shape of a stream that had rows when its log began."""
        log, key = stream.undo_table, ", ".join(stream.key)
        self._db.execute(f"CREATE TEMP TABLE back AS SELECT * FROM {log}")
        self._db.execute(f"DELETE FROM {stream.table} WHERE ({key}) IN (SELECT {key} FROM back)")
        self._db.execute(f"INSERT INTO {stream.table} SELECT * FROM back WHERE value IS NOT NULL")
        self._db.execute("DROP TABLE back")
        ((shape,),) = self._db.execute("SELECT shape FROM undo WHERE number = ?", (stream.number,))
        stream.shape = msgspec.json.decode(shape, type=Shape)
        stream.has_changed = stream.has_stepped_back = True
