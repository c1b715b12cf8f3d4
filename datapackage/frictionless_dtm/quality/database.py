"""A package's displacement figures in DuckDB, under the views that users install.

What "newest", "stale" or "the round before" means is written there, and nowhere else. The files are read once, and each
view that page and report show becomes a table, so that it is computed once.
"""

from __future__ import annotations

import datetime as dt
from contextlib import contextmanager
from dataclasses import astuple, dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

from frictionless_dtm.quality.streams import Table, columns_of, figure_tables, pcode_table, reference_date
from tap_dtm.errors import DtmError
from tap_dtm.metadata import load_catalogue
from tap_dtm.metadata.model import API_VERSIONS
from tap_dtm.metadata.views import load_views
from tap_dtm.views.dialects import DuckDB
from tap_dtm.views.package import preferences_of, reader
from tap_dtm.views.placeholders import fill, placeholders
from tap_dtm.views.preferences import COLUMNS, check_known
from tap_dtm.views.script import query_of
from tap_dtm.views.warehouse import Warehouse

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from duckdb import DuckDBPyConnection

    from frictionless_dtm.descriptor.contents import Contents

Row = dict[str, Any]
RoundKey = tuple[str, str, str, "int | None", "str | None"]
"""Country, operation, reporting date, round number and assessment type."""

_SETTINGS: Final[dict[str, str | bool | int | float | list[str]]] = {
    "memory_limit": "160MB",
    "threads": 2,
    # Nothing is loaded from a network.
    "autoinstall_known_extensions": False,
    "autoload_known_extensions": False,
}
TYPES: Final = {
    "string": "VARCHAR",
    "integer": "BIGINT",
    "date": "DATE",
    "datetime": "TIMESTAMP",
    "boolean": "BOOLEAN",
}
"""DuckDB's types of the columns of DTM's tables."""
_VIEWS: Final = frozenset(
    {
        "operation_rounds",
        "operation_freshness",
        "headline_stock_admin0",
        "headline_stock_admin1",
        "headline_stock_admin2",
        "stock_by_reason",
        "stock_by_sex",
        "origin_to_host",
        "reconciliation",
    }
)
_VIEWS_OF_AREAS: Final = frozenset({"areas", "latest_stock_admin1", "latest_stock_admin2"})
"""Those that the report shows in addition, where the package has OCHA's list of P-codes."""
_STATUS: Final = {"admin0_pcode": "string", "operation": "string", "operation_status": "string"}
_ROUND: Final = {
    "key": "admin0_pcode AS country, operation, reporting_date, round_number, assessment_type",
    "in_order": "admin0_pcode, operation, reporting_date, round_number NULLS FIRST, assessment_type NULLS FIRST",
    "published": "CASE WHEN $is_unknown({0}) THEN '' ELSE {0} END",
}
"""Placeholders of page and report: a round, the order of rounds, and the text of an area, which may be empty."""


@dataclass(frozen=True)
class Database:
    """The figures of a package; empty where it has none.

    Attributes:
        tables: The tables of figures, from the country level down.
        reference: The day from which ages are counted: the same for the same package, whatever day it is.
        pcodes: The name of the table of P-codes; None without one.
    """

    tables: tuple[Table, ...]
    reference: str
    pcodes: str | None = None
    _db: DuckDBPyConnection | None = None

    @property
    def levels(self) -> list[int]:
        """The administrative levels that it has."""
        return [table.level for table in self.tables]

    def has(self, *columns: str) -> bool:
        """Say whether a table has all of these columns."""
        return any(table.has(*columns) for table in self.tables)

    def rows(self, query: str) -> list[Row]:
        """Return the answer to a query that may have the placeholders of the views."""
        return self.answer(self.filled(query)) if self.tables else []

    def answer(self, query: str) -> list[Row]:
        """Return the answer to a query without placeholders; dates as ``YYYY-MM-DD``."""
        if self._db is None:
            return []
        answer = self._db.execute(query)
        names = [column[0] for column in answer.description or ()]
        return [dict(zip(names, map(_plain, row), strict=True)) for row in answer.fetchall()]

    def filled(self, query: str) -> str:
        """Return a query without placeholders."""
        return fill(query, placeholders(self.warehouse, None) | _ROUND)

    def unknown_rows(self) -> dict[RoundKey, dict[int, int]]:
        """Return every round with its levels, and with the number of rows that have no figure at each of them."""
        found: dict[RoundKey, dict[int, int]] = {}
        for row in self.rows("SELECT $key, admin_level, unknown FROM dtm.round_levels ORDER BY $in_order, admin_level"):
            found.setdefault(key_of(row), {})[row["admin_level"]] = row["unknown"]
        return found

    @property
    def has_areas(self) -> bool:
        """Whether it has OCHA's list of P-codes, and areas that the list may have."""
        return self.pcodes is not None and any(self.levels)

    @property
    def warehouse(self) -> Warehouse:
        """Where the views are. Of all versions of the API the newest has the most of them."""
        today = dt.date.fromisoformat(self.reference)
        return Warehouse(DuckDB("dtm"), API_VERSIONS[-1], self.levels, today, has_pcodes=self.has_areas)


