"""Views on a few rows, for cases that are easy to read wrongly."""

from __future__ import annotations

import datetime as dt
from functools import cache
from typing import TYPE_CHECKING, Any

import duckdb
import pytest

from tap_dtm.metadata import load_catalogue
from tap_dtm.views.script import script
from tests.views.databases import SCHEMA, place, rows_of
from tests.views.odd import load
from tests.world import LEVELS

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.views.cases import Ask, Row


@cache
def _with_views(today: dt.date | None) -> duckdb.DuckDBPyConnection:
    """Return a database with empty tables and the views: to make all views takes longer than most cases."""
    db, where = duckdb.connect(), place("duckdb", today=today)
    nothing: dict[str, list[Row]] = {name: [] for name in load_catalogue().resources}
    db.execute(f"CREATE SCHEMA {SCHEMA}; {load(nothing, where, 'duckdb')} {script(where)}")
    return db


@pytest.fixture
def views() -> Callable[..., Ask]:
    """Load the rows of each level, and return what asks a view for some columns."""

    def loaded(*levels: list[Row], today: dt.date | None = None, **others: list[Row]) -> Ask:
        tables: dict[str, list[Row]] = {name: [] for name in load_catalogue().resources} | others
        tables |= {f"idp_admin{level}": rows for level, rows in zip(LEVELS, levels, strict=True)}
        db = _with_views(today)
        db.execute(load(tables, place("duckdb"), "duckdb").replace("CREATE TABLE", "CREATE OR REPLACE TABLE"))

        def ask(view: str, *columns: str) -> list[tuple[Any, ...]]:
            rows = rows_of(db, f"SELECT {', '.join(columns)} FROM {SCHEMA}.{view} ORDER BY ALL")  # noqa: S608
            return [tuple(str(v) if isinstance(v, dt.date) else v for v in each.values()) for each in rows]

        return ask

    return loaded
