"""From the catalogue to one SQL script that describes the tables and makes the views."""

from __future__ import annotations

from importlib.resources import files
from typing import TYPE_CHECKING

from tap_dtm.metadata.model import API_VERSIONS
from tap_dtm.metadata.views import load_views
from tap_dtm.views.placeholders import fill, of_each_level, placeholders

if TYPE_CHECKING:
    from tap_dtm.metadata.views import View
    from tap_dtm.views.warehouse import Warehouse


def script(warehouse: Warehouse, tables: str = "") -> str:
    """Return the statements for a warehouse. They may be run again at any time.

    Args:
        warehouse: Where the views are to stand.
        tables: Statements that make the tables first, in the same transaction.
    """
    dialect = warehouse.dialect
    views = views_of(warehouse)
    known = {view.name: view for version in API_VERSIONS for view in load_views(version)}
    others = [view for name, view in known.items() if name not in {view.name for view in views}]
    return "\n".join(
        [
            "-- Descriptions and views of tap-dtm, generated from its catalogue. May be run again at any time.",
            dialect.begin,
            tables,
            *(dialect.describe(table, table.fields_for(warehouse.api_version)) for table in warehouse.tables),
            dialect.prepare([view for view in views if not view.is_function], others),
            *(dialect.create(view, query_of(warehouse, view)) for view in views),
            dialect.clean_up(others),
            dialect.end,
        ]
    )


def views_of(warehouse: Warehouse) -> list[View]:
    """Return the views that can be made from the levels that are there, each after those that it reads."""
    return [
        view
        for view in load_views(warehouse.api_version)
        if (warehouse.has_history or not view.with_history)
        and (view.level is None or view.level in warehouse.levels)
        and (view.kind != "origin_to_host" or set(warehouse.levels) & {1, 2})
        and (view.kind != "reconciliation" or len(warehouse.levels) > 1)
    ]


def query_of(warehouse: Warehouse, view: View) -> str:
    """Return what a view selects: its file in ``sql/`` for this warehouse, with its declared columns in order."""
    path = files("tap_dtm.views") / "sql" / f"{view.kind.format(level='N')}.sql"
    body = fill(of_each_level(path.read_text("utf-8"), warehouse), placeholders(warehouse, view.level))
    columns = ",\n  ".join(column.name for column in view.columns)
    return f"SELECT\n  {columns}\nFROM (\n{body}) AS answer"
