"""Writes what the queries of the views become in each database: the snapshots in ``tests/views/snapshots/``.

The descriptions are left out: they are in ``examples/dbt/views.yml``, and a new word in one changes no query.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from generate import write
from tap_dtm.metadata.model import API_VERSIONS, LEVELS
from tap_dtm.views.dialects import DIALECTS
from tap_dtm.views.script import query_of, views_of
from tap_dtm.views.warehouse import Warehouse

FOLDER: Final = Path(__file__).parents[1] / "tests" / "views" / "snapshots"


def snapshots() -> dict[Path, str]:
    """Return the path and the text of each file."""
    return {
        FOLDER / version / f"{name}{suffix}.sql": _text(Warehouse(dialect("dtm"), version, LEVELS, None, has_pcodes))
        for version in API_VERSIONS
        for name, dialect in DIALECTS.items()
        for suffix, has_pcodes in (("", False), ("-pcodes", True))
    }


def _text(warehouse: Warehouse) -> str:
    """Return the queries of all views, or where the table ``pcodes`` is loaded, of those that read it."""
    views = [
        view
        for view in views_of(warehouse)
        if not warehouse.has_pcodes or view.with_pcodes or any(column.with_pcodes for column in view.columns)
    ]
    queries = (f"-- {view.name}\n{query_of(warehouse, view)};\n" for view in views)
    return "-- Generated from tap_dtm/views/sql/: python3 make.py generate\n\n" + "\n".join(queries)


if __name__ == "__main__":
    write(snapshots())
