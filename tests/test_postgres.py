"""Into a real Postgres, through the real command lines: after every run, the tables equal what the API serves."""

from __future__ import annotations

import datetime as dt
from random import Random
from typing import TYPE_CHECKING, Any

import pytest

from tap_dtm.sandbox import COUNTRY, INVISIBLE, VISIBLE, Mutation, Options, SandboxServer, World, invent, tiny
from tap_dtm.sandbox.fabric import country_pcode
from tap_dtm.sandbox.invent import withdraw_country
from tap_dtm.sandbox.visible import (
    add_round,
    backfill_round,
    duplicate_rows,
    rename_operation,
    withdraw_operation,
    withdraw_round,
)
from tests.chance import CHANCE
from tests.pipeline import sandbox_config

if TYPE_CHECKING:
    from tests.pipeline import Warehouse
    from tests.world import Version

ALL_CODES = [country_pcode(index) for index in range(20)]


def any_filters(world: World, rng: Random) -> dict[str, Any]:
    """Choose what an operator may set between two runs, or nothing."""
    names = sorted({operation.name for country in world.countries for operation in country.operations})
    return rng.choice(
        [
            {},
            {"start_date": rng.choice(["2021-09-01", "2022-06-30"])},
            {"end_date": "2022-12-31"},
            {"operations": rng.sample(names, rng.randint(1, len(names)))},
        ]
    )


@pytest.mark.parametrize(
    ("seed", "version", "mutations", "scrub_fraction"),
    [
        (1, "v3", (*VISIBLE, *COUNTRY), 0),
        (2, "v2", (*VISIBLE, *COUNTRY), 0),
        (CHANCE, "v3", (*VISIBLE, *COUNTRY, *INVISIBLE), 1),
    ],
    ids=["visible-v3", "visible-v2", f"everything-v3-{CHANCE}"],
)
def test_every_history_arrives(
    warehouse: Warehouse, seed: int, version: Version, mutations: tuple[Mutation, ...], scrub_fraction: float
) -> None:
    rng = Random(seed)
    with SandboxServer(tiny(rng, countries=3)) as sandbox:
        for _ in range(4):
            filters = any_filters(sandbox.world, rng)
            config = sandbox_config(
                sandbox,
                api_version=version,
                scrub_fraction=scrub_fraction,
                accept_withdrawn_countries=ALL_CODES,
                **filters,
            )

            warehouse.sync(config)

            warehouse.assert_equals_api(sandbox.world, version, **filters)
            sandbox.world.publish(*rng.sample(mutations, 4), rng=rng)


def test_publications_that_shrink_and_rename(warehouse: Warehouse) -> None:
    with SandboxServer(invent(5)) as sandbox:
        warehouse.sync(sandbox_config(sandbox))
        warehouse.assert_equals_api(sandbox.world)

        shrinking = (withdraw_operation, withdraw_round, withdraw_round, rename_operation, duplicate_rows)
        assert len(sandbox.world.publish(*shrinking, rng=Random(5))) == len(shrinking)
        warehouse.sync(sandbox_config(sandbox))
        warehouse.assert_equals_api(sandbox.world)

        before = {row["admin0_pcode"] for row in warehouse.live("countries")}
        sandbox.world.publish(withdraw_country, add_round, rng=Random(6))
        (gone,) = before - {country.pcode for country in sandbox.world.countries}
        rows_of_gone = [row for row in warehouse.live("idp_admin1") if row["admin0_pcode"] == gone]
        warehouse.sync(sandbox_config(sandbox), exit_code=1)
        assert [row for row in warehouse.live("idp_admin1") if row["admin0_pcode"] == gone] == rows_of_gone
        assert f"1 of 6 countries failed: {gone}" in warehouse.log("tap")

        warehouse.sync(sandbox_config(sandbox, accept_withdrawn_countries=[gone]))
        warehouse.assert_equals_api(sandbox.world)


def test_settings_changed_between_runs(warehouse: Warehouse) -> None:
    # An API whose filters are not what the tap hopes for must not make a difference.
    with SandboxServer(invent(7), options=Options(operation_filter="prefix", date_filter="ignored")) as sandbox:
        operation = "Invented Countrywide Monitoring"  # several countries have one of this name
        for filters in (
            {"start_date": "2022-06-01"},
            {"operations": [operation], "start_date": "2022-06-01"},
            {"operations": [operation]},
            {},
        ):
            sandbox.world.publish(backfill_round, rng=Random(7))

            warehouse.sync(sandbox_config(sandbox, **filters))

            warehouse.assert_equals_api(sandbox.world, **filters)


def test_columns_and_values(warehouse: Warehouse) -> None:
    with SandboxServer(invent(9)) as sandbox:
        warehouse.sync(sandbox_config(sandbox))
        world = sandbox.world

    columns = warehouse.query(
        "SELECT column_name, data_type, is_nullable FROM information_schema.columns"
        " WHERE table_schema = current_schema AND table_name = 'idp_admin2'"
    )
    types = {column["column_name"]: column["data_type"] for column in columns}
    assert types["reporting_date"] == "date"
    assert {types[name] for name in ("row_number", "round_number", "num_present_idp_ind", "number_males")} == {"bigint"}
    assert {types["year_reporting_date"], types["month_reporting_date"]} <= {"bigint", "integer", "smallint"}
    assert {types[name] for name in ("admin2_pcode", "assessment_type", "displacement_reason")} == {"text"}
    assert types["_sdc_deleted_at"].startswith("timestamp")
    required = {column["column_name"] for column in columns if column["is_nullable"] == "NO"}
    assert required == {"admin0_pcode", "operation", "row_number"}

    keys = warehouse.query(
        "SELECT table_name, string_agg(column_name, ', ' ORDER BY column_name) AS key"
        " FROM information_schema.key_column_usage WHERE table_schema = current_schema GROUP BY table_name"
    )
    assert {row["table_name"]: row["key"] for row in keys} == {
        "countries": "admin0_pcode",
        "operations": "admin0_pcode, operation",
        "idp_admin0": "admin0_pcode, operation, row_number",
        "idp_admin1": "admin0_pcode, operation, row_number",
        "idp_admin2": "admin0_pcode, operation, row_number",
    }

    assert {row["admin0_name"] for row in warehouse.live("countries")} == {country.name for country in world.countries}
    operations = {row["operation"] for row in warehouse.query("SELECT operation FROM idp_admin0")}
    assert "Réponse inventée à la sécheresse & aux inondations" in operations
    assert "L'opération inventée d'été" in operations
    (latest,) = warehouse.query("SELECT max(reporting_date) AS date, sum(num_present_idp_ind) AS sum FROM idp_admin0")
    assert isinstance(latest["date"], dt.date)
    assert latest["sum"] == sum(int(row["numPresentIdpInd"] or 0) for row in world.rows(0))
    (unknown,) = warehouse.query(
        "SELECT count(*) FILTER (WHERE number_males IS NULL) AS males,"
        " count(*) FILTER (WHERE number_males = 0) AS zero,"
        " count(*) FILTER (WHERE admin2_name = 'Not available') AS places FROM idp_admin2"
    )
    rows = world.rows(2)
    assert unknown == {
        "males": sum(row["numberMales"] is None for row in rows),
        "zero": sum(row["numberMales"] == 0 for row in rows),
        "places": sum(row["admin2Name"] == "Not available" for row in rows),
    }
    assert unknown["males"]
    assert unknown["places"]
