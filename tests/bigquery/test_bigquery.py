"""Into BigQuery's emulator, through both command lines: after every run, the tables equal what the API serves."""

from __future__ import annotations

import datetime as dt
import json
import time
from random import Random
from typing import TYPE_CHECKING, Any

import pytest

from tap_dtm.sandbox import COUNTRY, INVISIBLE, VISIBLE, Mutation, SandboxServer, invent, tiny
from tap_dtm.sandbox.invisible import move_between_districts, rename_district
from tap_dtm.sandbox.visible import (
    add_round,
    backfill_round,
    correct_figures,
    duplicate_rows,
    rename_operation,
    withdraw_operation,
    withdraw_round,
)
from tests.chance import CHANCE
from tests.pipeline import sandbox_config
from tests.target import selecting
from tests.test_postgres import ALL_CODES, any_filters

if TYPE_CHECKING:
    from tests.bigquery.dataset import Dataset
    from tests.pipeline import Process

FIGURES = ("idp_admin0", "idp_admin1", "idp_admin2")
CHANGES = (correct_figures, backfill_round, add_round, withdraw_round, rename_operation, duplicate_rows)
NOT_CONFIRMED = "Not all rows are in BigQuery, so no state is confirmed"


def test_publication_after_publication_arrives_and_a_run_with_nothing_new_changes_nothing(dataset: Dataset) -> None:
    with SandboxServer(invent(5, countries=2)) as sandbox:
        dataset.sync(sandbox_config(sandbox))
        dataset.assert_equals_api(sandbox.world)
        before = dataset.everything()
        sandbox.world.publish()

        dataset.sync(sandbox_config(sandbox))

        after = dataset.everything()
        assert {name: after[name] for name in FIGURES} == {name: before[name] for name in FIGURES}
        assert after.keys() == before.keys() == {"countries", "operations", *FIGURES}
        assert len(sandbox.world.publish(*CHANGES, rng=Random(5))) == len(CHANGES)
        dataset.sync(sandbox_config(sandbox))
        dataset.assert_equals_api(sandbox.world)

        # What does not show at country level is found by scrubbing.
        assert len(sandbox.world.publish(rename_district, move_between_districts, rng=Random(5))) == 2
        dataset.sync(sandbox_config(sandbox, scrub_fraction=1))
        dataset.assert_equals_api(sandbox.world)


@pytest.mark.parametrize("seed", [CHANCE])
def test_every_history_arrives(dataset: Dataset, seed: int) -> None:
    rng = Random(seed)
    mutations: tuple[Mutation, ...] = (*VISIBLE, *COUNTRY, *INVISIBLE)
    with SandboxServer(tiny(rng, countries=3)) as sandbox:
        for _ in range(3):
            filters = any_filters(sandbox.world, rng)
            config = sandbox_config(sandbox, scrub_fraction=1, accept_withdrawn_countries=ALL_CODES, **filters)

            dataset.sync(config)

            dataset.assert_equals_api(sandbox.world, **filters)
            sandbox.world.publish(*rng.sample(mutations, 4), rng=rng)


def test_a_load_that_bigquery_refuses_changes_nothing_and_the_next_marks_what_is_withdrawn(
    dataset: Dataset,
) -> None:
    with SandboxServer(invent(5, countries=2)) as sandbox:
        dataset.sync(sandbox_config(sandbox))
        before, state = dataset.everything(), dataset.state
        rows = len(dataset.live("idp_admin0"))
        assert sandbox.world.publish(withdraw_operation, rng=Random(5))

        # The emulator cannot read gzip, which this method sends. BigQuery can, but refuses loads for other reasons.
        dataset.sync(sandbox_config(sandbox), method="batch_job", target_exit_code=1)

        assert "Error while reading data" in dataset.log("target")
        assert NOT_CONFIRMED in dataset.log("target")
        assert dataset.state == state
        assert {name: dataset.everything()[name] for name in before} == before
        started = dt.datetime.now(dt.timezone.utc)
        dataset.sync(sandbox_config(sandbox))
        dataset.assert_equals_api(sandbox.world)
        deleted = dataset.query("SELECT * FROM {dataset}.idp_admin0 WHERE _sdc_deleted_at IS NOT NULL")
    assert deleted
    assert rows == len(dataset.live("idp_admin0")) + len(deleted)
    for row in deleted:
        assert started <= row.pop("_sdc_deleted_at").replace(microsecond=999_999) <= dt.datetime.now(dt.timezone.utc)
        known = {name for name, value in row.items() if value is not None and not name.startswith("_sdc_")}
        assert known == {"admin0_pcode", "operation", "row_number"}


def test_new_columns_are_added_to_tables_that_exist(dataset: Dataset) -> None:
    with SandboxServer(invent(5, countries=2)) as sandbox:
        dataset.sync(sandbox_config(sandbox, api_version="v2"))
        dataset.assert_equals_api(sandbox.world, "v2")

        dataset.sync(sandbox_config(sandbox, api_version="v3"))

        dataset.assert_equals_api(sandbox.world, "v3")


