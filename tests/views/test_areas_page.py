"""The queries of the page on P-codes, boundaries and population."""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING

import duckdb
import pytest

from tap_dtm.metadata import load_catalogue
from tap_dtm.views.script import script
from tests.bigquery.emulator import PYTHON
from tests.environments import environment
from tests.pages import blocks, page, section
from tests.views.databases import SCHEMA, place
from tests.views.odd import load
from tests.views.test_areas import NORTH, TOWN, UNKNOWN, Area, entry, figure
from tests.world import LEVELS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.views.odd import Tables

SOUTH: Area = ("XA02", "South")


@pytest.fixture(scope="module")
def db() -> Iterator[duckdb.DuckDBPyConnection]:
    """Two provinces: one has another name in the list, and one of three districts is not in it."""
    listed = [
        entry("XA01", "North"),
        entry("XA02", "Austral"),
        entry("XA0101", "Town", "XA01"),
        entry("XA0201", "Port", "XA02"),
    ]
    rows = [
        figure(NORTH, TOWN, num_present_idp_ind=10),
        figure(SOUTH, ("XA0201", "Harbour"), num_present_idp_ind=20),
        figure(SOUTH, ("XA0101", "Town"), num_present_idp_ind=40),
        figure(("XAA-01", "North"), UNKNOWN, num_present_idp_ind=80),
    ]
    tables: Tables = {name: [] for name in load_catalogue().resources}
    tables |= {f"idp_admin{level}": rows for level in LEVELS} | {"pcodes": listed}
    where = place("duckdb", has_pcodes=True)
    with duckdb.connect() as connection:
        statements = load(tables, where, "duckdb") + script(where)
        connection.execute(f"CREATE SCHEMA {SCHEMA}; {statements}; USE {SCHEMA}")
        yield connection


def query(heading: str, number: int = 0) -> str:
    return blocks(section("areas", heading), "sql")[number]


def test_people_in_areas_that_are_not_certain_are_counted(db: duckdb.DuckDBPyConnection) -> None:
    answer = db.execute(query("How many people are in areas that are not certain?")).fetchall()

    assert [row[-3:] for row in answer] == [(150, 80, 20)]


def test_areas_that_are_not_certain_are_shown(db: duckdb.DuckDBPyConnection) -> None:
    unconfirmed, claimed, moved = (db.execute(query("Check the areas", number)).fetchall() for number in range(3))

    shown = [(row[2], row[4], row[6]) for row in unconfirmed]
    assert ("XA02", "Austral", "exact") in shown
    assert ("XA0201", "Port", "exact") in shown
    assert claimed == [("XAA", "XA01", 2)]
    assert moved == [("XAA", "XA0101", "Town", "XA01", "XA02")]


def test_people_per_1000_inhabitants(db: duckdb.DuckDBPyConnection) -> None:
    db.execute("CREATE TABLE population AS SELECT 'XA01' AS pcode, 2000 AS inhabitants")

    answer = db.execute(query("Per 1,000 inhabitants")).fetchall()

    assert {(row[1], row[2], row[6], row[7]) for row in answer} == {
        ("XA01", "North", 10, 5.0),
        ("XA01", "North", 80, 40.0),
        ("XA02", "South", 60, None),
    }


@pytest.mark.everything
def test_duckdb_writes_a_map(db: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    db.execute(f"COPY latest_stock_admin1 TO '{tmp_path / 'stock.parquet'}'")
    shapes = [("XA01", 0), ("XA03", 5)]
    features = [
        {
            "type": "Feature",
            "properties": {"adm1_pcode": code},
            "geometry": {"type": "Polygon", "coordinates": [[[at, 0], [at + 1, 0], [at + 1, 1], [at, 0]]]},
        }
        for code, at in shapes
    ]
    (tmp_path / "boundaries.geojson").write_text(json.dumps({"type": "FeatureCollection", "features": features}))
    (tmp_path / "statement.sql").write_text(query("On a map"), encoding="utf-8")
    code = (  # the extension comes as a package, because nothing else is downloaded
        "import duckdb, duckdb_extensions; db = duckdb.connect()\n"
        "db.execute(\"CREATE SCHEMA dtm; CREATE TABLE dtm.latest_stock_admin1 AS FROM 'stock.parquet'\")\n"
        "duckdb_extensions.import_extension('spatial', con=db); db.execute('LOAD spatial')\n"
        "db.execute(open('statement.sql', encoding='utf-8').read())"
    )

    python = environment("bigquery-emulator", python=PYTHON) / "python"
    subprocess.run([python, "-c", code], cwd=tmp_path, check=True)

    written = json.loads((tmp_path / "displacement.geojson").read_text("utf-8"))["features"]
    shown = {(each["properties"]["adm1_pcode"], each["properties"]["idps"]) for each in written}
    assert shown == {("XA01", 10), ("XA01", 80), ("XA03", None)}
    assert all(each["geometry"]["type"] == "Polygon" for each in written)


def test_the_page_names_every_rule() -> None:
    column = next(line for line in page("interface").splitlines() if line.startswith("| `areas` |"))

    assert "`match`" in column
    assert all(f"| `{rule}` |" in page("areas") for rule in ("exact", "prefix", "format", "padding", "name", "none"))
