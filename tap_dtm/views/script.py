"""From the catalogue to one SQL script that describes the tables and makes the views."""

from __future__ import annotations

from importlib.resources import files
from typing import TYPE_CHECKING, Final

from msgspec.structs import replace

from tap_dtm.metadata.model import API_VERSIONS
from tap_dtm.metadata.views import load_views
from tap_dtm.views.placeholders import fill, of_each_level, placeholders
from tap_dtm.views.preferences import load_preferences

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tap_dtm.metadata import Resource
    from tap_dtm.metadata.views import View
    from tap_dtm.views.preferences import Preference
    from tap_dtm.views.warehouse import Warehouse


_BELOW_THE_COUNTRY: Final = ("areas", "origin_to_host")


def script(warehouse: Warehouse, tables: str = "", preferences: Sequence[Preference] | None = None) -> str:
    """Return the statements for a warehouse. They may be run again at any time.

    Args:
        warehouse: The database, and which tables it has.
        tables: Statements that load the tables first, in the same transaction.
        preferences: The operations to prefer from now on; None keeps those in the table.
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
            *(_described(warehouse, table) for table in warehouse.tables),
            *(dialect.create_table(table) for table in load_views(warehouse.api_version, section="tables")),
            dialect.prepare(views, others),
            *(dialect.create(view, query_of(warehouse, view)) for view in views),
            dialect.clean_up(others),
            "" if preferences is None else load_preferences(warehouse, preferences),
            dialect.end,
        ]
    )


def _described(warehouse: Warehouse, table: Resource) -> str:
    texts = [(field.name, field.full_description) for field in table.fields_for(warehouse.api_version)]
    return warehouse.dialect.describe(table.name, table.full_description, texts)


def views_of(warehouse: Warehouse) -> list[View]:
    """Return the views that can be made from the tables of a warehouse, each after those that it reads."""
    return [
        view if warehouse.has_pcodes else _without_pcodes(view)
        for view in load_views(warehouse.api_version)
        if (warehouse.has_pcodes or not view.with_pcodes)
        and (warehouse.has_history or not view.with_history)
        and (view.level is None or view.level in warehouse.levels)
        and (view.kind not in _BELOW_THE_COUNTRY or set(warehouse.levels) & {1, 2})
        and (view.kind != "reconciliation" or len(warehouse.levels) > 1)
    ]


def query_of(warehouse: Warehouse, view: View) -> str:
    """Return the query of a view: its file in ``sql/`` for this warehouse, with its declared columns in order."""
    view = view if warehouse.has_pcodes else _without_pcodes(view)
    body = _filled(warehouse, view, view.kind.format(level="N"))
    if not view.with_pcodes and any(column.with_pcodes for column in view.columns):
        joined = _filled(warehouse, view, "pcodes_of_areas" if view.level else "pcodes_of_origins_and_hosts")
        body = joined.replace("{figures}\n", body)
    columns = ",\n  ".join(column.name for column in view.columns)
    return f"SELECT\n  {columns}\nFROM (\n{body}) AS answer"


def _filled(warehouse: Warehouse, view: View, name: str) -> str:
    text = (files("tap_dtm.views") / "sql" / f"{name}.sql").read_text("utf-8")
    return fill(of_each_level(text, warehouse), placeholders(warehouse, view.level))


def _without_pcodes(view: View) -> View:
    return replace(view, columns=tuple(column for column in view.columns if not column.with_pcodes))
