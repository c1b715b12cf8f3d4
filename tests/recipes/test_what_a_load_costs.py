"""The script behind the figures in docs/running.md measures what it says."""

from __future__ import annotations

import pytest

from benchmarks.full_load import measure
from tap_dtm.sandbox import world_at

pytestmark = pytest.mark.everything

COUNTRIES = 2


def test_a_full_load_and_a_run_with_nothing_new() -> None:
    world = world_at(rows=500, countries=COUNTRIES)

    (full, nothing), tables, views = measure(rows=500, countries=COUNTRIES)

    lists = 2
    assert full.requests == lists + 3 * COUNTRIES
    assert nothing.requests == lists + COUNTRIES
    assert full.rows == nothing.rows == sum(len(list(world.rows(level))) for level in (0, 1, 2))
    assert full.answered > 400 * full.rows  # a row is that long in JSON
    assert nothing.answered < full.answered
    assert min(full.tap.memory, full.target.memory, full.tap.processor, full.target.processor) > 0
    assert [table.name for table in tables] == ["countries", "operations", "idp_admin0", "idp_admin1", "idp_admin2"]
    assert min(table.size + table.indexes for table in tables) > 0
    assert "stock_over_time_admin2" in views
