# ruff: noqa: S608 - the names of tables and columns in the queries come from this module's own numbers
"""The target's record between runs, in one SQLite file: the rows by key, and a description of the package on disk.

Each run is one transaction.
"""

from __future__ import annotations

import json
import sqlite3
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

import msgspec

from frictionless_dtm.descriptor.progress import bookmarks
from frictionless_dtm.descriptor.shape import Shape
from frictionless_dtm.target.conversion import check_key, mover
from frictionless_dtm.target.journal import Layout, Start, UndoLog, start_of
from frictionless_dtm.target.rows import Batch, RowReader
from frictionless_dtm.target.upgrade import FIRST_FORMAT, upgrade
from tap_dtm.errors import DtmError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from frictionless_dtm.target.journal import Differences
    from frictionless_dtm.target.rows import Key, Values

_CACHE_KB: Final = 48 * 1024
_FORMAT: Final = 2
_BATCH_ROWS: Final = 5_000
_BATCH_BYTES: Final = 4 * 1024 * 1024


@dataclass
class Stream:
    """One stream: its table, and its changes in this run.

    ``active`` is the table version (ACTIVATE_VERSION) that its rows belong to.
    """

    number: int
    shape: Shape
    active: int | None = None
    has_changed: bool = False
    has_stepped_back: bool = False  # its rows differ from those of the package on disk
    is_from_scratch: bool = False  # the run sends all rows; others are removed
    seen: int | None = field(default=None)  # the table version whose keys are being collected

    @property
    def table(self) -> str:
        """The name of its table."""
        return f"rows_{self.number}"

    @property
    def parts(self) -> list[str]:
        """The names of the key's columns in the table."""
        return [f"k{number}" for number in range(len(self.shape.key))]

    @property
    def definition(self) -> str:
        """The statement that creates its table."""
        if not self.shape.key:
            columns = "row BLOB, version INTEGER, copies INTEGER, PRIMARY KEY (row, version)"
        else:
            parts = ", ".join(f"{part} NOT NULL" for part in self.parts)
            columns = f"{parts}, row BLOB NOT NULL, PRIMARY KEY ({', '.join(self.parts)})"
        return f"CREATE TABLE {self.table} ({columns}) WITHOUT ROWID"

    @property
    def layout(self) -> Layout:
        """The columns of its table."""
        if self.shape.key:
            places = (place for place, column in enumerate(self.shape.others) if column.name in self.shape.key)
            return Layout(self.number, self.table, self.parts, "row", has_key=True, key_places=frozenset(places))
        return Layout(self.number, self.table, ["row", "version"], "copies", has_key=False)


