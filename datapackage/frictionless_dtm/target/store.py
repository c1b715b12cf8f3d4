# ruff: noqa: S608 - the names of tables and columns in the queries come from this package's own numbers
"""The target's record between runs, in one SQLite file: the rows by key, and a description of the package on disk.

Each run is one transaction.
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

import msgspec

from frictionless_dtm.descriptor.progress import bookmarks, positions
from frictionless_dtm.descriptor.shape import Shape
from frictionless_dtm.target.conversion import FIRST_FORMAT, check_key, mover, upgrade
from frictionless_dtm.target.journal import UndoLog
from frictionless_dtm.target.rows import Batch, row_reader
from tap_dtm.errors import DtmError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from frictionless_dtm.target.journal import Differences
    from frictionless_dtm.target.rows import Key, Values

NOTHING_KEPT: Final = "Nothing of this run was kept."
_CACHE_KB: Final = 48 * 1024
_FORMAT: Final = 2
_BATCH_ROWS: Final = 5_000
_BATCH_BYTES: Final = 4 * 1024 * 1024


@dataclass
class Stream:
    """One stream. ``active`` is the table version (ACTIVATE_VERSION) that its rows belong to.

    The table of a stream without a key has each distinct row once for each table version, and the number of its copies.
    """

    number: int
    shape: Shape
    active: int | None = None
    seen: int | None = None  # the table version whose keys are being collected
    is_logged: bool = False  # its changes are recorded, so that the next run can take them back
    has_changed: bool = False
    has_stepped_back: bool = False  # its rows differ from those of the package on disk
    is_from_scratch: bool = False  # the run sends all rows; others are removed

    @property
    def table(self) -> str:
        """The name of the table with the rows."""
        return f"rows_{self.number}"

    @property
    def seen_table(self) -> str:
        """The name of the table with the keys of the version ``seen``."""
        return f"seen_{self.number}"

    @property
    def undo_table(self) -> str:
        """The name of the table with former values."""
        return f"undo_{self.number}"

    @property
    def key(self) -> list[str]:
        """The names of the key's columns in the tables."""
        return [f"k{number}" for number in range(len(self.shape.key))] or ["row", "version"]

    @property
    def value(self) -> str:
        """The name of the one other column."""
        return "row" if self.shape.key else "copies"

    def definition(self, table: str, *others: str) -> str:
        """Return the statement that creates a table with the key and these other columns."""
        key = ", ".join(self.key)
        return f"CREATE TABLE {table} ({', '.join([key, *others])}, PRIMARY KEY ({key})) WITHOUT ROWID"


