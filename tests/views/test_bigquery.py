"""The views in BigQuery, as far as its emulator goes: it takes the descriptions, but does not keep them."""

from __future__ import annotations

import re
from random import Random
from typing import TYPE_CHECKING

import pytest

from tap_dtm.metadata import load_catalogue
from tap_dtm.metadata.views import load_views
from tap_dtm.sandbox import SandboxServer, invent
from tap_dtm.sandbox.visible import backfill_round, rename_operation, withdraw_operation, withdraw_round
from tap_dtm.views.script import script
from tests.chance import CHANCE
from tests.pipeline import sandbox_config
from tests.views.databases import assert_views_answer, assert_views_are_right, place
from tests.views.odd import load, odd_rows

if TYPE_CHECKING:
    from tests.bigquery.dataset import Dataset


def test_after_a_publication_the_views_are_right(dataset: Dataset) -> None:
    where = place("bigquery", f"{dataset.emulator.project}.{dataset.name}")
    changes = (backfill_round, rename_operation, withdraw_operation, withdraw_round)
    with SandboxServer(invent(5)) as sandbox:
        dataset.sync(sandbox_config(sandbox))
        for _ in range(2):
            dataset.emulator.execute_script(script(where))
        assert_views_are_right(dataset.emulator.query, sandbox.world, where)
        assert len(sandbox.world.publish(*changes, rng=Random(5))) == len(changes)

        dataset.sync(sandbox_config(sandbox))

        assert_views_are_right(dataset.emulator.query, sandbox.world, where)


@pytest.mark.parametrize("seed", [CHANCE])
def test_with_rows_such_as_nobody_has_published_yet(dataset: Dataset, seed: int) -> None:
    where, tables = place("bigquery", f"{dataset.emulator.project}.{dataset.name}"), odd_rows(Random(seed))
    dataset.emulator.query(f"CREATE SCHEMA {dataset.name}")

    dataset.emulator.execute_script(load(tables, where, "bigquery") + script(where))

    assert_views_answer(dataset.emulator.query, tables, where)


def test_every_table_view_and_column_is_described_in_the_script() -> None:
    text = script(place("bigquery", "project.dataset"))

    statements = re.split(r";\n", text)
    for table in load_catalogue().resources.values():
        (whole,) = [s for s in statements if f"`project`.`dataset`.{table.name} SET OPTIONS" in s]
        (columns,) = [s for s in statements if f"`project`.`dataset`.{table.name}\n  ALTER COLUMN" in s]
        assert quoted(table.full_description) in whole
        for field in table.fields:
            assert f"{field.name} SET OPTIONS (description = {quoted(field.full_description)})" in columns
    for view in load_views("v3"):
        (whole,) = [s for s in statements if f"VIEW `project`.`dataset`.{view.name} (" in s]
        assert quoted(view.full_description) in whole
        for column in view.columns:
            assert f"{column.name} OPTIONS (description = {quoted(column.description)})" in whole


def quoted(text: str) -> str:
    return '"' + text.replace('"', r"\"") + '"'
