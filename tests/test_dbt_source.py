"""The dbt source files fit the tables that arrive, and dbt's own tests on them hold."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

import psycopg
import pytest
import yaml
from psycopg import sql

from generate.dbt import FOLDER, files
from tap_dtm.metadata import load_catalogue
from tests.environments import environment
from tests.pipeline import Warehouse
from tests.target import selecting

if TYPE_CHECKING:
    from pathlib import Path

    from demo.postgres import EmbeddedPostgres

pytestmark = pytest.mark.everything

GENERATED = files()
UNASKED = {table.name for table in load_catalogue().resources.values() if not table.selected_by_default}
PROJECT = {
    "name": "reader",
    "version": "1.0.0",
    "profile": "reader",
    "flags": {"send_anonymous_usage_stats": False, "use_colors": False},
}
PROFILE = {
    "reader": {
        "target": "test",
        "outputs": {
            "test": {
                "type": "postgres",
                "host": "127.0.0.1",
                "port": "{{ env_var('READER_PORT') | int }}",
                "user": "{{ env_var('READER_USER') }}",
                "password": "{{ env_var('READER_PASSWORD') }}",
                "dbname": "{{ env_var('READER_DATABASE') }}",
                "schema": "reader",
            }
        },
    }
}
MODEL = "SELECT COUNT(*) AS lines FROM {{ source('dtm', 'idp_admin0') }} WHERE _sdc_deleted_at IS NULL"
MODEL_ON_A_VIEW = "SELECT COUNT(*) AS rounds FROM {{ source('dtm_views', 'operation_rounds') }}"


@dataclass(frozen=True)
class Project:
    """A dbt project of someone who copied the files into it."""

    folder: Path
    warehouse: Warehouse

    def dbt(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run dbt."""
        server = self.warehouse.server
        settings = {
            "READER_PORT": str(server.port),
            "READER_USER": server.user,
            "READER_PASSWORD": server.password,
            "READER_DATABASE": server.database,
            "DBT_PROFILES_DIR": str(self.folder),
        }
        variables = json.dumps({"dtm_schema": self.warehouse.schema})
        return subprocess.run(
            [environment("dbt") / "dbt", *arguments, "--vars", variables],
            cwd=self.folder,
            env=os.environ | settings,
            capture_output=True,
            text=True,
            check=False,
        )

    def results(self) -> dict[str, str]:
        """Return the status of each test of the last run, by its name."""
        run = json.loads((self.folder / "target" / "run_results.json").read_text("utf-8"))
        return {result["unique_id"].split(".")[2]: result["status"] for result in run["results"]}


