"""Where the views are to be."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tap_dtm.metadata import load_catalogue

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Collection

    from tap_dtm.metadata import Resource
    from tap_dtm.views.dialects import Dialect


@dataclass(frozen=True)
class Warehouse:
    """Where the views are to be.

    Attributes:
        dialect: The database.
        api_version: The version of the API that its tables come from.
        levels: The administrative levels that it holds, in order.
        today: The day from which ages are counted; None for the day of each query.
        has_pcodes: Whether it holds the table ``pcodes``.
        has_history: Whether it holds the histories of these levels, and ``runs``.
    """

    dialect: Dialect
    api_version: str
    levels: Collection[int]
    today: dt.date | None = None
    has_pcodes: bool = False
    has_history: bool = False

    @property
    def tables(self) -> list[Resource]:
        """The tables of these levels, and the lists; of those that a run loads only when asked to, the histories."""
        tables = load_catalogue().resources.values()
        return [
            table
            for table in tables
            if table.level in {None, *self.levels}
            and (
                table.selected_by_default
                or (self.has_history and table.keeps_the_past)
                or (self.has_pcodes and table.name == "pcodes")
            )
        ]
