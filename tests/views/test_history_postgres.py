"""The past in a real Postgres: what a random history says, and functions that are made again."""

from __future__ import annotations

import json
from random import Random
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from hypothesis.stateful import run_state_machine_as_test
from typing_extensions import override

from tap_dtm.metadata import load_catalogue
from tap_dtm.metadata.singer_schema import singer_schema
from tap_dtm.sandbox import SandboxServer, tiny
from tap_dtm.views.script import script
from tests.histories import long, quiet
from tests.pipeline import Warehouse, sandbox_config
from tests.remembered import EVERYTHING
from tests.servers import ANALYST
from tests.target import selecting
from tests.views.asked import AskedHistory
from tests.views.databases import place
from tests.views.test_postgres import execute, install

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from demo.postgres import EmbeddedPostgres
    from tests.target import MemoryTarget
    from tests.views.databases import Query
    from tests.world import Version

__all__ = ["quiet"]


def test_on_random_histories_the_views_say_what_the_api_served(postgres: EmbeddedPostgres, tmp_path: Path) -> None:
    warehouse = Warehouse(postgres, "dtm_past", tmp_path)

    class HistoryInPostgres(AskedHistory):
        schema = warehouse.schema

        @override
        def load(self) -> Query:
            warehouse.drop()
            with warehouse.running_target() as target:
                assert target.stdin is not None
                target.stdin.write(b"".join(messages(self.target, self.version)))
                target.stdin.close()
                assert target.wait() == 0, warehouse.log("target")
            execute(warehouse, script(place("postgres", warehouse.schema, self.version, has_history=True)))
            return warehouse.query

    run_state_machine_as_test(HistoryInPostgres, settings=long(4))


def messages(target: MemoryTarget, version: Version) -> Iterator[bytes]:
    """Yield the rows of the tables as the tap sends them."""
    for name, resource in load_catalogue().resources.items():
        schema = singer_schema(resource, version)
        yield message(type="SCHEMA", stream=name, schema=schema, key_properties=list(resource.key))
        for row in target.tables.get(name, {}).values():
            yield message(type="RECORD", stream=name, record=row)


def message(**content: Any) -> bytes:
    return json.dumps(content).encode() + b"\n"


@pytest.fixture
def loaded(warehouse: Warehouse) -> Warehouse:
    """A schema with histories, and the views on them."""
    with SandboxServer(tiny(Random(3), countries=1)) as sandbox:
        warehouse.sync(sandbox_config(sandbox), catalog=selecting(*EVERYTHING))
    install(warehouse, "--history")
    return warehouse


FUNCTION = "idp_admin1_as_of(timestamp)"


def may(warehouse: Warehouse, role: str, right: str) -> bool:
    (answer,) = warehouse.query("SELECT has_function_privilege(%s, %s, %s) AS may", role, FUNCTION, right)
    return bool(answer["may"])


@pytest.mark.parametrize("has_other_columns", [True, False])
def test_rights_survive_another_installation_with_or_without_new_columns(
    loaded: Warehouse,
    has_other_columns: bool,  # noqa: FBT001
) -> None:
    execute(loaded, f'CREATE ROLE "{ANALYST}"')
    try:
        if has_other_columns:
            replaced = (
                "CREATE FUNCTION idp_admin1_as_of(moment timestamp) RETURNS TABLE (a int) LANGUAGE SQL AS 'SELECT 1'"
            )
            execute(loaded, f"DROP FUNCTION {FUNCTION}; {replaced}")
        grant = f'GRANT EXECUTE ON FUNCTION {FUNCTION} TO "{ANALYST}" WITH GRANT OPTION'
        execute(loaded, f"REVOKE ALL ON FUNCTION {FUNCTION} FROM PUBLIC; {grant}")

        install(loaded, "--history")

        assert loaded.query("SELECT num_present_idp_ind, looked_at FROM idp_admin1_as_of('2100-01-01')")
        assert may(loaded, ANALYST, "EXECUTE WITH GRANT OPTION")
        assert not may(loaded, "pg_monitor", "EXECUTE"), "others had no right before"
    finally:
        execute(loaded, f'DROP OWNED BY "{ANALYST}"; DROP ROLE "{ANALYST}"')


def test_views_of_others_on_a_function_survive_another_installation(loaded: Warehouse) -> None:
    query = "SELECT operation, num_present_idp_ind FROM idp_admin1_as_of('2100-01-01')"
    execute(loaded, f"CREATE VIEW of_an_analyst AS {query}")

    install(loaded, "--history")

    assert loaded.query("SELECT * FROM of_an_analyst")


def test_functions_and_views_of_the_past_go_when_they_are_not_asked_for(loaded: Warehouse) -> None:
    names = {"history_runs", "round_versions", "revisions", "publication_lag", "idp_admin2_as_of"}
    assert names <= made(loaded)

    install(loaded)

    assert not {*names, "idp_admin0_as_of"} & made(loaded)
    assert loaded.query("SELECT is_lag_measured FROM operation_freshness")


def made(warehouse: Warehouse) -> set[str]:
    """Return the names of all views and functions."""
    rows = warehouse.query(
        "SELECT relname AS name FROM pg_class WHERE relnamespace = current_schema::regnamespace AND relkind = 'v'"
        " UNION ALL SELECT proname FROM pg_proc WHERE pronamespace = current_schema::regnamespace"
    )
    return {row["name"] for row in rows}


def test_times_are_in_utc_whatever_the_zone_of_the_session_is(loaded: Warehouse) -> None:
    (run,) = loaded.query("SELECT observed_at::text AS at FROM runs")
    with psycopg.connect(loaded.server.url, options=f"-c search_path={loaded.schema} -c timezone=Asia/Tokyo") as db:
        (at,) = db.execute("SELECT COUNT(*) FROM idp_admin1_as_of(%s)", [run["at"]]).fetchone() or ()
        (before,) = (
            db.execute(
                "SELECT COUNT(*) FROM idp_admin1_as_of(%s::timestamp - INTERVAL '1 millisecond')", [run["at"]]
            ).fetchone()
            or ()
        )

    assert at
    assert not before


def test_histories_that_are_not_loaded_are_named(warehouse: Warehouse) -> None:
    with SandboxServer(tiny(Random(3), countries=1)) as sandbox:
        warehouse.sync(sandbox_config(sandbox))

    said = install(warehouse, "--history", exit_code=1)

    assert '_history" does not exist' in said or 'runs" does not exist' in said
    assert "--history needs the table runs and the histories of all levels." in said
