"""What the views say is what the sandbox serves, worked out row by row, whatever was published before."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING, Any

import duckdb
import pytest

from tap_dtm.sandbox import COUNTRY, INVISIBLE, VISIBLE, SandboxServer, invent, tiny, world_at
from tap_dtm.views.script import script, views_of
from tests.chance import CHANCE
from tests.extent import mostly, sampled
from tests.target import MemoryTarget, run_tap
from tests.views.databases import (
    SCHEMA,
    assert_views_answer,
    assert_views_are_right,
    duckdb_with_views,
    place,
    rows_of,
)
from tests.views.filled import filled_duckdb
from tests.views.odd import load, odd_rows

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.world import Version

CODES = [f"X{a}{b}" for a in "ABCDEFGHIJKLMNOPQRSTUVWXYZ" for b in "ABCDEFGHIJKLMNOPQRSTUVWXYZ"]


@pytest.fixture
def db() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as connection:
        yield connection


def config(sandbox: SandboxServer, **settings: Any) -> dict[str, Any]:
    return {
        "api_url": sandbox.url,
        "subscription_key": sandbox.key,
        "scrub_fraction": 1,
        "accept_withdrawn_countries": CODES,
        **settings,
    }


@pytest.mark.parametrize("version", sampled(["v3", "v2"]))
def test_with_all_oddities_of_the_sandbox(db: duckdb.DuckDBPyConnection, tmp_path: Path, version: Version) -> None:
    target = MemoryTarget()
    with SandboxServer(world_at(seed=11, publication=3)) as sandbox:
        run_tap(target, **config(sandbox, api_version=version))

        query = duckdb_with_views(db, target, tmp_path, version)

        assert_views_are_right(query, sandbox.world, place("duckdb", version=version))


@pytest.mark.parametrize("seed", sampled([0, 1, CHANCE]))
def test_after_any_publications(db: duckdb.DuckDBPyConnection, tmp_path: Path, seed: int) -> None:
    rng, target = Random(seed), MemoryTarget()
    with SandboxServer(tiny(rng, countries=3)) as sandbox:
        for _ in range(3):
            run_tap(target, **config(sandbox))
            sandbox.world.publish(*rng.sample((*VISIBLE, *COUNTRY, *INVISIBLE), 5), rng=rng)
        run_tap(target, **config(sandbox))

        query = duckdb_with_views(db, target, tmp_path)

        assert_views_are_right(query, sandbox.world, place("duckdb"))


@pytest.mark.parametrize("levels", mostly([(0,), (1, 2)], [(0,), (1, 2), (0, 2), (2,)]), ids=str)
def test_with_some_levels_only(db: duckdb.DuckDBPyConnection, tmp_path: Path, levels: tuple[int, ...]) -> None:
    target = MemoryTarget()
    with SandboxServer(invent(3)) as sandbox:
        run_tap(target, **config(sandbox))

        query = duckdb_with_views(db, target, tmp_path, levels=levels)

        assert_views_are_right(query, sandbox.world, place("duckdb", levels=levels))


@pytest.mark.parametrize("levels", [(0, 1, 2), (0, 2), (2,)])
@pytest.mark.parametrize("seed", sampled([0, CHANCE]))
def test_with_rows_such_as_nobody_has_published_yet(seed: int, levels: tuple[int, ...]) -> None:
    tables = odd_rows(Random(seed))

    db = filled_duckdb(tables, levels=levels)

    assert_views_answer(lambda query: rows_of(db, query), tables, place("duckdb", levels=levels))


def test_views_of_another_version_or_other_levels_go(db: duckdb.DuckDBPyConnection) -> None:
    everything, less = place("duckdb"), place("duckdb", version="v2", levels=[0])
    tables = odd_rows(Random(0))
    db.execute(f"CREATE SCHEMA {SCHEMA}; {load(tables, everything, 'duckdb')} {script(everything)}")

    db.execute(script(less))

    views = rows_of(db, "SELECT view_name FROM duckdb_views() WHERE NOT internal")
    assert {view["view_name"] for view in views} == {view.name for view in views_of(less)}
