"""The files with the queries: one for each view, with known placeholders, and what they become in each database."""

from __future__ import annotations

import datetime as dt
import re
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

import duckdb
import pytest

import tap_dtm.views
from generate.views import FOLDER, snapshots
from tap_dtm.metadata.model import API_VERSIONS
from tap_dtm.metadata.views import load_views
from tap_dtm.views.placeholders import placeholders
from tap_dtm.views.script import script
from tap_dtm.views.warehouse import DIALECTS
from tests.views.databases import SCHEMA, assert_views_answer, place, rows_of
from tests.views.odd import load, odd_rows

if TYPE_CHECKING:
    from tests.world import Version

QUERIES = {path.stem: path.read_text("utf-8") for path in Path(tap_dtm.views.__file__).parent.glob("sql/*.sql")}
SNAPSHOTS = snapshots()


def names_in(*texts: str) -> set[str]:
    return {name for text in texts for name in re.findall(r"\$(\w+)", text)}


def test_every_view_has_a_file_that_says_what_it_selects_and_no_file_is_left_over() -> None:
    views = [view for version in API_VERSIONS for view in load_views(version)]

    of_joins = {"pcodes_of_areas", "pcodes_of_origins_and_hosts"}
    assert set(QUERIES) == {view.kind.format(level="N") for view in views} | of_joins
    assert all(query.startswith("-- ") for query in QUERIES.values())


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("version", API_VERSIONS)
def test_every_placeholder_that_is_used_is_known(dialect: str, version: Version) -> None:
    known = placeholders(place(dialect, version=version), 1)

    assert names_in(*QUERIES.values(), *known.values()) <= set(known)


def test_every_placeholder_that_is_known_is_used() -> None:
    known = [placeholders(place("bigquery", version=version), 1) for version in API_VERSIONS]

    used = names_in(*QUERIES.values(), *(text for each in known for text in each.values()))
    assert used == {name for each in known for name in each}


def test_the_folder_of_snapshots_holds_nothing_else() -> None:
    assert set(FOLDER.rglob("*.*")) == set(SNAPSHOTS)


@pytest.mark.parametrize("path", SNAPSHOTS, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_a_snapshot_is_up_to_date(path: Path) -> None:
    assert path.read_text(encoding="utf-8") == SNAPSHOTS[path], "run: python3 make.py generate"


def test_ages_are_counted_from_the_day_of_the_warehouse() -> None:
    tables, where = odd_rows(Random(1)), place("duckdb", levels=[0], today=dt.date(2052, 3, 1))
    with duckdb.connect() as db:
        db.execute(f"CREATE SCHEMA {SCHEMA}; {load(tables, where, 'duckdb')} {script(where)}")

        assert_views_answer(lambda query: rows_of(db, query), tables, where)
