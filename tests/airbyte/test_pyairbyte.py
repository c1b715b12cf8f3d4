"""PyAirbyte reads into its DuckDB cache, offline: the tables equal the API after any history of publications."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from random import Random
from typing import IO, TYPE_CHECKING, Any

import pytest

from tap_dtm.airbyte.catalog import CURSOR, DELETED
from tap_dtm.sandbox import COUNTRY, INVISIBLE, VISIBLE, SandboxServer, tiny
from tests.airbyte.support import HISTORIES, STREAMS, Source
from tests.asof import as_of, looked_at, without_additions
from tests.chance import CHANCE
from tests.environments import environment
from tests.forked import forked_program
from tests.guards.support import add_a_round_in, config_for, small_world
from tests.test_postgres import ALL_CODES
from tests.world import LEVELS, assert_positions_are_whole, count, served

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tap_dtm.sandbox import Mutation, World

PYTHONS = pytest.mark.skipif(sys.version_info >= (3, 13), reason="PyAirbyte wants an older Python")
pytestmark = [PYTHONS, pytest.mark.everything]
READER = Path(__file__).with_name("pyairbyte_reader.py")


class Reader:
    """A PyAirbyte that waits for orders, with a source and a cache."""

    def __init__(self, process: subprocess.Popen[str], config: dict[str, Any], folder: Path, *streams: str) -> None:
        self._process = process
        self._order = json.dumps([json.dumps(config), str(folder), *streams])
        self.tables: dict[str, list[dict[str, Any]]] = {}

    def read(self) -> int:
        """Read once; return how many records came."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{self._order}\n")
        self._process.stdin.flush()
        answer = json.loads(self._process.stdout.readline())
        self.tables = answer["tables"]
        return int(answer["read"])

    def live(self, stream: str) -> list[dict[str, Any]]:
        """Return the rows of a table that are not deleted, as the API words them."""
        rows = [row for row in self.tables[stream] if row[DELETED] is None]
        own = {name for row in rows for name in row if name.startswith("_airbyte_")} | {CURSOR, DELETED}
        return [{name: as_published(name, value) for name, value in row.items() if name not in own} for row in rows]

    def assert_equals_api(self, world: World) -> None:
        for level in LEVELS:
            rows = self.live(f"idp_admin{level}")
            assert count(rows) == served(world, level)
            assert_positions_are_whole(rows)
        assert len(self.live("countries")) == len(world.country_list())
        assert len(self.live("operations")) == len(world.operation_list())


def as_published(name: str, value: Any) -> Any:
    return str(value)[:10] if name == "reporting_date" else value


@pytest.fixture(scope="module")
def pyairbyte(tmp_path_factory: pytest.TempPathFactory) -> Iterator[subprocess.Popen[str]]:
    """A PyAirbyte that waits for orders: its start takes longer than a read."""
    source = Source(tmp_path_factory.mktemp("pyairbyte"))
    log: IO[str]
    with (source.folder / "pyairbyte.log").open("w+") as log:
        process = subprocess.Popen(
            [environment("airbyte-pyairbyte") / "python", READER, forked_program("source-dtm")],
            cwd=source.folder,
            env=source.environment
            | {"AIRBYTE_OFFLINE_MODE": "1", "DO_NOT_TRACK": "1", "HOME": str(source.folder)}
            | {"AIRBYTE_LOGGING_ROOT": str(source.folder / "logs"), "NO_LIVE_PROGRESS": "1"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )
        yield process
        process.communicate()
        assert process.returncode == 0, Path(log.name).read_text("utf-8")


def test_reads_everything_once_and_then_what_has_changed(pyairbyte: subprocess.Popen[str], tmp_path: Path) -> None:
    rng = Random(CHANCE)
    with SandboxServer(small_world()) as sandbox:
        config = config_for(sandbox) | {"accept_withdrawn_countries": ALL_CODES}
        reader = Reader(pyairbyte, config, tmp_path, *STREAMS)
        assert_reads_once(reader, sandbox)
        for _ in range(2):
            publish_at_random(sandbox, rng, *VISIBLE, *COUNTRY)
            reader.read()
            reader.assert_equals_api(sandbox.world)


def assert_reads_once(reader: Reader, sandbox: SandboxServer) -> None:
    lists = len(sandbox.world.country_list()) + len(sandbox.world.operation_list())
    rows = sum(served(sandbox.world, level).total() for level in LEVELS)

    assert reader.read() == lists + rows
    assert set(reader.tables) == set(STREAMS)
    assert reader.read() == lists
    sandbox.world.publish(add_a_round_in(1))
    assert reader.read() == lists + 1 + 3 + 3  # admin 0, 1 and 2
    reader.assert_equals_api(sandbox.world)


def publish_at_random(sandbox: SandboxServer, rng: Random, *mutations: Mutation) -> None:
    before = sandbox.world.countries
    sandbox.world.publish(*rng.sample(mutations, 4), rng=rng)
    sandbox.world.countries = sandbox.world.countries or before  # an empty list is no answer


def test_remembers_what_the_api_served_at_every_read(pyairbyte: subprocess.Popen[str], tmp_path: Path) -> None:
    rng = Random(CHANCE)
    seen = []
    with SandboxServer(tiny(rng)) as sandbox:
        config = config_for(sandbox) | {"accept_withdrawn_countries": ALL_CODES, "scrub_fraction": 1}
        reader = Reader(pyairbyte, config, tmp_path, *HISTORIES, "runs")
        for _ in range(3):
            reader.read()
            seen.append([served(sandbox.world, level) for level in LEVELS])
            publish_at_random(sandbox, rng, *VISIBLE, *COUNTRY, *INVISIBLE)

    tables = {name: [own(row) for row in rows] for name, rows in reader.tables.items()}
    times = sorted({row["observed_at"] for row in tables["runs"]})
    for level in LEVELS:
        for at, expected in zip(times, seen, strict=True):
            found = as_of(tables["runs"], tables[HISTORIES[level]], level, at)
            assert count(without_additions(looked_at(tables["runs"], found, at))) == expected[level]


def own(row: dict[str, Any]) -> dict[str, Any]:
    """Return what the source sent of a row, but for the time of the sync."""
    kept = {name: value for name, value in row.items() if not name.startswith("_a")}
    return {name: as_published(name, value) for name, value in kept.items()}
