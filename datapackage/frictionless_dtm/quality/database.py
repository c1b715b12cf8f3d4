"""The figures and the histories of a package in DuckDB, with the views that users install.

Only these views define "newest", "stale" and "the round before". The files are read once. A view becomes a table when
the first query reads it, so that it is computed once.
"""

from __future__ import annotations

import datetime as dt
import re
from contextlib import contextmanager
from dataclasses import astuple, dataclass, field
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

from frictionless_dtm.descriptor.contents import ROUND
from frictionless_dtm.descriptor.package import tables_of
from frictionless_dtm.descriptor.table_schema import PREFIX
from tap_dtm.errors import DtmError
from tap_dtm.metadata import load_catalogue
from tap_dtm.metadata.model import API_VERSIONS, LEVELS
from tap_dtm.metadata.views import load_views
from tap_dtm.views.dialects import DuckDB
from tap_dtm.views.package import TYPES, preferences_of, reader
from tap_dtm.views.placeholders import fill, placeholders
from tap_dtm.views.preferences import COLUMNS, check_known
from tap_dtm.views.script import query_of, views_of
from tap_dtm.views.warehouse import Warehouse

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping

    from duckdb import DuckDBPyConnection

    from frictionless_dtm.descriptor.contents import Contents, RoundKey
    from tap_dtm.metadata import Resource
    from tap_dtm.metadata.views import View

Row = dict[str, Any]

FIGURES: Final = (*ROUND, "num_present_idp_ind")
"""The columns that displacement figures need."""
_TYPES: Final = {**TYPES, "string": "VARCHAR", "datetime": "TIMESTAMP"}
"""DuckDB's types of the columns of DTM's tables."""
_SETTINGS: Final[dict[str, str | bool | int | float | list[str]]] = {
    "memory_limit": "160MB",
    "threads": 2,
    # Nothing is loaded from a network.
    "autoinstall_known_extensions": False,
    "autoload_known_extensions": False,
}
_VIEW: Final = re.compile(r'\bdtm"?\.(\w+)')
_CURRENT: Final = "idp_admin{level}_current"
_STATUS: Final = {"admin0_pcode": "string", "operation": "string", "operation_status": "string"}
_ROUND: Final = {
    "key": "admin0_pcode AS country, operation, reporting_date, round_number, assessment_type",
    "in_order": "admin0_pcode, operation, reporting_date, round_number NULLS FIRST, assessment_type NULLS FIRST",
    "published": "CASE WHEN $is_unknown({0}) THEN '' ELSE {0} END",
}
"""Placeholders of page and report: a round, the order of rounds, and the text of an area, which may be empty."""
_OF_HISTORIES: Final = ("history_runs", "round_versions", "revisions")


@dataclass(frozen=True)
class Table:
    """A table of displacement figures: its resource, its administrative level, and its columns with their types."""

    name: str
    level: int
    columns: Mapping[str, str]

    @property
    def relation(self) -> str:
        """The name of the table in DuckDB."""
        return f"files.level{self.level}"

    def has(self, *columns: str) -> bool:
        """Return whether it has all of these columns, with the types of the catalogue."""
        known = load_catalogue().fields
        return all(self.columns.get(name) == known[name].type for name in columns)


