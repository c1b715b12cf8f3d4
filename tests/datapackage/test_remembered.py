"""What DTM said at every run, out of a data package: it never gets shorter, and says of each run what was served."""

from __future__ import annotations

import tempfile
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

import duckdb
import pytest

from tap_dtm.sandbox import COUNTRY, INVISIBLE, VISIBLE, SandboxServer, tiny
from tests.asof import as_of, looked_at, without_additions
from tests.chance import CHANCE
from tests.datapackage.pipe import PackageTarget, descriptor, problems, resource
from tests.pipeline import sandbox_config
from tests.remembered import EVERYTHING, HISTORIES
from tests.target import run_tap, selecting
from tests.test_postgres import ALL_CODES, any_filters
from tests.world import LEVELS, count, served

if TYPE_CHECKING:
    from collections import Counter

    from tests.asof import Rows

pytestmark = pytest.mark.usefixtures("no_pages_in_this_module")


def in_duckdb(folder: Path, name: str) -> Rows:
    """Return the rows of a table as DuckDB reads its file, with times and dates as text."""
    path = folder / resource(folder, name)["path"]
    with duckdb.connect() as connection:
        columns = connection.sql(f"DESCRIBE FROM '{path}'").fetchall()
        shown = ", ".join(
            f"CAST({column} AS TEXT) AS {column}" if kind[:4] in {"DATE", "TIME"} else str(column)
            for column, kind, *_ in columns
        )
        found = connection.sql(f"SELECT {shown} FROM '{path}'")  # noqa: S608
        return [dict(zip(found.columns, row, strict=True)) for row in found.fetchall()]


def test_a_package_remembers_every_run(tmp_path: Path) -> None:
    """Through changed filters, a lost state, and what follows on it: then the tables are written from scratch."""
    rng = Random(CHANCE)
    target = PackageTarget(tmp_path / "package", formats=["parquet"])
    seen: list[list[Counter[str]]] = []
    with SandboxServer(tiny(rng, countries=3)) as sandbox:
        for run in range(5):
            filters = any_filters(sandbox.world, rng)
            config = sandbox_config(sandbox, scrub_fraction=1, accept_withdrawn_countries=ALL_CODES, **filters)
            run_tap(target, catalog=selecting(*EVERYTHING), **config)
            target.finish()
            seen.append([served(sandbox.world, level, **filters) for level in LEVELS])
            before = sandbox.world.countries
            sandbox.world.publish(*rng.sample((*VISIBLE, *COUNTRY, *INVISIBLE), 4), rng=rng)
            sandbox.world.countries = sandbox.world.countries or before  # an empty list is no answer
            target.state = {} if run == 2 else target.state

    runs = in_duckdb(target.folder, "runs")
    times = sorted({row["observed_at"] for row in runs})
    assert len(times) == len(seen)
    for level in LEVELS:
        rows = in_duckdb(target.folder, HISTORIES[level])
        for at, expected in zip(times, seen, strict=True):
            found = looked_at(runs, as_of(runs, rows, level, at), at)
            assert count(without_additions(found)) == expected[level]


def test_a_package_with_histories_is_valid_and_describes_them() -> None:
    """An operation that has left the lists stays in the history, which refers to no list."""
    with tempfile.TemporaryDirectory() as folder, SandboxServer(tiny(Random(1))) as sandbox:
        target = PackageTarget(Path(folder) / "package")
        config = sandbox_config(sandbox, accept_withdrawn_countries=ALL_CODES)
        for seed in range(3):
            run_tap(target, catalog=selecting(*EVERYTHING), **config)
            target.finish()
            sandbox.world.publish(*VISIBLE, rng=Random(seed))

        assert not problems(target.folder)
        tables = {each["name"]: each for each in descriptor(target.folder)["resources"]}
        for name in HISTORIES:
            assert "foreignKeys" not in tables[name]["schema"]
            assert "dtm:level" not in tables[name]  # readers take the table of a level for figures as they are
            assert tables[name]["schema"]["primaryKey"] == ["admin0_pcode", "operation", "row_number", "observed_at"]
            assert "states_not_rounds" in {each["code"] for each in tables[name]["dtm:usageWarnings"]}
        assert tables["runs"]["rows"] > 0
