"""Records what the last run changed in a stream's rows, in case its state is lost.

A run first commits the rows and then writes the state. If the run or the reader of the state is killed in between, the
rows are one run ahead of the state that the next run continues from. The tap finds changes by that state, so it would
not send rows that have changed back in the meantime. Therefore a stream's rows can step back by one run. They do if the
first STATE message of the next run is the earlier state.
"""

# ruff: noqa: S608 - the names of tables and columns in the queries come from this package's own numbers

from __future__ import annotations

import enum
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from frictionless_dtm.descriptor.progress import positions
from frictionless_dtm.target.texts import decode_exactly

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Collection


class Start(enum.Enum):
    """The rows of a stream at the beginning of a run, compared with the state that the run continues from."""

    IN_STEP = enum.auto()
    ONE_RUN_AHEAD = enum.auto()
    UNKNOWN_TO_IT = enum.auto()
    OUT_OF_STEP = enum.auto()


def start_of(first: Any, before: Any, after: Any) -> Start:  # noqa: ANN401
    """Compare the bookmarks that a run continues from with those before and after the last run.

    Any other bookmarks, such as those of a backup, are out of step. The run sends the changes since these bookmarks,
    which neither remove rows of later runs nor add missing rows of earlier ones.
    """
    start = positions(first)
    if start == positions(after):
        return Start.IN_STEP
    if not start:
        return Start.UNKNOWN_TO_IT
    return Start.ONE_RUN_AHEAD if start == positions(before) else Start.OUT_OF_STEP


Differences: TypeAlias = "tuple[int, int, int]"
"""The numbers of rows that were added, changed and removed."""


@dataclass(frozen=True)
class Layout:
    """The table of a stream: its number, its name, the columns of its key, and the one other column.

    ``has_key`` is false if the stream has no key; then the rows themselves are the key. ``key_places`` are the places
    in a row that have parts of the key as they were sent.
    """

    number: int
    table: str
    key: list[str]
    value: str
    has_key: bool
    key_places: frozenset[int] = frozenset()

    @property
    def log(self) -> str:
        """The name of the table with former values; null for a row that did not exist."""
        return f"undo_{self.number}"


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

    def begin(self, layout: Layout, shape: str) -> None:
        """Delete the log of a stream, and record changes from now on.

        Args:
            layout: The table of the stream.
            shape: The shape of the stream, as JSON.
        """
        log, key = layout.log, ", ".join(layout.key)
        for event in ("insert", "update", "delete"):
            self._db.execute(f"DROP TRIGGER IF EXISTS {log}_{event}")
        self._db.execute(f"DROP TABLE IF EXISTS {log}")
        was_empty = self._db.execute(f"SELECT NOT EXISTS (SELECT 1 FROM {layout.table})").fetchone()[0]
        self._db.execute("INSERT OR REPLACE INTO undo VALUES (?, ?, ?)", (layout.number, was_empty, shape))
        if was_empty:
            return
        self._db.execute(f"CREATE TABLE {log} ({key}, value, PRIMARY KEY ({key})) WITHOUT ROWID")
        for event, row, value in (
            ("insert", "NEW", "NULL"),
            ("update", "OLD", f"OLD.{layout.value}"),
            ("delete", "OLD", f"OLD.{layout.value}"),
        ):
            parts = ", ".join(f"{row}.{part}" for part in layout.key)
            self._db.execute(
                f"CREATE TRIGGER {log}_{event} AFTER {event} ON {layout.table} BEGIN"
                f" INSERT INTO {log} VALUES ({parts}, {value}) ON CONFLICT DO NOTHING; END"
            )

    def was_empty(self, layout: Layout) -> bool:
        """Return whether a stream had no rows when its log began."""
        noted = self._db.execute("SELECT was_empty FROM undo WHERE number = ?", (layout.number,)).fetchone()
        return bool(noted and noted[0])

    def differences(self, layout: Layout) -> Differences:
        """Count the differences between a stream's rows and those when its log began."""
        table, value, key = layout.table, layout.value, ", ".join(layout.key)
        self._db.create_function("differs", 2, self._comparison(layout.key_places), deterministic=True)
        if layout.has_key:
            now = f"{table}.{value}"
            query = (
                f"SELECT sum(log.value IS NULL AND {now} IS NOT NULL), sum(differs({now}, log.value)),"
                f" sum(log.value IS NOT NULL AND {now} IS NULL)"
                f" FROM {layout.log} AS log LEFT JOIN {table} USING ({key})"
            )
            whole = f"SELECT count(*), 0, 0 FROM {table}"
        else:
            # Equal rows are only counted, regardless of their table version.
            query = (
                "SELECT sum(max(net, 0)), 0, sum(max(-net, 0)) FROM ("
                f"SELECT sum(coalesce(copies, 0) - coalesce(log.value, 0)) AS net"
                f" FROM {layout.log} AS log LEFT JOIN {table} USING ({key}) GROUP BY row)"
            )
            whole = f"SELECT sum(copies), 0, 0 FROM {table}"
        added, changed, removed = self._db.execute(whole if self.was_empty(layout) else query).fetchone()
        return added or 0, changed or 0, removed or 0

    def _comparison(self, key_places: Collection[int]) -> Callable[[bytes | None, bytes | None], bool | None]:
        """Return the function that compares two rows of one key. The spelling of the key is ignored."""
        decode = json.loads if self._by_value else decode_exactly

        def rest(row: bytes) -> list[Any]:
            return [value for place, value in enumerate(decode(row)) if place not in key_places]

        def differ(one: bytes | None, other: bytes | None) -> bool | None:
            if one is None or other is None or one == other:
                return None if one is None or other is None else False
            return rest(one) != rest(other) if key_places or self._by_value else True

        return differ

    def step_back(self, layout: Layout) -> str | None:
        """Restore a stream's rows as they were when its log began, and return its shape at that time, as JSON.

        Do not call this for a stream that had no rows, because it has no log.
        """
        noted = self._db.execute("SELECT shape FROM undo WHERE number = ?", (layout.number,)).fetchone()
        if noted is None:
            return None
        key = ", ".join(layout.key)
        self._db.execute(f"CREATE TEMP TABLE back AS SELECT * FROM {layout.log}")
        self._db.execute(f"DELETE FROM {layout.table} WHERE ({key}) IN (SELECT {key} FROM back)")
        self._db.execute(f"INSERT INTO {layout.table} SELECT * FROM back WHERE value IS NOT NULL")
        self._db.execute("DROP TABLE back")
        return str(noted[0])
