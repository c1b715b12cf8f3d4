"""The views in BigQuery, as far as its emulator goes: it takes the descriptions, but does not keep them.

What they say after a publication is in tests/gallery/test_bigquery.py, where the tables are loaded anyway.
"""

from __future__ import annotations

import re
from collections import Counter
from random import Random
from typing import TYPE_CHECKING, Any

import duckdb
import pytest

from tap_dtm.metadata import load_catalogue
from tap_dtm.metadata.views import load_views
from tap_dtm.views.preferences import Preference, load_preferences
from tap_dtm.views.script import query_of, script, views_of
from tests.bigquery.emulator import QueryError
from tests.chance import CHANCE
from tests.views.cases import SOUTH, row
from tests.views.databases import SCHEMA, assert_views_answer, place, rows_of
from tests.views.looks import Look, tables_of
from tests.views.odd import load, odd_rows
from tests.views.odd_areas import odd_areas

if TYPE_CHECKING:
    from tests.bigquery.dataset import Dataset


@pytest.mark.parametrize("seed", [CHANCE])
def test_with_rows_such_as_nobody_has_published_yet(dataset: Dataset, seed: int) -> None:
    schema = f"{dataset.emulator.project}.{dataset.name}"
    rng = Random(seed)
    levels = [0, rng.choice([1, 2])]  # the emulator is slow with views
    where, tables = place("bigquery", schema, levels=levels), odd_rows(rng)
    dataset.emulator.query(f"CREATE SCHEMA {dataset.name}")

    dataset.emulator.execute_script(load(tables, where, "bigquery"))
    fewer = place("bigquery", schema, levels=[0])
    for view in views_of(fewer)[:4]:  # which are replaced
        dataset.emulator.execute_script(fewer.dialect.create(view, query_of(fewer, view)))
    dataset.emulator.execute_script(script(where))

    assert_views_answer(dataset.emulator.query, tables, where)


def test_of_the_past_it_says_what_duckdb_says(dataset: Dataset) -> None:
    moved = [{**row("2024-01-31", idps=60), "num_present_idp_ind": 50}, row("2024-01-31", idps=40, **SOUTH)]
    looks = [
        Look("2024-05-01 06:00:00", [row("2024-01-31", idps=60), row("2024-01-31", idps=40, **SOUTH)]),
        Look("2024-06-01 06:00:00", [*moved, row("2024-02-29", 2, None)]),
        Look("2024-07-01 06:00:00", moved, follows="2024-05-01 06:00:00"),
    ]
    tables = tables_of(looks)
    where = place("bigquery", f"{dataset.emulator.project}.{dataset.name}", levels=[1], has_history=True)
    dataset.emulator.execute_script(f"CREATE SCHEMA {dataset.name};\n{load(tables, where, 'bigquery')}")
    made = [view for view in views_of(where) if view.with_history]
    dataset.emulator.execute_script("".join(where.dialect.create(view, query_of(where, view)) for view in made))
    with duckdb.connect() as db:
        there = place("duckdb", levels=[1], has_history=True)
        db.execute(f"CREATE SCHEMA {SCHEMA}; {load(tables, there, 'duckdb')} {script(there)}")

        for view in made:
            columns = ", ".join(column.name for column in view.columns)
            times = [f"(TIMESTAMP '{look.at}')" for look in looks] if view.is_function else [""]
            for time in times:
                said = dataset.query(f"SELECT {columns} FROM {{dataset}}.{view.name}{time}")  # noqa: S608
                expected = rows_of(db, f"SELECT {columns} FROM {SCHEMA}.{view.name}{time}")  # noqa: S608
                assert Counter(map(words, said)) == Counter(map(words, expected)), view.name
                assert said


def words(row: dict[str, Any]) -> str:
    """Return a row as text, with the times of BigQuery, which have a zone, as DuckDB has them."""
    return str({name: str(value).removesuffix("+00:00") for name, value in row.items()})


@pytest.mark.parametrize("seed", [CHANCE])
def test_with_codes_and_names_of_areas_at_random(dataset: Dataset, seed: int) -> None:
    where = place("bigquery", f"{dataset.emulator.project}.{dataset.name}", has_pcodes=True)
    asked = ("areas", "latest_stock_admin2", "origin_to_host")  # one of each kind: the emulator is slow with them
    read = {"idp_admin{level}_current", "operation_rounds", "operation_freshness"}
    tables = odd_areas(Random(seed))
    dataset.emulator.query(f"CREATE SCHEMA {dataset.name}")

    dataset.emulator.execute_script(load(tables, where, "bigquery"))
    for view in views_of(where):
        if view.name in asked or view.kind in read:
            dataset.emulator.execute_script(where.dialect.create(view, query_of(where, view)))

    assert_views_answer(dataset.emulator.query, tables, where, asked)


def test_preferred_operations_are_replaced_unless_one_is_unknown(dataset: Dataset) -> None:
    where = place("bigquery", f"{dataset.emulator.project}.{dataset.name}")
    (table,) = load_views("v3", section="tables")
    known = [Preference("XAA", "Invented Réponse", "BA"), Preference("XBB", "Invented o'er")]
    # The views take long to make here, so these stand for them.
    listed = dict.fromkeys(known, "TIMESTAMP '2026-01-01'") | dict.fromkeys(known[:1], "CAST(NULL AS TIMESTAMP)")
    operations = " UNION ALL ".join(
        f'SELECT "{each.admin0_pcode}" AS admin0_pcode, "{each.operation}" AS operation, {time} AS _sdc_deleted_at'
        for each, time in listed.items()
    )
    dataset.emulator.execute_script(
        f"CREATE SCHEMA {dataset.name};\nCREATE TABLE {dataset.name}.operations AS {operations};\n"  # noqa: S608
        f"CREATE TABLE {dataset.name}.operation_rounds AS SELECT * FROM {dataset.name}.operations;\n"
        + where.dialect.create_table(table)
    )

    dataset.emulator.execute_script(load_preferences(where, [Preference("XAA", "Invented Réponse")]))
    dataset.emulator.execute_script(load_preferences(where, known))
    with pytest.raises(QueryError, match="These are: Invented Réponse\\."):
        dataset.emulator.execute_script(load_preferences(where, [Preference("XAA", "Invented response")]))

    rows = dataset.query("SELECT * FROM {dataset}.preferred_operations ORDER BY admin0_pcode")
    assert [Preference(**row) for row in rows] == known


def test_every_table_view_and_column_is_described_in_the_script() -> None:
    text = script(place("bigquery", "project.dataset", has_pcodes=True, has_history=True))

    statements = re.split(r";\n", text)
    for table in load_catalogue().resources.values():
        (whole,) = [s for s in statements if f"`project`.`dataset`.{table.name} SET OPTIONS" in s]
        (columns,) = [s for s in statements if f"`project`.`dataset`.{table.name}\n  ALTER COLUMN" in s]
        assert quoted(table.full_description) in whole
        for field in table.fields:
            assert f"{field.name} SET OPTIONS (description = {quoted(field.full_description)})" in columns
    for view in load_views("v3"):
        kind, begin = ("TABLE FUNCTION", "(moment") if view.is_function else ("VIEW", " (")
        (whole,) = [s for s in statements if f"{kind} `project`.`dataset`.{view.name}{begin}" in s]
        assert quoted(view.full_description) in whole
        if view.is_function:  # whose columns BigQuery cannot describe
            continue
        for column in view.columns:
            assert f"{column.name} OPTIONS (description = {quoted(column.description)})" in whole


def quoted(text: str) -> str:
    return '"' + text.replace('"', r"\"") + '"'