class Store:
    """Opens or creates the file, for one process at a time.

    Raises:
        DtmError: A newer version of this program wrote the file.
        sqlite3.Error: The file cannot be opened, read or written. All methods raise this error.
    """

    def __init__(self, path: Path) -> None:  # noqa: D107
        self._db = sqlite3.connect(path, isolation_level=None, timeout=0.2, cached_statements=0)
        self.first_state: Any = None
        """The value of the STATE message that begins the input, which the run continues from; None without one."""
        self._marked: dict[str, Stream] | None = None
        self.streams: dict[str, Stream] = {}
        try:
            self._open(path)
        except BaseException:
            self._db.close()
            raise

    def _open(self, path: Path) -> None:
        self._db.execute("PRAGMA locking_mode = EXCLUSIVE")
        for pragma in ("journal_mode = TRUNCATE", "synchronous = FULL", f"cache_size = -{_CACHE_KB}"):
            self._db.execute(f"PRAGMA {pragma}")
        self._db.execute("BEGIN EXCLUSIVE")
        version = self._db.execute("PRAGMA user_version").fetchone()[0]
        if version not in {0, FIRST_FORMAT, _FORMAT}:
            raise DtmError(
                f"{path} was written by a newer version of tap-dtm. Install that version, or name another folder and "
                "start the tap without state."
            )
        self._db.execute(f"PRAGMA user_version = {_FORMAT}")
        self._db.execute("CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value TEXT) WITHOUT ROWID")
        self._db.execute(
            "CREATE TABLE IF NOT EXISTS streams (name TEXT PRIMARY KEY, number INTEGER, shape TEXT, active INTEGER)"
        )
        self._undo = UndoLog(self._db, by_value=version == FIRST_FORMAT)
        for name, number, shape, active in self._db.execute("SELECT * FROM streams ORDER BY name").fetchall():
            seen = self.get(f"seen {name}")
            self.streams[name] = Stream(number, msgspec.json.decode(shape, type=Shape), active, seen)
            if version == FIRST_FORMAT:
                upgrade(self._db, self.streams[name])

    # Input.

    def _begin(self, stream: Stream) -> None:
        """Adjust a stream's rows to the state that the run continues from, and begin to log changes."""
        name = stream.shape.stream
        marks = self.get("marks", dict[str, Any]) or {}
        if self.first_state is not None and name in marks:
            before, after = map(positions, marks[name])
            start = positions(bookmarks(stream.shape, self.first_state))
            # Any other state, such as that of a backup, brings the changes since then. They neither remove rows of
            # later runs nor add missing rows of earlier ones.
            if start and start not in (before, after):
                raise DtmError(
                    f"The tap's state is not the state of the last run. With it, {name} in this package would lack "
                    "rows or keep removed ones. Use the state of the last run, or start the tap without state (with "
                    "Meltano, --full-refresh)."
                )
            if start != after:
                # Without bookmarks, the run sends every row, and no tombstones.
                stream.is_from_scratch = not start or self._undo.was_empty(stream)
                if not stream.is_from_scratch:
                    self._undo.step_back(stream)
        self._undo.begin(stream)
        stream.is_logged = True

    def declare(self, shape: Shape) -> Stream:
        """Declare the shape of a stream. Stored rows keep the columns that still exist."""
        stream = self.streams.get(shape.stream)
        if stream is None:
            taken = {each.number for each in self.streams.values()}
            stream = Stream(max(taken, default=-1) + 1, shape, has_changed=True)
            self._db.execute(stream.definition(stream.table, stream.value))
            self.streams[shape.stream] = stream
        if not stream.is_logged:
            self._begin(stream)
        if stream.shape != shape:
            check_key(stream.shape, shape)
            if stream.shape.names != shape.names or stream.shape.others != shape.others:
                self._reshape(stream, shape)
            stream.shape = shape
        self._db.execute(
            "INSERT OR REPLACE INTO streams VALUES (?, ?, ?, ?)",
            (shape.stream, stream.number, msgspec.json.encode(shape).decode(), stream.active),
        )
        return stream

    def _reshape(self, stream: Stream, shape: Shape) -> None:
        refused: list[DtmError] = []  # SQLite hides errors of our function
        self._db.create_function("moved", 1, mover(stream.shape, shape, refused), deterministic=True)
        try:
            if shape.key:
                self._db.execute(f"UPDATE {stream.table} SET row = moved(row)")
            else:
                self._db.execute(
                    f"CREATE TEMP TABLE reshaped AS SELECT moved(row) AS row, version, sum(copies) FROM {stream.table}"
                    " GROUP BY 1, 2"
                )
                self._db.execute(f"DELETE FROM {stream.table}")
                self._db.execute(f"INSERT INTO {stream.table} SELECT * FROM reshaped")
                self._db.execute("DROP TABLE reshaped")
        except sqlite3.OperationalError as error:
            raise (refused[0] if refused else error) from None
        stream.has_changed = True

    def put(self, stream: Stream, rows: Mapping[Key, bytes | None]) -> None:
        """Write rows by key; None removes the row."""
        self._change(
            stream,
            f"INSERT INTO {stream.table} VALUES ({_places(stream.key)}, ?) ON CONFLICT ({', '.join(stream.key)})"
            " DO UPDATE SET row = excluded.row WHERE row <> excluded.row",
            ((*key, row) for key, row in rows.items() if row is not None),
        )
        self._change(
            stream,
            f"DELETE FROM {stream.table} WHERE {_equal(stream.key)}",
            (key for key, row in rows.items() if row is None),
        )

    def _change(self, stream: Stream, statement: str, parameters: Iterable[tuple[Any, ...]]) -> None:
        stream.has_changed |= self._db.executemany(statement, parameters).rowcount > 0

    def keep_only(self, stream: Stream, keys: Iterable[Key]) -> None:
        """Remove the rows of all other keys."""
        stored = self._db.execute(f"SELECT {', '.join(stream.key)} FROM {stream.table}").fetchall()
        self.put(stream, dict.fromkeys(set(stored).difference(keys)))

    def keep_up_to(self, stream: Stream, last: Mapping[Key, int]) -> None:
        """Remove the rows with a position above the last one of their group. A position is the last part of a key."""
        *group, position = stream.key
        groups = self._db.execute(f"SELECT DISTINCT {', '.join(group)} FROM {stream.table}").fetchall()
        self._change(
            stream,
            f"DELETE FROM {stream.table} WHERE {_equal(group)} AND {position} > ?",
            ((*key, last.get(key, -1)) for key in groups),
        )

    def append(self, stream: Stream, rows: Iterable[tuple[bytes, int]]) -> None:
        """Write rows of a stream without key, each with its table version (0 for none)."""
        self._change(
            stream,
            f"INSERT INTO {stream.table} VALUES (?, ?, 1) ON CONFLICT (row, version) DO UPDATE SET copies = copies + 1",
            rows,
        )

    def saw(self, stream: Stream, version: int, keys: Iterable[Key]) -> None:
        """Record the keys of a table version until it is activated, perhaps in a later run."""
        if stream.seen != version:
            self._forget_seen(stream)
            self._db.execute(stream.definition(stream.seen_table))
            stream.seen = version
            self.note(f"seen {stream.shape.stream}", version)
        self._db.executemany(f"INSERT OR IGNORE INTO {stream.seen_table} VALUES ({_places(stream.key)})", keys)

    def _forget_seen(self, stream: Stream) -> None:
        self._db.execute(f"DROP TABLE IF EXISTS {stream.seen_table}")
        stream.seen = None
        self.note(f"seen {stream.shape.stream}", None)

    def activate(self, stream: Stream, version: int) -> None:
        """Remove the rows that do not belong to a table version."""
        if version == stream.active:
            return
        gone = f"DELETE FROM {stream.table}"
        if not stream.shape.key:
            gone += f" WHERE version <> {version:d}"
        elif stream.seen == version:
            key = ", ".join(stream.key)
            gone += f" WHERE ({key}) NOT IN (SELECT {key} FROM {stream.seen_table})"
        stream.has_changed |= self._db.execute(gone).rowcount > 0
        stream.active = version
        self._forget_seen(stream)
        self._db.execute("UPDATE streams SET active = ? WHERE name = ?", (version, stream.shape.stream))

    # Output.

    def batches(self, stream: Stream) -> Iterator[Batch]:
        """Yield a stream's rows, by key or else by value, in batches of limited size. The next one empties the last."""
        read = row_reader(stream.shape)
        rows: list[Values] = []
        size = 0
        for row in self._stored(stream):
            rows.append(read(row))
            size += len(row[-1])
            del row
            if len(rows) == _BATCH_ROWS or size >= _BATCH_BYTES:
                yield Batch(rows, size)
                rows.clear()
                size = 0
        if rows:
            yield Batch(rows, size)

    def _stored(self, stream: Stream) -> Iterator[tuple[Any, ...]]:
        cursor = self._db.cursor()
        cursor.arraysize = 1000
        cursor.execute(f"SELECT * FROM {stream.table} ORDER BY {', '.join(stream.key)}")
        return cursor if stream.shape.key else ((row,) for row, _, copies in cursor for _ in range(copies))

    def largest(self, stream: Stream) -> int:
        """Return the bytes of a stream's largest row."""
        return self._number(f"SELECT max(length(row)) FROM {stream.table}")

    def count(self, stream: Stream) -> int:
        """Return the number of a stream's rows."""
        return self._number(f"SELECT {'count(*)' if stream.shape.key else 'sum(copies)'} FROM {stream.table}")

    def differences(self, stream: Stream) -> Differences | None:
        """Return how a stream's rows differ from those of the package on disk; None if unknown."""
        if stream.has_stepped_back:
            return None
        return self._undo.differences(stream) if stream.is_logged else (0, 0, 0)

    def orphans(self, stream: Stream, fields: Iterable[str], other: Stream, other_fields: Iterable[str]) -> int:
        """Return how many distinct values of these key fields have no row in another stream."""
        mine = [stream.key[stream.shape.key.index(name)] for name in fields]
        theirs = [other.key[other.shape.key.index(name)] for name in other_fields]
        return self._number(
            f"SELECT count(*) FROM (SELECT DISTINCT {', '.join(mine)} FROM {stream.table}"
            f" EXCEPT SELECT {', '.join(theirs)} FROM {other.table})"
        )

    def _number(self, query: str) -> int:
        return self._db.execute(query).fetchone()[0] or 0

    def get(self, name: str, kind: Any = Any) -> Any:  # noqa: ANN401
        """Return the value that is recorded under a name, as a type; None without a value."""
        row = self._db.execute("SELECT value FROM meta WHERE name = ?", (name,)).fetchone()
        return msgspec.json.decode(row[0], type=kind | None) if row else None

    def note(self, name: str, value: Any) -> None:  # noqa: ANN401
        """Record a value under a name, as JSON."""
        self._db.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (name, msgspec.json.encode(value).decode()))

    # Transactions.

    def mark(self) -> None:
        """Mark a point in the run for `back_to_mark`."""
        if self._marked is not None:
            self._db.execute("RELEASE mark")
        self._db.execute("SAVEPOINT mark")
        self._marked = {name: replace(stream) for name, stream in self.streams.items()}

    def back_to_mark(self) -> None:
        """Discard everything since the last mark, if there is one."""
        if self._marked is not None:
            self._db.execute("ROLLBACK TO mark")
            self.streams = self._marked

    def commit(self, state: Any = None) -> None:  # noqa: ANN401
        """Commit the run, with the Singer state of the rows, if any."""
        if state is not None:
            marks = self.get("marks", dict[str, Any]) or {}
            for name, stream in self.streams.items():
                if stream.is_logged:
                    _, before = marks.get(name) or (None, {})
                    if self.first_state is not None:
                        before = bookmarks(stream.shape, self.first_state)
                    marks[name] = [before, bookmarks(stream.shape, state)]
            self.note("marks", marks)
        self._db.execute("COMMIT")

    def close(self) -> None:
        """Close the file. Uncommitted changes are discarded."""
        self._db.close()


def _places(parts: list[str]) -> str:
    return ", ".join("?" * len(parts))


def _equal(parts: list[str]) -> str:
    return " AND ".join(f"{part} = ?" for part in parts)
