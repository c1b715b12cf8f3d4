"""What DTM said at every run, out of a real Postgres: nothing that a target does takes a row of a history away."""

from __future__ import annotations

import datetime as dt
from random import Random
from typing import TYPE_CHECKING, Any

import pytest

from tap_dtm.sandbox import COUNTRY, INVISIBLE, VISIBLE, SandboxServer, tiny
from tests.asof import ADDED, Rows, as_of, looked_at
from tests.chance import CHANCE
from tests.extent import mostly
from tests.pipeline import sandbox_config
from tests.remembered import EVERYTHING, HISTORIES
from tests.target import selecting
from tests.test_postgres import ALL_CODES, any_filters
from tests.world import LEVELS, count, served

if TYPE_CHECKING:
    from collections import Counter

    from tests.pipeline import Warehouse

pytestmark = pytest.mark.programs

FAR_FROM_UTC = {"PGTZ": "America/New_York"}


def rows_of(warehouse: Warehouse, table: str) -> Rows:
    """Return the rows of a table, with times and dates as text."""
    return [
        {
            name: value.isoformat() if isinstance(value, dt.date) else value
            for name, value in row.items()
            if not name.startswith("_sdc_")
        }
        for row in warehouse.query(f'SELECT * FROM "{table}"')  # noqa: S608
    ]


def last_run(warehouse: Warehouse) -> str:
    return max(str(row["observed_at"]) for row in rows_of(warehouse, "runs"))


def assert_remembers(warehouse: Warehouse, seen: dict[str, list[Counter[str]]]) -> None:
    runs = rows_of(warehouse, "runs")
    for level in LEVELS:
        rows = rows_of(warehouse, HISTORIES[level])
        for at, expected in seen.items():
            found = looked_at(runs, as_of(runs, rows, level, at), at)
            assert count({n: v for n, v in row.items() if n not in ADDED} for row in found) == expected[level]


def test_postgres_remembers_every_run(warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch) -> None:
    """Through changed filters, a lost state, and a state that comes back. The times are those of UTC."""
    rng = Random(CHANCE)
    monkeypatch.setattr(type(warehouse), "target_environment", lambda _: FAR_FROM_UTC)
    seen: dict[str, list[Counter[str]]] = {}
    states: list[dict[str, Any]] = [{}]
    with SandboxServer(tiny(rng, countries=3)) as sandbox:
        for _ in range(4):
            filters = any_filters(sandbox.world, rng)
            config = sandbox_config(sandbox, scrub_fraction=1, accept_withdrawn_countries=ALL_CODES, **filters)
            warehouse.sync(config, catalog=selecting(*EVERYTHING))
            observed_at = warehouse.state["bookmarks"]["runs"]["observed_at"]
            assert last_run(warehouse) == dt.datetime.fromisoformat(observed_at).replace(tzinfo=None).isoformat()
            states.append(warehouse.state)
            seen[last_run(warehouse)] = [served(sandbox.world, level, **filters) for level in LEVELS]
            before = sandbox.world.countries
            sandbox.world.publish(*rng.sample((*VISIBLE, *COUNTRY, *INVISIBLE), 4), rng=rng)
            sandbox.world.countries = sandbox.world.countries or before  # an empty list is no answer
            warehouse.state = rng.choice([warehouse.state, warehouse.state, *states])

    assert len(seen) == 4
    assert_remembers(warehouse, seen)


@pytest.mark.parametrize("program", mostly(["fast-target-postgres"], ["fast-target-postgres", "target-postgres"]))
def test_no_target_deletes_what_was_seen(warehouse: Warehouse, program: str) -> None:
    """Not where it deletes what a FULL_TABLE run no longer brings, and the tap tells it so of the tables."""
    warehouse.program = program
    rng = Random(5)
    seen: dict[str, list[Counter[str]]] = {}
    with SandboxServer(tiny(rng, countries=2)) as sandbox:
        for full_table in (False, True, True):
            catalog = selecting(*EVERYTHING, full_table=full_table)
            config = sandbox_config(sandbox, emit_activate_version_messages=True, accept_withdrawn_countries=ALL_CODES)
            warehouse.sync(config, catalog=catalog, hard_delete=True, activate_version=True)
            seen[last_run(warehouse)] = [served(sandbox.world, level) for level in LEVELS]
            sandbox.world.publish(*rng.sample(VISIBLE, 4), rng=rng)

    assert_remembers(warehouse, seen)