class Store:
    """Opens or creates the file, for one process at a time.

    Raises:
        DtmError: Another run has the file open, or a newer version of this program wrote it.
        sqlite3.Error: The file cannot be opened, read or written. All methods raise this error.
    """

    def __init__(self, path: Path) -> None:  # noqa: D107
        self._db = sqlite3.connect(path, isolation_level=None, timeout=0.2, cached_statements=0)
        self._first: Any = None
        self._begun: set[str] = set()
        self._begun_at_mark: set[str] = set()
        self._marked: dict[str, Stream] | None = None
        self.streams: dict[str, Stream] = {}
        try:
            self._open(path)
        except BaseException:
            self._db.close()
            raise

    def _open(self, path: Path) -> None:
        try:
            self._db.execute("PRAGMA locking_mode = EXCLUSIVE")
            for pragma in ("journal_mode = TRUNCATE", "synchronous = FULL", f"cache_size = -{_CACHE_KB}"):
                self._db.execute(f"PRAGMA {pragma}")
            self._db.execute("BEGIN EXCLUSIVE")
        except sqlite3.OperationalError as error:
            if "locked" not in str(error):
                raise
            raise DtmError(
                f"Another run is writing this data package ({path} is locked): wait until it ends."
            ) from error
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
        self._load()
        if version == FIRST_FORMAT:
            for stream in self.streams.values():
                upgrade(self._db, stream)

    def _load(self) -> None:
        self.streams = {}
        for name, number, shape, active in self._db.execute("SELECT * FROM streams ORDER BY name"):
            self.streams[name] = Stream(number, msgspec.json.decode(shape, type=Shape), active)
            self.streams[name].seen = self.get(f"seen {name}")

    # Input.

    def resume(self, first: Any) -> None:  # noqa: ANN401
        """Set the state that the run continues from.

        Args:
            first: The value of the first STATE message; None if other messages come first.
        """
        self._first = first

    def _begin(self, stream: Stream) -> None:
        """Adjust a stream's rows to the state that the run continues from, and begin to log changes.

        Raises:
            DtmError: The rows do not fit the state.
        """
        name = stream.shape.stream
        if self._first is not None and (marks := (self.get("marks") or {}).get(name)):
            start = start_of(bookmarks(stream.shape, self._first), *marks)
            if start is Start.OUT_OF_STEP:
                raise DtmError(
                    f"The tap's state is not the state of the last run. With it, {name} in this package would lack "
                    "rows or keep removed ones. Use the state of the last run, or start the tap without state (with "
                    "Meltano, --full-refresh)."
                )
            was_empty = start is Start.ONE_RUN_AHEAD and self._undo.was_empty(stream.layout)
            if start is Start.UNKNOWN_TO_IT or was_empty:
                # The run starts from scratch: it sends every row, and no tombstones.
                stream.is_from_scratch = True
            elif start is Start.ONE_RUN_AHEAD and (shape := self._undo.step_back(stream.layout)):
                stream.shape = msgspec.json.decode(shape, type=Shape)
                stream.has_changed = stream.has_stepped_back = True
        self._undo.begin(stream.layout, msgspec.json.encode(stream.shape).decode())
        self._begun.add(name)

    def declare(self, shape: Shape) -> Stream:
        """Declare the shape of a stream. Stored rows keep the columns that still exist.

        Raises:
            DtmError: The stream had another key before, or the rows do not fit the state of the run.
        """
        stream = self.streams.get(shape.stream)
        if stream is None:
            taken = {each.number for each in self.streams.values()}
            stream = Stream(max(taken, default=-1) + 1, shape, has_changed=True)
            self._db.execute(stream.definition)
            self.streams[shape.stream] = stream
        if shape.stream not in self._begun:
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
            self._move(stream, shape)
        except sqlite3.OperationalError as error:
            raise (refused[0] if refused else error) from None
        stream.has_changed = True

    def _move(self, stream: Stream, shape: Shape) -> None:
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

    def put(self, stream: Stream, rows: Mapping[Key, bytes | None]) -> None:
        """Write rows by key; None removes the row."""
        parts = ", ".join(stream.parts)
        places = ", ".join("?" * (len(stream.parts) + 1))
        written = self._db.executemany(
            f"INSERT INTO {stream.table} VALUES ({places}) ON CONFLICT ({parts})"
            " DO UPDATE SET row = excluded.row WHERE row <> excluded.row",
            ((*key, row) for key, row in rows.items() if row is not None),
        ).rowcount
        where = " AND ".join(f"{part} = ?" for part in stream.parts)
        removed = self._db.executemany(
            f"DELETE FROM {stream.table} WHERE {where}",
            (key for key, row in rows.items() if row is None),
        ).rowcount
        stream.has_changed |= written > 0 or removed > 0

    def keep_only(self, stream: Stream, keys: Iterable[Key]) -> None:
        """Remove the rows of all other keys."""
        stored = self._db.execute(f"SELECT {', '.join(stream.parts)} FROM {stream.table}").fetchall()
        self.put(stream, dict.fromkeys(set(stored).difference(keys)))

    def keep_up_to(self, stream: Stream, last: Mapping[Key, int]) -> None:
        """Remove the rows with a position above the last one of their group. A position is the last part of a key."""
        *group, position = stream.parts
        columns = ", ".join(group)
        ends = self._db.execute(f"SELECT {columns}, max({position}) FROM {stream.table} GROUP BY {columns}").fetchall()
        where = " AND ".join(f"{part} = ?" for part in group)
        for *key, end in ends:
            if end > (kept := last.get(tuple(key), -1)):
                gone = f"DELETE FROM {stream.table} WHERE {where} AND {position} > ?"
                self._db.execute(gone, (*key, kept))
                stream.has_changed = True

    def append(self, stream: Stream, rows: Iterable[tuple[bytes, int]]) -> None:
        """Write rows of a stream without key, each with its table version (0 for none)."""
        written = self._db.executemany(
            f"INSERT INTO {stream.table} VALUES (?, ?, 1) ON CONFLICT (row, version) DO UPDATE SET copies = copies + 1",
            rows,
        ).rowcount
        stream.has_changed |= written > 0

    def saw(self, stream: Stream, version: int, keys: Iterable[Key]) -> None:
        """Record the keys of a table version until it is activated, perhaps in a later run."""
        parts = ", ".join(stream.parts)
        if stream.seen != version:
            self._forget_seen(stream)
            self._db.execute(f"CREATE TABLE seen_{stream.number} ({parts}, PRIMARY KEY ({parts})) WITHOUT ROWID")
            stream.seen = version
            self.note(f"seen {stream.shape.stream}", version)
        places = ", ".join("?" * len(stream.parts))
        self._db.executemany(f"INSERT OR IGNORE INTO seen_{stream.number} VALUES ({places})", keys)

    def _forget_seen(self, stream: Stream) -> None:
        self._db.execute(f"DROP TABLE IF EXISTS seen_{stream.number}")
        stream.seen = None
        self.note(f"seen {stream.shape.stream}", None)

    def activate(self, stream: Stream, version: int) -> None:
        """Remove the rows that do not belong to a table version."""
        if version == stream.active:
            return
        if not stream.shape.key:
            gone = f"DELETE FROM {stream.table} WHERE version <> {version:d}"
        elif stream.seen == version:
            parts = ", ".join(stream.parts)
            gone = f"DELETE FROM {stream.table} WHERE ({parts}) NOT IN (SELECT {parts} FROM seen_{stream.number})"
        else:
            gone = f"DELETE FROM {stream.table}"
        stream.has_changed |= self._db.execute(gone).rowcount > 0
        stream.active = version
        if stream.seen is not None:
            self._forget_seen(stream)
        self._db.execute("UPDATE streams SET active = ? WHERE name = ?", (version, stream.shape.stream))

    # Output.

    def batches(self, stream: Stream) -> Iterator[Batch]:
        """Yield a stream's rows, by key or else by value, in batches of limited size. The next one empties the last."""
        read = RowReader(stream.shape).row
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

    def largest(self, stream: Stream) -> int:
        """Return the bytes of a stream's largest row."""
        return int(self._db.execute(f"SELECT coalesce(max(length(row)), 0) FROM {stream.table}").fetchone()[0])

    def _stored(self, stream: Stream) -> Iterator[tuple[Any, ...]]:
        cursor = self._db.cursor()
        cursor.arraysize = 1000
        if stream.shape.key:
            return cursor.execute(f"SELECT * FROM {stream.table} ORDER BY {', '.join(stream.parts)}")
        cursor.execute(f"SELECT row, copies FROM {stream.table} ORDER BY row, version")
        return ((row,) for row, copies in cursor for _ in range(copies))

    def count(self, stream: Stream) -> int:
        """Return the number of a stream's rows."""
        what = "count(*)" if stream.shape.key else "coalesce(sum(copies), 0)"
        return int(self._db.execute(f"SELECT {what} FROM {stream.table}").fetchone()[0])

    def differences(self, stream: Stream) -> Differences | None:
        """Return how a stream's rows differ from those of the package on disk; None if unknown."""
        if stream.has_stepped_back:
            return None
        return self._undo.differences(stream.layout) if stream.shape.stream in self._begun else (0, 0, 0)

    def orphans(self, stream: Stream, fields: Iterable[str], other: Stream, other_fields: Iterable[str]) -> int:
        """Return how many distinct values of these key fields have no row in another stream."""
        mine = [stream.parts[stream.shape.key.index(name)] for name in fields]
        theirs = [other.parts[other.shape.key.index(name)] for name in other_fields]
        query = (
            f"SELECT count(*) FROM (SELECT DISTINCT {', '.join(mine)} FROM {stream.table}"
            f" EXCEPT SELECT {', '.join(theirs)} FROM {other.table})"
        )
        return int(self._db.execute(query).fetchone()[0])

    def get(self, name: str) -> Any:  # noqa: ANN401
        """Return the value that is recorded under a name, if any."""
        row = self._db.execute("SELECT value FROM meta WHERE name = ?", (name,)).fetchone()
        return json.loads(row[0]) if row else None

    def note(self, name: str, value: Any) -> None:  # noqa: ANN401
        """Record a JSON value under a name."""
        self._db.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (name, json.dumps(value)))

    # Transactions.

    def mark(self) -> None:
        """Mark a point in the run for `back_to_mark`."""
        if self._marked is not None:
            self._db.execute("RELEASE mark")
        self._db.execute("SAVEPOINT mark")
        self._marked = {name: replace(stream) for name, stream in self.streams.items()}
        self._begun_at_mark = set(self._begun)

    def back_to_mark(self) -> None:
        """Discard everything since the last mark, if there is one."""
        if self._marked is not None:
            self._db.execute("ROLLBACK TO mark")
            self.streams = self._marked
            self._begun = self._begun_at_mark

    def commit(self, state: Any = None) -> None:  # noqa: ANN401
        """Commit the transaction, and begin the next one.

        Args:
            state: The Singer state of the rows, if any.
        """
        if state is not None:
            marks = self.get("marks") or {}
            for name in self._begun:
                shape = self.streams[name].shape
                _, before = marks.get(name) or (None, {})
                if self._first is not None:
                    before = bookmarks(shape, self._first)
                marks[name] = [before, bookmarks(shape, state)]
            self.note("marks", marks)
        self._db.execute("COMMIT")
        self._marked = None
        self._db.execute("BEGIN EXCLUSIVE")
        self.streams = {
            name: replace(stream, has_changed=False, is_from_scratch=False, has_stepped_back=False)
            for name, stream in self.streams.items()
        }

    def close(self) -> None:
        """Close the file. Uncommitted changes are discarded."""
        self._db.close()
