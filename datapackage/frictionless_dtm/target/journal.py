"""What the last run changed in a stream's rows, in case that its state never arrived.

A run commits the rows first and hands over the state after that. Killed in between, or when whoever takes the state is
killed, the rows are one run ahead of the state that the next run goes on from; and the tap, which tells changes
by that state, would never send what has changed back meanwhile. So a stream's rows can step back by one run, and do
when the next run shows by its first STATE message that it goes on from the state before.
"""

# ruff: noqa: S608 - the names of tables and columns in the queries are numbers of this package's own

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
    """What a stream's rows are when a run begins, as seen from the state that the run goes on from."""

    IN_STEP = enum.auto()
    ONE_RUN_AHEAD = enum.auto()
    UNKNOWN_TO_IT = enum.auto()
    OUT_OF_STEP = enum.auto()


def start_of(first: Any, before: Any, after: Any) -> Start:  # noqa: ANN401
    """Compare the bookmarks that a run goes on from with those before and after the last run.

    Any others, such as those of a backup, are out of step: the run will bring what has changed since them, which does
    not take back what the rows have from later runs, nor add what they lack of earlier ones.
    """
    start = positions(first)
    if start == positions(after):
        return Start.IN_STEP
    if not start:
        return Start.UNKNOWN_TO_IT
    return Start.ONE_RUN_AHEAD if start == positions(before) else Start.OUT_OF_STEP


Differences: TypeAlias = "tuple[int, int, int]"
"""How many rows were added, changed and removed."""


@dataclass(frozen=True)
class Layout:
    """The table of a stream: its number, its name, the columns of its key, and the one other column.

    ``has_key`` says whether the stream has a key; the rows themselves are one where it has none. ``key_places`` are the
    places in a row where parts of the key are as they were sent.
    """

    number: int
    table: str
    key: list[str]
    value: str
    has_key: bool
    key_places: frozenset[int] = frozenset()

    @property
    def log(self) -> str:
        """The name of the table that notes former values; null for a row that was not there."""
        return f"undo_{self.number}"


class UndoLog:
    """Notes the former values of the rows that a run changes, by triggers.

    Args:
        db: The store's database, inside a transaction.
        by_value: Whether rows differ only if their values do, and not the spelling of their numbers: an earlier
            version stored them with fewer digits.
    """

    def __init__(self, db: sqlite3.Connection, *, by_value: bool = False) -> None:  # noqa: D107
        self._db = db
        self._by_value = by_value
        # A stream that had no rows when the run began needs no log: it has none but the stream's former self.
        db.execute("CREATE TABLE IF NOT EXISTS undo (number INTEGER PRIMARY KEY, was_empty INTEGER, shape TEXT)")

    def begin(self, layout: Layout, shape: str) -> None:
        """Forget what was noted of a stream, and note what changes from now on.

        Args:
            layout: Its table.
            shape: Its shape, as JSON.
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
        """Whether a stream had no rows when the noting began."""
        noted = self._db.execute("SELECT was_empty FROM undo WHERE number = ?", (layout.number,)).fetchone()
        return bool(noted and noted[0])

    def differences(self, layout: Layout) -> Differences:
        """Count how a stream's rows differ from those when the noting began."""
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
            # Of equal rows, whichever table version they belong to, only the number counts.
            query = (
                "SELECT sum(max(net, 0)), 0, sum(max(-net, 0)) FROM ("
                f"SELECT sum(coalesce(copies, 0) - coalesce(log.value, 0)) AS net"
                f" FROM {layout.log} AS log LEFT JOIN {table} USING ({key}) GROUP BY row)"
            )
            whole = f"SELECT sum(copies), 0, 0 FROM {table}"
        added, changed, removed = self._db.execute(whole if self.was_empty(layout) else query).fetchone()
        return added or 0, changed or 0, removed or 0

    def _comparison(self, key_places: Collection[int]) -> Callable[[bytes | None, bytes | None], bool | None]:
        """Return what compares two rows of one key. Another spelling of the key is no difference."""
        decode = json.loads if self._by_value else decode_exactly

        def rest(row: bytes) -> list[Any]:
            return [value for place, value in enumerate(decode(row)) if place not in key_places]

        def differ(one: bytes | None, other: bytes | None) -> bool | None:
            if one is None or other is None or one == other:
                return None if one is None or other is None else False
            return rest(one) != rest(other) if key_places or self._by_value else True

        return differ

    def step_back(self, layout: Layout) -> str | None:
        """Give a stream's rows the values that they had when the noting began, and return its shape then, as JSON.

        Not for a stream that had none: then nothing was noted.
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
