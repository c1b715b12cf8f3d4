"""Writes the queries of the views for each database, as the snapshots in ``tests/views/snapshots/``.

The snapshots have no descriptions, which are in ``examples/dbt/views.yml`` and do not change a query.
With P-codes and with histories, they are those that become other queries.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from generate import write
from tap_dtm.metadata.model import API_VERSIONS, LEVELS
from tap_dtm.views.script import query_of, views_of
from tap_dtm.views.warehouse import DIALECTS, Warehouse

if TYPE_CHECKING:
    from collections.abc import Mapping

FOLDER: Final = Path(__file__).parents[1] / "tests" / "views" / "snapshots"


def snapshots() -> dict[Path, str]:
    """Return the path and the text of each file."""
    texts = {}
    for version in API_VERSIONS:
        for name, dialect in DIALECTS.items():
            without = _queries(Warehouse(dialect("dtm"), version, LEVELS))
            texts[FOLDER / version / f"{name}.sql"] = _text(without)
            more = {"-pcodes": Warehouse(dialect("dtm"), version, LEVELS, has_pcodes=True)}
            if version == API_VERSIONS[-1]:
                more["_history"] = Warehouse(dialect("dtm"), version, LEVELS, has_history=True)
            for suffix, warehouse in more.items():
                others = {view: query for view, query in _queries(warehouse).items() if query != without.get(view)}
                texts[FOLDER / version / f"{name}{suffix}.sql"] = _text(others)
    return texts


def _queries(warehouse: Warehouse) -> dict[str, str]:
    return {view.name: query_of(warehouse, view) for view in views_of(warehouse)}


def _text(views: Mapping[str, str]) -> str:
    queries = (f"-- {name}\n{query};\n" for name, query in views.items())
    return "-- Generated from tap_dtm/views/sql/: python3 make.py generate\n\n" + "\n".join(queries)


if __name__ == "__main__":
    write(snapshots())
