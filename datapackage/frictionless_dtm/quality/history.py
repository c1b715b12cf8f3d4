"""What DTM said at every run: the histories of a package in DuckDB, under the views that users install."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from frictionless_dtm.quality.database import TYPES, Database, connected
from frictionless_dtm.quality.streams import FIGURES, columns_of
from tap_dtm.metadata import load_catalogue
from tap_dtm.metadata.model import API_VERSIONS, LEVELS
from tap_dtm.views.dialects import DuckDB
from tap_dtm.views.package import reader
from tap_dtm.views.script import query_of, views_of
from tap_dtm.views.warehouse import Warehouse

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from frictionless_dtm.descriptor.contents import Contents
    from tap_dtm.metadata import Resource

_RUNS: Final = "runs"
_VIEWS: Final = ("history_runs", "round_versions", "revisions")


@contextmanager
def histories_of(contents: Contents) -> Iterator[Database | None]:
    """Read the histories of a package, and make the views on them; None if it has none.

    Raises:
        DtmError: They cannot be read.
    """
    resources = {str(each["name"]): each for each in contents.descriptor.get("resources") or ()}
    levels = _levels(resources)
    if not levels:
        yield None
        return
    warehouse = Warehouse(DuckDB("dtm"), API_VERSIONS[-1], levels, has_history=True)
    with connected(contents) as db:
        db.execute("CREATE SCHEMA dtm")
        for table in warehouse.tables:
            if table.keeps_the_past:
                columns = _columns(table, columns_of(resources[table.name]))
                rows = reader(contents.folder, resources[table.name])
                db.execute(f"CREATE TABLE dtm.{table.name} AS SELECT {columns} FROM {rows}")
        for view in views_of(warehouse):
            if view.name in _VIEWS:
                db.execute(f"CREATE TABLE dtm.{view.name} AS {query_of(warehouse, view)}")
        yield Database((), "", None, db)


def _levels(resources: Mapping[str, Mapping[str, Any]]) -> list[int]:
    """Return the levels whose histories are there, with the runs, and with the columns that say what they hold."""
    known = load_catalogue().resources

    def has(name: str) -> bool:
        needed = {*known[name].key, *known[name].marks, *(FIGURES if known[name].history_of else ())}
        types = {field.name: field.type for field in known[name].fields if field.name in needed}
        return name in resources and columns_of(resources[name]).items() >= types.items()

    return [level for level in LEVELS if has(_RUNS) and has(f"idp_admin{level}_history")]


def _columns(table: Resource, there: Mapping[str, str]) -> str:
    """Return the columns that the views expect; null where the file lacks them or has them with another type."""
    return ", ".join(
        f"CAST({field.name if there.get(field.name) == field.type else 'NULL'} AS {TYPES[field.type]}) AS {field.name}"
        for field in table.fields
    )
