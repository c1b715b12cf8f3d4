"""Databases that hold what the tap sent, and how the views' answers are compared with what they should say."""

from __future__ import annotations

import datetime as dt
import json
from collections import Counter
from typing import TYPE_CHECKING, Any

from tap_dtm.views.script import script, views_of
from tap_dtm.views.warehouse import DIALECTS
from tap_dtm.views.warehouse import Warehouse as Place
from tests.views.published import published
from tests.views.reference import Reference
from tests.world import LEVELS

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping
    from pathlib import Path

    import duckdb

    from tap_dtm.sandbox import World
    from tests.target import MemoryTarget
    from tests.world import Version

    Query = Callable[[str], list[dict[str, Any]]]


SCHEMA = "dtm"
_TYPES = {"string": "VARCHAR", "integer": "BIGINT", "date": "DATE", "datetime": "TIMESTAMP", "boolean": "BOOLEAN"}


def place(
    dialect: str,
    schema: str = SCHEMA,
    version: Version = "v3",
    levels: Collection[int] = LEVELS,
    today: dt.date | None = None,
    *,
    has_pcodes: bool = False,
    has_history: bool = False,
) -> Place:
    return Place(DIALECTS[dialect](schema), version, tuple(levels), today, has_pcodes, has_history)


def duckdb_with_views(
    db: duckdb.DuckDBPyConnection,
    target: MemoryTarget,
    folder: Path,
    version: Version = "v3",
    levels: Collection[int] = LEVELS,
    *,
    has_history: bool = False,
) -> Query:
    """Fill DuckDB with the tables of a target, tombstones included, and make the views."""
    where = place("duckdb", SCHEMA, version, levels, has_history=has_history)
    db.execute(f"CREATE SCHEMA IF NOT EXISTS {SCHEMA}")
    for table in where.tables:
        columns = ", ".join(f"{field.name}: '{_TYPES[field.type]}'" for field in table.fields_for(version))
        path = folder / f"{table.name}.json"
        path.write_text("\n".join(map(json.dumps, target.tables.get(table.name, {}).values())), encoding="utf-8")
        options = f"format = 'newline_delimited', columns = {{{columns}}}, hive_partitioning = FALSE"
        db.execute(
            f"CREATE OR REPLACE TABLE {SCHEMA}.{table.name} AS "  # noqa: S608
            f"SELECT * FROM read_json({where.dialect.literal(str(path))}, {options})"
        )
    db.execute(script(where))
    return lambda query: rows_of(db, query)


def rows_of(db: duckdb.DuckDBPyConnection, query: str) -> list[dict[str, Any]]:
    """Return the answer of DuckDB by column."""
    answer = db.execute(query)
    names = [column[0] for column in answer.description or ()]
    return [dict(zip(names, row, strict=True)) for row in answer.fetchall()]


def assert_views_are_right(query: Query, world: World, where: Place, **filters: str) -> None:
    """Check every view against what the sandbox serves."""
    version: Any = where.api_version
    assert_views_answer(query, published(world, version, **filters), where)


def assert_views_answer(
    query: Query, tables: Mapping[str, list[dict[str, Any]]], where: Place, views: Collection[str] = ()
) -> None:
    """Check every view, or these, against the rows of the tables that are not deleted."""
    today = where.today or query("SELECT CURRENT_DATE AS today")[0]["today"]
    loaded = {name: rows for name, rows in tables.items() if name != "pcodes" or where.has_pcodes}
    reference = Reference(loaded, today, where.levels, has_sex=where.api_version != "v2")
    for view in views_of(where):
        # The views of the past have tests of their own.
        if view.with_history or (views and view.name not in views):
            continue
        names = [column.name for column in view.columns if column.name != "row_number"]
        got = query(f"SELECT {', '.join(names)} FROM {where.dialect.relation(view.name)}")  # noqa: S608
        assert _count(got, names) == _count(reference.answer(view.kind, view.level), names), view.name


def _count(rows: Iterable[Mapping[str, Any]], names: list[str]) -> Counter[str]:
    return Counter(json.dumps({name: _plain(row[name]) for name in names}) for row in rows)


def _plain(value: Any) -> Any:
    match value:
        case float():
            return round(value, 9)
        case dt.date():
            return value.isoformat()
        case tuple():
            return list(value)
    return value