@contextmanager
def database_of(contents: Contents, views: Collection[str] = _VIEWS | _VIEWS_OF_AREAS) -> Iterator[Database]:
    """Read the figures of a package.

    Args:
        contents: The package.
        views: The names of the views that are computed, as far as the package has what they read.

    Raises:
        DtmError: They cannot be read or added up, or a preferred operation is not one of them.
    """
    tables = figure_tables(contents.descriptor)
    reference = reference_date(contents.descriptor)
    if not tables:
        yield Database((), reference)
        return
    with connected(contents) as db:
        made = Database(tables, reference, pcode_table(contents.descriptor), db)
        for statement in _statements(made, contents, views):
            db.execute(statement)
        yield made


@contextmanager
def connected(contents: Contents) -> Iterator[DuckDBPyConnection]:
    """Open an empty DuckDB for the figures of a package, of which nothing stays.

    Raises:
        DtmError: A statement fails.
    """
    import duckdb  # noqa: PLC0415  takes its time to load

    try:
        with duckdb.connect(contents.scratch / "figures.duckdb", config=_SETTINGS) as db:
            db.execute("SET enable_progress_bar = FALSE")  # it is drawn on standard output, which has the state
            db.execute("BEGIN")  # and no commit: nothing of this is to stay
            yield db
    except duckdb.Error as error:
        reason = str(error).splitlines()[0].rstrip(".")
        raise DtmError(
            f"The figures for the page cannot be read from the files of the data package: {reason}."
        ) from error


def _statements(database: Database, contents: Contents, views: Collection[str]) -> Iterator[str]:
    """Yield what loads the files and makes the views."""
    resources = {str(each["name"]): each for each in contents.descriptor["resources"]}
    yield "CREATE SCHEMA files; CREATE SCHEMA dtm"
    for table in database.tables:
        yield f"CREATE TABLE {table.relation} AS FROM {reader(contents.folder, resources[table.name])}"
        yield f"CREATE VIEW dtm.idp_admin{table.level} AS SELECT {_columns(table)} FROM {table.relation}"
    columns = ", ".join(f"{name} TEXT" for name in _STATUS)
    yield f"CREATE TABLE dtm.operations ({columns}, _sdc_deleted_at TIMESTAMP)"
    lists = (each for each in resources.values() if columns_of(each).items() >= _STATUS.items())
    for statuses in islice(lists, 1):  # any others are copies
        yield (
            "INSERT INTO dtm.operations SELECT admin0_pcode, operation, MAX(operation_status), NULL\n"
            f"FROM {reader(contents.folder, statuses)} GROUP BY admin0_pcode, operation"
        )
    if database.pcodes:
        listed = reader(contents.folder, resources[database.pcodes])
        yield f"CREATE TABLE dtm.pcodes AS SELECT *, CAST(NULL AS TIMESTAMP) AS _sdc_deleted_at FROM {listed}"
    warehouse = database.warehouse
    for own in load_views(warehouse.api_version, section="tables"):
        yield warehouse.dialect.create_table(own)
    if preferences := preferences_of(contents.descriptor):
        relations = ("dtm.operations", *(table.relation for table in database.tables))
        known = database.answer(" UNION ".join(f"SELECT admin0_pcode, operation FROM {each}" for each in relations))
        check_known(preferences, [(each["admin0_pcode"], each["operation"]) for each in known])
        values = warehouse.dialect.values(COLUMNS, [astuple(each) for each in preferences])
        yield f"INSERT INTO dtm.preferred_operations {values}"
    for view in load_views(warehouse.api_version):  # all, also those that nothing can be in: the page asks them
        if view.level not in {None, *warehouse.levels} or (view.with_pcodes and not database.has_areas):
            continue
        query = query_of(warehouse, view)
        if view.kind == "idp_admin{level}_current":
            yield f"CREATE VIEW dtm.{view.name} AS {query}"
        elif view.name in views and (database.has_areas or view.name not in _VIEWS_OF_AREAS):
            yield f"CREATE TABLE dtm.{view.name} AS {query}"
    yield database.filled(
        "CREATE TABLE dtm.round_levels AS\n"
        "SELECT $round, admin_level, COUNT(*) - COUNT(num_present_idp_ind) AS unknown FROM $rows GROUP BY ALL"
    )


def _columns(table: Table) -> str:
    """Return the columns that the views expect; null where the file lacks them or has them with another type."""
    fields = load_catalogue().resources["idp_admin2"].fields
    return ", ".join(
        field.name if table.has(field.name) else f"CAST(NULL AS {TYPES[field.type]}) AS {field.name}"
        for field in fields
    )


def key_of(row: Row) -> RoundKey:
    """Return the round that a row of an answer is about."""
    return row["country"], row["operation"], row["reporting_date"], row["round_number"], row["assessment_type"]


def _plain(value: Any) -> Any:  # noqa: ANN401
    return value.isoformat() if isinstance(value, dt.date) else value
