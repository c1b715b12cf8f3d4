"""A stream in the store: its tables, and its changes in this run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from frictionless_dtm.descriptor.shape import Shape


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