@dataclass(frozen=True)
class Database:
    """The figures of a package, which may have none.

    Attributes:
        tables: The tables of figures, from the country level down.
        reference: The day from which ages are counted: the same for the same package, whatever day it is.
        pcodes: The name of the table of P-codes, if there is one.
    """

    tables: tuple[Table, ...]
    reference: str
    pcodes: str | None = None
    _db: DuckDBPyConnection | None = None
    _to_compute: dict[str, View] = field(default_factory=dict)

    @property
    def levels(self) -> list[int]:
        """The administrative levels."""
        return [table.level for table in self.tables]

    def has(self, *columns: str) -> bool:
        """Return whether a table has all of these columns."""
        return any(table.has(*columns) for table in self.tables)

    def rows(self, query: str) -> list[Row]:
        """Return the answer to a query, which may have the placeholders of the views."""
        return self.answer(self.prepared(query)) if self.tables else []

    def answer(self, query: str) -> list[Row]:
        """Return the answer to a query without placeholders; dates as ``YYYY-MM-DD``."""
        if self._db is None:
            return []
        answer = self._db.execute(query)
        names = [column[0] for column in answer.description or ()]
        return [dict(zip(names, map(_plain, row), strict=True)) for row in answer.fetchall()]

    def prepared(self, query: str) -> str:
        """Return a query without placeholders, after computing the views that it reads."""
        query = fill(query, placeholders(self.warehouse, None) | _ROUND)
        self._compute_views(query)
        return query

    def _compute_views(self, query: str) -> None:
        for name in _VIEW.findall(query):
            if view := self._to_compute.pop(name, None):
                definition = query_of(self.warehouse, view)
                self._compute_views(definition)
                self.answer(f"CREATE TABLE dtm.{name} AS {definition}")

    @property
    def has_areas(self) -> bool:
        """Whether there are OCHA's list of P-codes, and areas that the list may have."""
        return self.pcodes is not None and any(self.levels)

    @property
    def warehouse(self) -> Warehouse:
        """The place of the views. The newest version of the API has most of them."""
        today = dt.date.fromisoformat(self.reference)
        return Warehouse(DuckDB("dtm"), API_VERSIONS[-1], self.levels, today, has_pcodes=self.has_areas)


@contextmanager
def database_of(contents: Contents) -> Iterator[Database]:
    """Read the figures of a package.

    Raises:
        DtmError: The figures cannot be read or added up, or a preferred operation is not one of theirs.
    """
    tables = figure_tables(contents.descriptor)
    reference = reference_date(contents.descriptor)
    if not tables:
        yield Database((), reference)
        return
    with _connected(contents) as db:
        to_compute = {view.name: view for view in load_views(API_VERSIONS[-1]) if view.kind != _CURRENT}
        database = Database(tables, reference, pcode_table(contents.descriptor), db, to_compute)
        for statement in _statements(database, contents):
            db.execute(statement)
        yield database


@contextmanager
def _connected(contents: Contents) -> Iterator[DuckDBPyConnection]:
    """Open an empty DuckDB for the figures of a package. Nothing of it is kept.

    Raises:
        DtmError: A statement fails.
    """
    import duckdb  # noqa: PLC0415  slow to load

    try:
        with duckdb.connect(contents.scratch / "figures.duckdb", config=_SETTINGS) as db:
            db.execute("SET enable_progress_bar = FALSE")  # standard output is for the state
            db.execute("BEGIN")  # never committed, because nothing is kept
            yield db
    except duckdb.Error as error:
        reason = str(error).splitlines()[0].rstrip(".")
        raise DtmError(
            f"The figures for the page cannot be read from the files of the data package: {reason}."
        ) from error


def _statements(database: Database, contents: Contents) -> Iterator[str]:
    """Yield the statements that load the files."""
    resources = {str(each["name"]): each for each in contents.descriptor["resources"]}
    of_all_levels = load_catalogue().resources["idp_admin2"]
    yield "CREATE SCHEMA files; CREATE SCHEMA dtm"
    for table in database.tables:
        yield f"CREATE TABLE {table.relation} AS FROM {reader(contents.folder, resources[table.name])}"
        columns = _expected_columns(of_all_levels, resources[table.name])
        # A package has no other rows than the current ones. The users' view adds columns that no other view reads.
        yield f"CREATE VIEW dtm.idp_admin{table.level}_current AS SELECT {columns} FROM {table.relation}"
    columns = ", ".join(f"{name} TEXT" for name in _STATUS)
    yield f"CREATE TABLE dtm.operations ({columns}, _sdc_deleted_at TIMESTAMP)"
    lists = (each for each in resources.values() if _columns_of(each).items() >= _STATUS.items())
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
    yield database.prepared(
        "CREATE TABLE dtm.round_levels AS\n"
        "SELECT $round, admin_level, COUNT(*) - COUNT(num_present_idp_ind) AS unknown FROM $rows GROUP BY ALL"
    )


