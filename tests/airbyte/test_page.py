"""The page on Airbyte, dlt and orchestrators, run word by word."""

from __future__ import annotations

import json
import subprocess
import sys
from random import Random
from typing import TYPE_CHECKING, Any

import duckdb
import pytest

from tap_dtm.sandbox import COUNTRY, VISIBLE, Fault, SandboxServer, tiny
from tests.airbyte.test_pyairbyte import PYTHONS
from tests.environments import environment
from tests.forked import forked_program
from tests.guards.support import config_for, small_world
from tests.pages import blocks, page
from tests.test_postgres import ALL_CODES
from tests.world import LEVELS, count, served

if TYPE_CHECKING:
    from pathlib import Path

    from tap_dtm.sandbox import World
    from tests.airbyte.support import Source

pytestmark = pytest.mark.everything

PYAIRBYTE, DLT, AIRFLOW, DAGSTER = blocks(page("airbyte-dlt-orchestrators"), "python")


@pytest.fixture
def folder(source: Source) -> Path:
    """A folder in which the programs are where the page puts them."""
    commands = source.folder / "tap" / "bin"
    commands.mkdir(parents=True)
    for name in ("source-dtm", "tap-dtm"):
        (commands / name).symlink_to(forked_program(name))
    return source.folder


def run(source: Source, *command: str | Path, exit_code: int = 0) -> str:
    own = {"HOME": str(source.folder), "AIRBYTE_OFFLINE_MODE": "1", "DO_NOT_TRACK": "1", "NO_LIVE_PROGRESS": "1"}
    own |= {"AIRBYTE_LOGGING_ROOT": str(source.folder / "logs"), "RUNTIME__DLTHUB_TELEMETRY": "false"}
    own |= {"DLT_DATA_DIR": str(source.folder / "dlt")}
    own |= {"AIRFLOW_HOME": str(source.folder / "airflow"), "DAGSTER_HOME": str(source.folder)}
    done = subprocess.run(
        command, cwd=source.folder, env=source.environment | own, capture_output=True, text=True, check=False
    )
    assert done.returncode == exit_code, done.stdout + done.stderr
    return done.stdout


class TestDlt:
    def test_equals_the_api_whatever_is_published(self, source: Source, folder: Path) -> None:
        rng = Random(3)
        (folder / "dtm_dlt.py").write_text(DLT)
        with SandboxServer(tiny(rng)) as sandbox:
            config = config_for(sandbox) | {"accept_withdrawn_countries": ALL_CODES}
            (folder / "config.json").write_text(json.dumps(config))
            for _ in range(2):
                run(source, environment("airbyte-dlt") / "python", "dtm_dlt.py")
                self.assert_equals_api(folder, sandbox.world)
                sandbox.world.publish(*rng.sample((*VISIBLE, *COUNTRY[:1]), 3), rng=rng)

    def test_loads_what_it_has_although_a_country_fails(self, source: Source, folder: Path) -> None:
        (folder / "dtm_dlt.py").write_text(DLT)
        with SandboxServer(small_world()) as sandbox:
            (folder / "config.json").write_text(json.dumps(config_for(sandbox)))
            sandbox.faults.add(Fault("status", country="XBA"))
            run(source, environment("airbyte-dlt") / "python", "dtm_dlt.py", exit_code=1)
            sandbox.faults.clear()
            sandbox.requests.clear()

            run(source, environment("airbyte-dlt") / "python", "dtm_dlt.py")

            asked = [request.params["Admin0Pcode"] for request in sandbox.requests if "Admin0Pcode" in request.params]
            self.assert_equals_api(folder, sandbox.world)
        assert asked.count("XBA") > asked.count("XAA") == 1

    @staticmethod
    def assert_equals_api(folder: Path, world: World) -> None:
        for level in LEVELS:
            assert count(rows_of(folder, f"idp_admin{level}")) == served(world, level)
        assert len(rows_of(folder, "countries")) == len(world.country_list())


def rows_of(folder: Path, table: str) -> list[dict[str, Any]]:
    with duckdb.connect(str(folder / "dtm.duckdb"), read_only=True) as connection:
        cursor = connection.execute(f"SELECT * EXCLUDE (_dlt_id, _dlt_load_id) FROM displacement.{table}")  # noqa: S608
        names = [column[0] for column in cursor.description]
        rows = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
    return [row | {"reporting_date": str(row["reporting_date"])} if "reporting_date" in row else row for row in rows]


class TestOrchestrators:
    @PYTHONS
    def test_dagster_runs_pyairbyte(self, source: Source, folder: Path) -> None:
        (folder / "pyairbyte").symlink_to(environment("airbyte-pyairbyte").parent)
        (folder / "dtm.py").write_text(PYAIRBYTE)
        (folder / "definitions.py").write_text(DAGSTER.replace("/srv/dtm", str(folder)))
        dagster = environment("orchestrators") / "dagster"

        run(source, dagster, "asset", "materialize", "-f", "definitions.py", "--select", "dtm")

        assert list((folder / ".cache").rglob("*.duckdb"))

    @pytest.mark.parametrize("code", [0, 1])
    def test_airflow_sees_the_exit_code(self, source: Source, folder: Path, code: int) -> None:
        (folder / "pyairbyte").symlink_to(sys.prefix)
        (folder / "dtm.py").write_text(f"raise SystemExit({code})")
        (folder / "dag.py").write_text(AIRFLOW.replace("/srv/dtm", str(folder)) + 'dag.get_task("read").execute({})')

        run(source, environment("orchestrators") / "python", "dag.py", exit_code=code)