@pytest.fixture(scope="module")
def project(postgres: EmbeddedPostgres, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """Two publications of the sandbox and the views in Postgres, and a dbt project that reads them."""
    warehouse = Warehouse(postgres, "dtm_of_dbt", tmp_path_factory.mktemp("pipeline"))
    for publication in (1, 2):
        config = {"api_url": f"sandbox://?publication={publication}", "pcodes": "sandbox://", "scrub_fraction": 0}
        warehouse.sync(config, catalog=selecting(*load_catalogue().resources))
    subprocess.run(
        [sys.executable, "-m", "tap_dtm.views", "--schema", warehouse.schema, "--pcodes", "--history", "--install"],
        env=os.environ | {"TARGET_POSTGRES_SQLALCHEMY_URL": postgres.url},
        check=True,
    )
    folder = tmp_path_factory.mktemp("project")
    (folder / "models").mkdir()
    for path, text in GENERATED.items():
        (folder / "models" / path.name).write_text(text, encoding="utf-8")
    (folder / "models" / "lines.sql").write_text(MODEL)
    (folder / "models" / "rounds.sql").write_text(MODEL_ON_A_VIEW)
    (folder / "dbt_project.yml").write_text(yaml.safe_dump(PROJECT))
    (folder / "profiles.yml").write_text(yaml.safe_dump(PROFILE))
    return Project(folder, warehouse)


def test_the_folder_holds_nothing_else() -> None:
    assert set(FOLDER.iterdir()) == set(GENERATED)


@pytest.mark.parametrize("path", GENERATED, ids=lambda path: path.name)
def test_a_file_is_up_to_date(path: Path) -> None:
    assert path.read_text(encoding="utf-8") == GENERATED[path], "run: python3 make.py generate"


@pytest.mark.parametrize("path", GENERATED, ids=lambda path: path.name)
def test_what_a_file_describes_is_what_the_database_has(project: Project, path: Path) -> None:
    declared = {
        table["name"]: {column["name"] for column in table["columns"]}
        for source in yaml.safe_load(GENERATED[path])["sources"]
        for table in source["tables"]
    }

    found: dict[str, set[str]] = {}
    for row in project.warehouse.query(
        "SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = current_schema"
    ):
        if not row["column_name"].startswith("_sdc_") or row["column_name"] == "_sdc_deleted_at":
            found.setdefault(row["table_name"], set()).add(row["column_name"])
    assert declared == {name: found[name] for name in declared}
    everything = {
        table["name"] for text in GENERATED.values() for table in yaml.safe_load(text)["sources"][0]["tables"]
    }
    assert everything == found.keys() - UNASKED


def test_without_a_warning_dbts_tests_hold_and_models_read_tables_and_views(project: Project) -> None:
    """Also where a publication left tombstones."""
    (deleted,) = project.warehouse.query("SELECT COUNT(*) AS count FROM idp_admin0 WHERE _sdc_deleted_at IS NOT NULL")
    assert deleted["count"]

    build = project.dbt("--warn-error", "build", "--no-partial-parse", "--select", "source:dtm", "lines", "rounds")

    assert build.returncode == 0, build.stdout
    results = project.results()
    assert results.pop("lines") == results.pop("rounds") == "success"
    assert set(results.values()) == {"pass"}
    assert {f"dtm_{table}_key_is_unique" for table in ("operations", "idp_admin0", "idp_admin2")} <= set(results)
    assert {"dtm_operations_is_in_countries", "dtm_idp_admin1_is_in_operations"} <= set(results)
    (found,) = project.warehouse.query("SELECT lines, rounds FROM reader.lines, reader.rounds")
    (lines,) = project.warehouse.query("SELECT COUNT(*) AS lines FROM idp_admin0_current")
    (rounds,) = project.warehouse.query("SELECT COUNT(*) AS rounds FROM operation_rounds")
    assert found == lines | rounds


def test_a_broken_copy_is_distinguished_from_a_whole_one(project: Project) -> None:
    # Without the primary keys that target-postgres makes, so that rows can be doubled and lost. The copy takes the name
    # of the whole one, because dbt would read the project again for another.
    whole, set_aside = project.warehouse.schema, "dtm_whole"
    with psycopg.connect(project.warehouse.server.url) as connection:
        connection.execute(f"ALTER SCHEMA {whole} RENAME TO {set_aside}; CREATE SCHEMA {whole}".encode())
        connection.execute(f"SET search_path TO {whole}".encode())
        for table in ("countries", "operations", "idp_admin0", "idp_admin1", "idp_admin2"):
            connection.execute(f"CREATE TABLE {table} AS TABLE {set_aside}.{table}".encode())
        connection.execute("INSERT INTO idp_admin1 SELECT * FROM idp_admin1 LIMIT 1")
        connection.execute("UPDATE idp_admin2 SET reporting_date = NULL WHERE row_number = 1")
        connection.execute("DELETE FROM countries WHERE admin0_pcode = 'XAA'")

    test = project.dbt("test", "--select", "source:dtm")

    with psycopg.connect(project.warehouse.server.url) as connection:
        connection.execute(f"DROP SCHEMA {whole} CASCADE; ALTER SCHEMA {set_aside} RENAME TO {whole}".encode())
    assert test.returncode == 1, test.stdout
    assert {name: status for name, status in project.results().items() if status != "pass"} == {
        "dtm_idp_admin1_key_is_unique": "fail",
        "source_not_null_dtm_idp_admin2_reporting_date": "fail",
        "dtm_operations_is_in_countries": "warn",
        "dtm_idp_admin0_is_in_countries": "warn",
        "dtm_idp_admin1_is_in_countries": "warn",
        "dtm_idp_admin2_is_in_countries": "warn",
    }


def test_freshness_tells_when_the_last_run_is_too_long_ago(project: Project) -> None:
    with psycopg.connect(project.warehouse.server.url) as connection:
        table = sql.Identifier(project.warehouse.schema, "operations")
        connection.execute(sql.SQL("UPDATE {} SET _sdc_batched_at = _sdc_batched_at - INTERVAL '2 days'").format(table))

    freshness = project.dbt("source", "freshness", "--select", "source:dtm")

    assert "WARN freshness of dtm.operations" in freshness.stdout
    assert "PASS freshness of dtm.countries" in freshness.stdout
    assert "idp_admin0" not in freshness.stdout  # what has not changed is not sent again, and is no older for that
