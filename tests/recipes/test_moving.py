"""State and tables move together: from backend to backend, to plain files and back."""

from __future__ import annotations

import json
from random import Random
from typing import TYPE_CHECKING

from tap_dtm.sandbox.visible import add_round, withdraw_operation, withdraw_round
from tests.recipes.machine import Machine, held, snippet

if TYPE_CHECKING:
    from pathlib import Path

    from tap_dtm.sandbox import SandboxServer
    from tests.pipeline import Warehouse

HEADING = "Moving"
NIGHTLY = ".venv/bin/meltano --environment=prod run tap-dtm target-postgres"
EXPORT, IMPORT = snippet(HEADING, ".venv/bin/meltano state export").splitlines()
OUT = snippet(HEADING, ".venv/bin/meltano --environment=prod state get")
BACK = snippet(HEADING, "(printf")
CHANGES = (add_round, withdraw_operation, withdraw_round)


def test_from_one_backend_to_another(
    machine: Machine, sandbox: SandboxServer, warehouse: Warehouse, tmp_path: Path
) -> None:
    machine.shell(NIGHTLY)

    machine.shell(EXPORT)
    machine.settings["MELTANO_STATE_BACKEND_URI"] = (tmp_path / "states").as_uri()
    machine.shell(IMPORT)

    assert_goes_on(machine, sandbox, warehouse)


def test_to_plain_files_and_back(machine: Machine, sandbox: SandboxServer, warehouse: Warehouse) -> None:
    machine.shell(NIGHTLY)

    machine.shell(OUT)
    warehouse.state = json.loads((machine.folder / "state.json").read_text("utf-8"))
    assert len(sandbox.world.publish(*CHANGES, rng=Random(1))) == len(CHANGES)
    warehouse.sync({"api_url": sandbox.url, "subscription_key": sandbox.key, "scrub_fraction": 0})
    warehouse.assert_equals_api(sandbox.world)
    assert "unchanged; 0 rows" not in warehouse.log("tap")
    (machine.folder / "state.json").write_text(json.dumps(warehouse.state), encoding="utf-8")
    machine.shell(BACK)

    assert_goes_on(machine, sandbox, warehouse)


def test_in_the_database_state_and_lock_are_those_of_all_machines(
    machine: Machine, sandbox: SandboxServer, warehouse: Warehouse, tmp_path: Path
) -> None:
    (setting,) = snippet(HEADING, "MELTANO_DATABASE_URI=").splitlines()
    name, _, form = setting.partition("=")
    assert form == "postgresql+psycopg://user:password@host:5432/database"
    machine.settings[name] = warehouse.server.url.replace("://", "+psycopg://")
    (tmp_path / "other").mkdir()
    other = Machine(tmp_path / "other" / "srv", sandbox, warehouse)
    other.settings |= machine.settings
    with held(machine, NIGHTLY, sandbox, warehouse) as first:
        refused = other.shell(NIGHTLY, exit_code=1)

        assert "pipeline is already running" in refused
    first.communicate()
    assert first.returncode == 0
    assert_goes_on(other, sandbox, warehouse)


def assert_goes_on(machine: Machine, sandbox: SandboxServer, warehouse: Warehouse) -> None:
    """Check that the next run knows what the tables hold: it asks for what changed, and removes what is gone."""
    sandbox.requests.clear()
    machine.shell(NIGHTLY)
    assert not [request for request in sandbox.requests if "admin2" in request.path]
    assert sandbox.world.publish(*CHANGES, rng=Random(2))
    machine.shell(NIGHTLY)
    warehouse.assert_equals_api(sandbox.world)
