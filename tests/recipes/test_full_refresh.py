"""Three ways to load everything again: what each sends, and which rows it leaves behind."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING

import psycopg
import pytest

from tap_dtm.sandbox.visible import add_round, withdraw_operation, withdraw_round
from tests.recipes.machine import Machine, empty_tables, snippet

if TYPE_CHECKING:
    from tap_dtm.sandbox import SandboxServer
    from tests.pipeline import Warehouse

HEADING = "Everything again"
WITH_STATE = snippet(HEADING, "TAP_DTM__CATALOG=")
CLEAR = snippet(HEADING, ".venv/bin/meltano --environment=prod state clear")
LOAD = snippet(HEADING, ".venv/bin/meltano --environment=prod run")
FULL_REFRESH = ".venv/bin/meltano --environment=prod run --full-refresh tap-dtm target-postgres"
STATE_LOST = snippet(HEADING, "TAP_DTM_EMIT_ACTIVATE_VERSION_MESSAGES=true")
NIGHTLY = ".venv/bin/meltano --environment=prod run tap-dtm target-postgres"
WITHDRAWALS = (withdraw_operation, withdraw_round)


@pytest.fixture
def loaded(machine: Machine, sandbox: SandboxServer) -> Machine:
    """A machine with loaded tables, since when the API has withdrawn rows."""
    machine.shell(NIGHTLY)
    assert len(sandbox.world.publish(*WITHDRAWALS, rng=Random(1))) == len(WITHDRAWALS)
    return machine


def test_with_the_catalog_every_row_is_sent_and_what_is_gone_is_removed(
    loaded: Machine, sandbox: SandboxServer, warehouse: Warehouse
) -> None:
    spoil(warehouse)

    loaded.shell(WITH_STATE)

    warehouse.assert_equals_api(sandbox.world)
    assert_next_run_is_incremental(loaded, sandbox)
    loaded.shell(CLEAR)  # and no more, which is the first step that another way may break off at
    loaded.shell(NIGHTLY)
    warehouse.assert_equals_api(sandbox.world)


def test_full_refresh_of_meltano_leaves_rows_that_are_gone_in_tables_that_are_not_emptied(
    loaded: Machine, sandbox: SandboxServer, warehouse: Warehouse
) -> None:
    """Tables that are emptied have everything after the next night, whether the load does not begin or breaks off."""
    loaded.shell(FULL_REFRESH)

    with pytest.raises(AssertionError):
        warehouse.assert_equals_api(sandbox.world)
    loaded.shell(CLEAR)
    empty_tables(warehouse)
    loaded.shell(LOAD, {"TAP_DTM_SUBSCRIPTION_KEY": "invented-wrong-key"}, exit_code=1)
    with psycopg.connect(warehouse.server.url) as db:
        table = f"{warehouse.schema}.idp_admin2"
        db.execute(f"ALTER TABLE {table} ADD CONSTRAINT takes_nothing CHECK (row_number < 0)".encode())
        db.commit()
        loaded.shell(LOAD, exit_code=1)
        db.execute(f"ALTER TABLE {table} DROP CONSTRAINT takes_nothing".encode())
    loaded.shell(NIGHTLY)
    warehouse.assert_equals_api(sandbox.world)
    assert_next_run_is_incremental(loaded, sandbox)


def test_with_versions_the_target_deletes_what_is_gone_even_without_a_state(
    loaded: Machine, sandbox: SandboxServer, warehouse: Warehouse
) -> None:
    loaded.shell(".venv/bin/meltano --environment=prod state clear --force prod:tap-dtm-to-target-postgres")

    loaded.shell(STATE_LOST)

    warehouse.assert_equals_api(sandbox.world)
    (left,) = warehouse.query(
        "SELECT count(num_present_idp_ind) AS figures FROM idp_admin0 WHERE _sdc_deleted_at IS NOT NULL"
    )
    assert left["figures"] > 0, "the page says that the rows which the target deletes keep their figures"
    assert_next_run_is_incremental(loaded, sandbox)
    assert sandbox.world.publish(add_round, withdraw_round, rng=Random(2))
    loaded.shell(NIGHTLY)
    warehouse.assert_equals_api(sandbox.world)


def spoil(warehouse: Warehouse) -> None:
    """Change and lose rows behind the tap's back."""
    warehouse.query("UPDATE idp_admin1 SET num_present_idp_ind = 1 RETURNING 1")
    warehouse.query("DELETE FROM idp_admin2 WHERE row_number = 1 RETURNING 1")


def assert_next_run_is_incremental(machine: Machine, sandbox: SandboxServer) -> None:
    sandbox.requests.clear()
    machine.shell(NIGHTLY)
    assert not [request for request in sandbox.requests if "admin2" in request.path]
