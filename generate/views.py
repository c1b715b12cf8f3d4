"""Writes the queries of the views for each database, as the snapshots in ``tests/views/snapshots/``.

The snapshots have no descriptions, which are in ``examples/dbt/views.yml`` and do not change a query.
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
        FOLDER / version / f"{name}.sql": _text(Warehouse(dialect("dtm"), version, LEVELS))
        for version in API_VERSIONS
        for name, dialect in DIALECTS.items()
    }


def _text(warehouse: Warehouse) -> str:
    queries = (f"-- {view.name}\n{query_of(warehouse, view)};\n" for view in views_of(warehouse))
    return "-- Generated from tap_dtm/views/sql/: python3 make.py generate\n\n" + "\n".join(queries)


if __name__ == "__main__":
    write(snapshots())
