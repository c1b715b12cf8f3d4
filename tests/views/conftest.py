"""Views on a few rows, for cases that are easy to read wrongly."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

import pytest

from tap_dtm.metadata import load_catalogue
from tests.views.databases import SCHEMA, rows_of
from tests.views.filled import filled_duckdb
from tests.world import LEVELS

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.views.cases import Ask, Row


@pytest.fixture
def views() -> Callable[..., Ask]:
    """Load the rows of each level, and return what asks a view for some columns."""

    def loaded(*levels: list[Row], today: dt.date | None = None, **others: list[Row]) -> Ask:
        tables: dict[str, list[Row]] = {name: [] for name in load_catalogue().resources} | others
        tables |= {f"idp_admin{level}": rows for level, rows in zip(LEVELS, levels, strict=True)}
        db = filled_duckdb(tables, today=today)

        def ask(view: str, *columns: str) -> list[tuple[Any, ...]]:
            rows = rows_of(db, f"SELECT {', '.join(columns)} FROM {SCHEMA}.{view} ORDER BY ALL")  # noqa: S608
            return [tuple(str(v) if isinstance(v, dt.date) else v for v in each.values()) for each in rows]

        return ask

    return loaded
