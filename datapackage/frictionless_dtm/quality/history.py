"""The histories of a package in DuckDB, with the views that users install."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from frictionless_dtm.quality.database import Database, connected
from frictionless_dtm.quality.streams import FIGURES, columns_of, expected_columns
from tap_dtm.metadata import load_catalogue
from tap_dtm.metadata.model import API_VERSIONS, LEVELS
from tap_dtm.views.dialects import DuckDB
from tap_dtm.views.package import reader
from tap_dtm.views.script import query_of, views_of
from tap_dtm.views.warehouse import Warehouse

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from frictionless_dtm.descriptor.contents import Contents

_RUNS: Final = "runs"
_VIEWS: Final = ("history_runs", "round_versions", "revisions")


@contextmanager
def histories_of(contents: Contents, levels: Collection[int] = LEVELS) -> Iterator[Database | None]:
    """Read the histories of a package, and make the views on them; None if it has none.

    Args:
        contents: The package.
        levels: The administrative levels to read, as far as the package has their histories.

    Raises:
        DtmError: They cannot be read.
    """
    resources = {str(each["name"]): each for each in contents.descriptor.get("resources") or ()}
    there = [level for level in levels if _has(resources, _RUNS) and _has(resources, f"idp_admin{level}_history")]
    if not there:
        yield None
        return
    warehouse = Warehouse(DuckDB("dtm"), API_VERSIONS[-1], there, has_history=True)
    with connected(contents) as db:
        db.execute("CREATE SCHEMA dtm")
        for table in warehouse.tables:
            if table.keeps_the_past:
                columns = expected_columns(table, resources[table.name])
                rows = reader(contents.folder, resources[table.name])
                db.execute(f"CREATE TABLE dtm.{table.name} AS SELECT {columns} FROM {rows}")
        for view in views_of(warehouse):
            if view.name in _VIEWS:
                db.execute(f"CREATE TABLE dtm.{view.name} AS {query_of(warehouse, view)}")
        yield Database((), "", None, db)


def _has(resources: Mapping[str, Mapping[str, Any]], name: str) -> bool:
    """Return whether a table is there, with the columns that show what it holds."""
    known = load_catalogue().resources[name]
    needed = {*known.key, *known.marks, *(FIGURES if known.history_of else ())}
    types = {field.name: field.type for field in known.fields if field.name in needed}
    return name in resources and columns_of(resources[name]).items() >= types.items()