@contextmanager
def histories_of(contents: Contents, levels: Collection[int] = LEVELS) -> Iterator[Database | None]:
    """Read the histories of these levels, as far as a package has them, and make the views on them.

    It is None if there are none.

    Raises:
        DtmError: They cannot be read.
    """
    resources = {str(each["name"]): each for each in contents.descriptor.get("resources") or ()}
    there = [
        level
        for level in levels
        if _has_history(resources, "runs") and _has_history(resources, f"idp_admin{level}_history")
    ]
    if not there:
        yield None
        return
    warehouse = Warehouse(DuckDB("dtm"), API_VERSIONS[-1], there, has_history=True)
    with _connected(contents) as db:
        db.execute("CREATE SCHEMA dtm")
        for table in warehouse.tables:
            if table.keeps_the_past:
                columns = _expected_columns(table, resources[table.name])
                rows = reader(contents.folder, resources[table.name])
                db.execute(f"CREATE TABLE dtm.{table.name} AS SELECT {columns} FROM {rows}")
        for view in views_of(warehouse):
            if view.name in _OF_HISTORIES:
                db.execute(f"CREATE TABLE dtm.{view.name} AS {query_of(warehouse, view)}")
        yield Database((), "", None, db)


def _has_history(resources: Mapping[str, Mapping[str, Any]], name: str) -> bool:
    """Return whether a table is there, with the columns that show what it holds."""
    known = load_catalogue().resources[name]
    needed = {*known.key, *known.marks, *(FIGURES if known.history_of else ())}
    types = {field.name: field.type for field in known.fields if field.name in needed}
    return name in resources and _columns_of(resources[name]).items() >= types.items()


def key_of(row: Row) -> RoundKey:
    """Return the round of a row."""
    return row["country"], row["operation"], row["reporting_date"], row["round_number"], row["assessment_type"]


def _plain(value: Any) -> Any:  # noqa: ANN401
    return value.isoformat() if isinstance(value, dt.date) else value


def figure_tables(descriptor: Mapping[str, Any]) -> tuple[Table, ...]:
    """Return the tables of displacement figures, one for each administrative level.

    The level comes from the descriptor, because a stream map can rename a stream. Two tables of one level are copies of
    each other. The one with DTM's own name is used, or else the first by name.
    """
    tables: dict[int, Table] = {}
    own_names = {f"idp_admin{level}" for level in LEVELS}
    for resource in sorted(tables_of(descriptor), key=lambda each: (each["name"] not in own_names, each["name"])):
        level: Any = resource.get(f"{PREFIX}level")
        if level in LEVELS:
            table = Table(str(resource["name"]), level, _columns_of(resource))
            if table.has(*FIGURES):
                tables.setdefault(level, table)
    return tuple(tables[level] for level in sorted(tables))


def pcode_table(descriptor: Mapping[str, Any]) -> str | None:
    """Return the name of the first table with the columns of OCHA's P-codes, if there is one."""
    fields = load_catalogue().resources["pcodes"].fields
    needed = {field.name: field.type for field in fields if not field.name.startswith("_")}
    resources: Iterable[Mapping[str, Any]] = descriptor["resources"]
    return next((str(each["name"]) for each in resources if _columns_of(each).items() >= needed.items()), None)


def _columns_of(resource: Mapping[str, Any]) -> dict[str, str]:
    """Return the columns of a resource with their types."""
    return {str(field["name"]): str(field.get("type")) for field in (resource.get("schema") or {}).get("fields") or ()}


def _expected_columns(table: Resource, resource: Mapping[str, Any]) -> str:
    """Return the columns of a table that the views expect; null where a file lacks one or has it with another type."""
    there = _columns_of(resource)
    return ", ".join(
        f"CAST({field.name if there.get(field.name) == field.type else 'NULL'} AS {_TYPES[field.type]}) AS {field.name}"
        for field in table.fields
    )


def reference_date(descriptor: Mapping[str, Any]) -> str:
    """Return the day from which ages are counted: the day of access, or else the day on which the package was made.

    It is never today, so that the same package always shows the same.
    """
    accessed = (source.get(f"{PREFIX}accessed") for source in descriptor.get("sources") or ())
    return str(next(filter(None, accessed), descriptor.get("created") or "1970-01-01"))[:10]
