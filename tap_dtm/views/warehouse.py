"""The database with the tables, in which the views are made."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from tap_dtm.metadata import load_catalogue
from tap_dtm.views.dialects import BigQuery, DuckDB
from tap_dtm.views.postgres import Postgres

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Collection

    from tap_dtm.metadata import Resource
    from tap_dtm.views.dialects import Dialect

DIALECTS: Final[dict[str, type[Dialect]]] = {"postgres": Postgres, "bigquery": BigQuery, "duckdb": DuckDB}


@dataclass(frozen=True)
class Warehouse:
    """A database, and which tables it has.

    Attributes:
        dialect: The database.
        api_version: The version of the API that its tables come from.
        levels: The administrative levels that are loaded, in order.
        today: The day from which ages are counted; None for the day of each query.
        has_pcodes: Whether the table ``pcodes`` is loaded.
        has_history: Whether the histories of these levels and ``runs`` are loaded.
    """

    dialect: Dialect
    api_version: str
    levels: Collection[int]
    today: dt.date | None = None
    has_pcodes: bool = False
    has_history: bool = False

    @property
    def tables(self) -> list[Resource]:
        """The tables that are loaded."""
        return [
            table
            for table in load_catalogue().resources.values()
            if table.level in {None, *self.levels}
            and (
                table.selected_by_default
                or (self.has_history and table.keeps_the_past)
                or (self.has_pcodes and table.name == "pcodes")
            )
        ]