def test_columns_and_values(dataset: Dataset) -> None:
    with SandboxServer(invent(9)) as sandbox:
        dataset.sync(sandbox_config(sandbox))
        world = sandbox.world

    table = dataset.emulator.table(dataset.name, "idp_admin2")
    types = {field["name"]: field["type"].upper() for field in table["schema"]["fields"]}
    assert types["reporting_date"] == "DATE"
    assert {types[name] for name in ("row_number", "round_number", "num_present_idp_ind", "number_males")} == {
        "INTEGER"
    }
    assert {types[name] for name in ("admin2_pcode", "assessment_type", "displacement_reason")} == {"STRING"}
    assert types["_sdc_deleted_at"] == "TIMESTAMP"

    assert {row["admin0_name"] for row in dataset.live("countries")} == {country.name for country in world.countries}
    operations = {row["operation"] for row in dataset.live("idp_admin0")}
    assert "Réponse inventée à la sécheresse & aux inondations" in operations
    assert "L'opération inventée d'été" in operations
    (latest,) = dataset.query(
        "SELECT MAX(reporting_date) AS date, SUM(num_present_idp_ind) AS sum FROM {dataset}.idp_admin0"
    )
    assert isinstance(latest["date"], dt.date)
    assert latest["sum"] == sum(int(row["numPresentIdpInd"] or 0) for row in world.rows(0))
    (unknown,) = dataset.query(
        "SELECT COUNTIF(number_males IS NULL) AS males, COUNTIF(number_males = 0) AS zero,"
        " COUNTIF(admin2_name = 'Not available') AS places FROM {dataset}.idp_admin2"
    )
    rows = world.rows(2)
    assert unknown == {
        "males": sum(row["numberMales"] is None for row in rows),
        "zero": sum(row["numberMales"] == 0 for row in rows),
        "places": sum(row["admin2Name"] == "Not available" for row in rows),
    }
    assert unknown["males"]
    assert unknown["places"]


def written(target: Process, *messages: dict[str, Any]) -> None:
    """Write Singer messages into a target."""
    assert target.stdin
    target.stdin.write(b"".join(json.dumps(message).encode() + b"\n" for message in messages))
    target.stdin.flush()


def schema(stream: str) -> dict[str, Any]:
    properties = {"key": {"type": "string"}, "day": {"type": "string", "format": "date"}}
    return {"type": "SCHEMA", "stream": stream, "schema": {"properties": properties}, "key_properties": ["key"]}


def record(stream: str, key: str, day: str) -> dict[str, Any]:
    return {"type": "RECORD", "stream": stream, "record": {"key": key, "day": day}}


def test_a_row_that_bigquery_rejects_is_an_error(dataset: Dataset) -> None:
    with dataset.running_target() as target:
        written(target, schema("days"), record("days", "a", "2024-02-29"), record("days", "b", "2023-02-29"))
        printed, _ = target.communicate()

        assert target.returncode == 1
    assert printed == b""
    assert NOT_CONFIRMED in dataset.log("target")
    assert dataset.query("SELECT * FROM {dataset}.days") == []


def test_no_state_is_confirmed_before_the_rows_are_in_their_tables(dataset: Dataset) -> None:
    with dataset.running_target() as target:
        state = {"type": "STATE", "value": {"confirmed": "a"}}
        written(target, schema("days"), record("days", "a", "2024-02-29"), state, schema("next"))
        while "Setting up next" not in dataset.log("target"):
            assert target.poll() is None, dataset.log("target")
            time.sleep(0.05)
        target.kill()
        printed, _ = target.communicate()

    assert printed == b""
    assert dataset.query("SELECT * FROM {dataset}.days") == []


def test_a_history_is_partitioned_by_the_month_of_its_runs_and_clustered_by_country(dataset: Dataset) -> None:
    catalog = selecting("countries", "idp_admin0", "idp_admin0_history", "runs")
    with SandboxServer(tiny(Random(1), countries=1)) as sandbox:
        dataset.sync(sandbox_config(sandbox), catalog=catalog)

    by_month = {"type": "MONTH", "field": "observed_at"}
    for stream, clusters in (
        ("idp_admin0_history", ["admin0_pcode", "operation", "row_number"]),
        ("runs", ["admin0_pcode"]),
    ):
        table = dataset.emulator.table(dataset.name, stream)
        assert table["timePartitioning"] == by_month
        assert table["clustering"]["fields"] == clusters
        assert dataset.query(f"SELECT observed_at FROM {{dataset}}.{stream}")  # noqa: S608
    assert dataset.emulator.table(dataset.name, "idp_admin0")["timePartitioning"]["field"] == "_sdc_batched_at"
