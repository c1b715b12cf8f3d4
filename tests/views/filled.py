"""A DuckDB with the views, filled with other rows for each test: to make all views takes longer than most tests."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

import duckdb

from tap_dtm.metadata import load_catalogue
from tap_dtm.views.script import script
from tests.views.databases import SCHEMA, place
from tests.views.odd import load
from tests.world import LEVELS

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Mapping

    from tests.world import Version


def filled_duckdb(
    tables: Mapping[str, list[dict[str, Any]]],
    version: Version = "v3",
    levels: tuple[int, ...] = LEVELS,
    today: dt.date | None = None,
    *,
    has_pcodes: bool = False,
    has_history: bool = False,
) -> duckdb.DuckDBPyConnection:
    """Return a database with these rows and the views. It is the caller's until the next call."""
    db = _with_views(version, levels, today, has_pcodes=has_pcodes, has_history=has_history)
    where = place("duckdb", SCHEMA, version, levels, has_pcodes=has_pcodes, has_history=has_history)
    db.execute(load(tables, where, "duckdb").replace("CREATE TABLE", "CREATE OR REPLACE TABLE"))
    return db


@cache
def _with_views(
    version: Version, levels: tuple[int, ...], today: dt.date | None, *, has_pcodes: bool, has_history: bool
) -> duckdb.DuckDBPyConnection:
    db = duckdb.connect()
    where = place("duckdb", SCHEMA, version, levels, today, has_pcodes=has_pcodes, has_history=has_history)
    nothing: dict[str, list[dict[str, Any]]] = {name: [] for name in load_catalogue().resources}
    db.execute(f"CREATE SCHEMA {SCHEMA}; {load(nothing, where, 'duckdb')} {script(where)}")
    return db
